//! One request: the handler is made, run, and its response finished.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::diagnostics;
use crate::server::config::Config;
use crate::server::handle::ServerHandle;
use crate::server::hooks::{ErrorReport, Shown, catch};
use crate::server::seat::Seat;
use crate::server::waker::Waker;
use crate::transport::Transport;

use crate::http::Http;
use crate::http::answer::lent::Lent;
use crate::http::bodies::decoder::BodyDecoder;
use crate::http::bodies::link::Link;
use crate::http::bodies::outlet::Outlet;
use crate::http::bodies::output::Output;
use crate::http::bodies::rfile::{Failure, GAVE_WAY, RFile};
use crate::http::bodies::wfile::WFile;
use crate::http::exchange::upgrade::Upgraded;
use crate::http::exchange::{Context, Exchange, Record, Request};
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::handler::verbs::dispatch;
use crate::http::log::record::{LogRecord, What};
use crate::http::message::fields;
use crate::http::message::framing::{Expect, Framing};
use crate::http::message::refusal::Refusal;
use crate::http::message::status_error::StatusError;

/// Where a request is served: who asks, and what for.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) server: &'a ServerHandle,
    pub(crate) config: &'a Config,
    pub(crate) transport: &'a Arc<Transport>,
    pub(crate) seat: &'a Seat<'a>,
    pub(crate) waker: Waker<'a>,
}

/// What became of a request.
pub(crate) struct Served {
    /// The connection is to be closed after what is in the output.
    pub(crate) close: bool,
    /// The connection is to be cut: what the client got is not whole.
    pub(crate) cut: bool,
    /// Octets behind the head that were received: from, to.
    pub(crate) rest: (usize, usize),
    /// The whole body was received.
    pub(crate) complete: bool,
    /// The part of the body that was not read, if it is worth reading.
    pub(crate) unread: Option<Box<BodyDecoder>>,
    /// The connection has become a stream.
    pub(crate) upgraded: Option<Arc<Upgraded>>,
}

impl<H: BaseHttpRequestHandler> Http<H> {
    /// Serves the request in `request`, or refuses it. `buffer` holds what follows its head, `filled` octets so far.
    #[inline(never)]
    pub(crate) fn serve(
        &self,
        site: Site<'_>,
        mut request: Request<'_>,
        refusal: Option<&Refusal>,
        buffer: &mut [u8],
        filled: usize,
        lent: &mut Lent<H>,
    ) -> Served {
        let Lent { slot, output: lent_output, response, records, .. } = lent;
        let panic = slot.fill(self, request.route.generation).err();
        let (mut handler, identity) = slot.contents();
        // What happened before the request began must not be confused with what its handler did itself.
        if !request.route.only_reads {
            request.began = None;
        }
        exclusive(lent_output).begin();
        response.clear();
        let fields = request.is_whole.then(|| request.head.fields(request.octets));
        let client = site.config.client_behind(site.transport, fields);
        let context = Context {
            server: site.server,
            client,
            waker: site.waker,
            link: Link::new(site.transport, site.seat, site.config, site.server.access_log()),
            identity,
        };
        let head = request.head;
        response.must_close = refusal.is_some() || !head.keep_alive();
        let close = response.must_close;
        let framing = if refusal.is_some() { Framing::Length(0) } else { head.framing() };
        let expects = refusal.is_none() && head.expect() == Expect::Continue && filled == 0;
        let outlet = match framing {
            // The reader of a body that is here as a whole neither asks for it nor waits.
            Framing::Length(length) if length <= filled as u64 => Outlet::Own(exclusive(lent_output)),
            _ => Outlet::Shared(lent_output),
        };
        let mut http = Exchange {
            request,
            context: &context,
            rfile: RFile::new(buffer, filled, framing, expects, &context.link, outlet.shared()),
            wfile: WFile::new(outlet, &context.link),
            response,
            answered: false,
            close,
            records,
            params: Vec::new(),
            mount: 0,
            leaf: request.route.leaf,
            upgraded: None,
            place: None,
        };

        let mut cut = false;
        let outcome = match (refusal, panic, &mut handler) {
            (_, Some(panic), _) => Err(Trouble::Panic(panic)),
            (Some(refusal), ..) => refuse(&mut http, refusal),
            (None, None, Some(handler)) => run(*handler, &mut http),
            (None, None, None) => unreachable!("a handler that was made is there"),
        };
        let stays = request.route.only_reads && !matches!(outcome, Err(Trouble::Panic(_)));
        let outcome = outcome.and_then(|()| http.check_upgrade().map_err(Trouble::of));
        if let Err(trouble) = outcome {
            cut = !http.recover(&trouble);
            if let Trouble::Error(error) = trouble
                && let Err(panic) = error.dropped
            {
                site.report(client, panic, true);
            }
        }

        let upgraded = http.upgraded.take();
        let unread = http.settle_body(site.config);
        let rest = http.rfile.rest();
        let decoder = (unread == Unread::Some).then(|| Box::new(http.rfile.take_decoder()));
        let ends = head.wants_upgrade() && upgraded.is_none() && ends_unchanged(&http, unread, rest);
        let output = exclusive(lent_output);
        if unread == Unread::TooMuch || site.server.is_stopping() || ends {
            output.set_close();
        }
        if !cut && let Err(error) = output.finish(site.config.buffer_size) {
            site.warn(&error);
            cut = true;
        }
        // 101 was said, and nothing of the new protocol came: the client waits for what will not come.
        cut |= output.is_broken() || output.status() == 101;
        // How a stream ended is its own affair.
        cut &= upgraded.is_none();
        if cut {
            output.withhold();
        }

        let response = output.has_head().then(|| {
            let (status, octets) = (output.status(), output.content());
            site.server.counters().answered(site.waker.index, status, octets);
            What::Response { status, octets }
        });
        let (close, output) = (output.closes(), &*lent_output);
        let record = |what| LogRecord {
            server: site.server,
            client_address: client,
            request_line: head.request_line(request.octets),
            headers: head.fields(request.octets),
            what,
            arrived: request.arrived,
            cut,
            keeper: output,
        };
        let logged = catch(|| {
            if !records.is_empty() {
                deliver_all(handler.as_deref(), records, record);
            }
            if let Some(response) = response {
                deliver(handler.as_deref(), &record(response));
            }
        });
        records.clear();
        let stays = stays && logged.is_ok();
        let dropped = if stays { Ok(()) } else { slot.empty() };
        for panicked in [logged, dropped] {
            if let Err(panic) = panicked {
                site.report(client, panic, true);
            }
        }
        Served { close, cut, rest, complete: unread == Unread::Nothing, unread: decoder, upgraded }
    }
}

/// The output, while nobody else has it.
pub(crate) fn exclusive(output: &mut Mutex<Output>) -> &mut Output {
    output.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What went wrong in a handler.
enum Trouble {
    /// What it is to be answered with.
    Status(Box<StatusError>),
    Error(Box<Shown>),
    Panic(String),
}

impl Trouble {
    /// Of an error that a handler returned. It is the user's: from here on only what it says is
    /// left.
    #[cold]
    fn of(error: crate::Error) -> Self {
        let error = match error.downcast::<StatusError>() {
            Ok(status) => return Self::Status(status),
            Err(error) => error,
        };
        match StatusError::within(&error) {
            Some(status) => Self::Status(Box::new(status.clone())),
            None => Self::Error(Box::new(Shown::of(error))),
        }
    }

    fn is_panic(&self) -> bool {
        matches!(self, Self::Panic(_))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    Nothing,
    Some,
    /// So much that the connection is closed rather than that it is read.
    TooMuch,
}

fn run<H: BaseHttpRequestHandler>(handler: &mut H, http: &mut Exchange<'_>) -> Result<(), Trouble> {
    if http.request.head.expect() == Expect::Unknown {
        // Whether the client sends its body after that, nobody knows.
        http.must_close();
        return http.send_error(417, None, None).map_err(Trouble::of);
    }
    match catch(|| dispatch(handler, http)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(Trouble::of(error)),
        Err(panic) => return Err(Trouble::Panic(panic)),
    }
    if http.answered {
        return Ok(());
    }
    if http.response.status().is_some() {
        // The handler forgot to end the head, or to look at what that said.
        return http.end_headers().map_err(Trouble::of);
    }
    Err(Trouble::of("the handler returned without a response".into()))
}

/// Whether the connection must end after a request that offered to go on in another protocol and
/// stayed HTTP. `rest`: where in the buffer the bytes are that came behind the request.
///
/// A client that is sure to be understood may send the first bytes of the new protocol without
/// waiting for the answer. Whoever chooses these must not thereby make a request. So the connection
/// ends where bytes are there, and after an error also where they may still come. Clients of `h2c`
/// wait, and offer it with any request.
#[cold]
fn ends_unchanged(http: &Exchange<'_>, unread: Unread, rest: (usize, usize)) -> bool {
    let fields = http.headers();
    if !fields.contains("Upgrade") {
        return false;
    }
    let is_error = http.answered && http.wfile.outlet.status() >= 400;
    let mut protocols = fields.get_all("Upgrade").flat_map(fields::list_members);
    unread != Unread::Nothing
        || rest.0 < rest.1
        || is_error && protocols.any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c"))
}

#[cold]
fn refuse(http: &mut Exchange<'_>, refusal: &Refusal) -> Result<(), Trouble> {
    http.send_error(refusal.status, Some(&refusal.message), refusal.explain.as_deref()).map_err(Trouble::of)
}

impl Exchange<'_> {
    /// Answers for a handler that failed. False: it can't be answered any more, the connection must be cut.
    #[inline(never)]
    fn recover(&mut self, trouble: &Trouble) -> bool {
        let site = Site {
            server: self.context.server,
            config: self.context.link.config,
            transport: self.context.link.transport,
            seat: self.context.link.seat,
            waker: self.context.waker,
        };
        // What the handler makes of a body that cannot be read to its end is of no account.
        let asked = match (self.rfile.failure(), trouble) {
            (None, Trouble::Status(error)) if (300..600).contains(&error.status) => Some(&**error),
            _ => None,
        };
        let refusal = match self.rfile.failure().filter(|_| !trouble.is_panic()) {
            Some(Failure::Gone(kind)) => {
                diagnostics::debug!(
                    "{}: the client left while it sent its request: {kind}",
                    site.transport.peer
                );
                return false;
            }
            Some(Failure::Refused(refusal)) => Some(refusal.clone()),
            Some(Failure::TimedOut) => {
                Some(Refusal::new(408, "Request Timeout").explained("The request body took too long"))
            }
            Some(Failure::GaveWay) => Some(Refusal::new(408, "Request Timeout").explained(GAVE_WAY)),
            None => None,
        };
        if !trouble.is_panic() && self.upgraded.as_ref().is_some_and(|upgraded| upgraded.is_left()) {
            diagnostics::debug!("{}: the client left its stream", site.transport.peer);
            return false;
        }
        {
            let mut output = self.wfile.outlet.open();
            if output.is_broken() {
                diagnostics::debug!("{}: the client left before it had its response", site.transport.peer);
                return false;
            }
            if refusal.is_none() && asked.is_none() {
                let (text, panicked) = match trouble {
                    Trouble::Status(error) => (error.to_string(), false),
                    Trouble::Error(error) => (error.text.clone(), error.panicked),
                    Trouble::Panic(message) => (message.clone(), true),
                };
                site.report(self.context.client, text, panicked);
            }
            if !output.discard() {
                return false;
            }
        }
        // The request of a handler that failed has its end. Of what panicked nothing is known, and
        // of a body that cannot be read to its end not where the next request begins.
        let must_close =
            self.response.must_close || refusal.is_some() || matches!(trouble, Trouble::Panic(_));
        self.close |= must_close;
        self.answered = false;
        self.response.reset();
        self.response.must_close = must_close;
        if let Some(StatusError { status, message, explain, fields }) = asked {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let sent = if fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("Content-Type")) {
                Err("the Content-Type is that of the page".into())
            } else {
                self.send_error_with(*status, message.as_deref(), explain.as_deref(), &fields)
            };
            let Err(why) = sent else { return true };
            let why = format!("a StatusError for {status} cannot be sent: {why}");
            site.report(self.context.client, why, false);
            self.response.reset();
            self.response.must_close = must_close;
        }
        let refusal = refusal.unwrap_or_else(|| Refusal::new(500, "Internal Server Error"));
        refuse(self, &refusal).is_ok()
    }

    /// The connection ends after the response, whatever the handler says.
    #[cold]
    pub(crate) fn must_close(&mut self) {
        self.close = true;
        self.response.must_close = true;
    }

    /// Looks at what the handler left of the body.
    fn settle_body(&mut self, config: &Config) -> Unread {
        self.rfile.skip_buffered();
        if self.rfile.is_done() {
            return Unread::Nothing;
        }
        // A client that was not told to continue may send its body or not: no telling what comes
        // next (RFC 9110 §10.1.1). One that began to send it unasked may stop.
        let is_waiting = self.request.head.expect() == Expect::Continue && !self.rfile.has_continued();
        let too_much = self.rfile.failure().is_some()
            || is_waiting
            || self.rfile.remaining_hint().is_some_and(|left| left > config.max_drain_size);
        if too_much { Unread::TooMuch } else { Unread::Some }
    }
}

impl Site<'_> {
    #[cold]
    fn warn(&self, what: &str) {
        diagnostics::warning!("{}: {what}", self.transport.peer);
    }

    #[cold]
    fn report(&self, client_address: SocketAddr, error: String, panicked: bool) {
        self.server.hooks().report(&ErrorReport { client_address, error, panicked });
    }
}

/// Hands a record to the handler; there is none if it could not be made.
fn deliver<H: BaseHttpRequestHandler>(handler: Option<&H>, record: &LogRecord<'_>) {
    match (handler, &record.what) {
        (None, _) => record.write(),
        (Some(handler), What::Response { .. } | What::Request { .. }) => handler.log_request(record),
        (Some(handler), What::Error(_)) => handler.log_error(record),
        (Some(handler), What::Message(_)) => handler.log_message(record),
    }
}

/// What the handler itself had to say.
#[inline(never)]
fn deliver_all<'r, H: BaseHttpRequestHandler>(
    handler: Option<&H>,
    records: &'r [Record],
    record: impl Fn(What<'r>) -> LogRecord<'r>,
) {
    for earlier in records {
        deliver(handler, &record(earlier.what()));
    }
}

impl Record {
    fn what(&self) -> What<'_> {
        match self {
            Self::Request { status, octets } => What::Request { status: *status, octets: *octets },
            Self::Error(text) => What::Error(text),
            Self::Message(text) => What::Message(text),
        }
    }
}
