//! Serving one request: the handler is made and run, and its response is completed.

use std::sync::{Arc, Mutex};

use crate::diagnostics;
use crate::error::{MisuseError, misuse};
use crate::server::config::Config;
use crate::server::error_report::{ErrorReport, Failed};
use crate::server::handle::ServerHandle;
use crate::server::hooks::catch;
use crate::server::seat::Seat;
use crate::server::waker::Waker;
use crate::transport::Transport;

use crate::http::Http;
use crate::http::answer::lent::Lent;
use crate::http::bodies::decoder::BodyDecoder;
use crate::http::bodies::link::Link;
use crate::http::bodies::outlet::Outlet;
use crate::http::bodies::output::Output;
use crate::http::bodies::rfile::{Failure, SENDER_GAVE_WAY, RFile};
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

/// The server, connection and thread that serve a request.
#[derive(Clone, Copy)]
pub(crate) struct ServeContext<'a> {
    pub(crate) server: &'a ServerHandle,
    pub(crate) config: &'a Config,
    pub(crate) transport: &'a Arc<Transport>,
    pub(crate) seat: &'a Seat<'a>,
    pub(crate) waker: Waker<'a>,
}

/// The result of serving a request.
pub(crate) struct Served {
    /// Whether the connection is to be closed after the bytes in the output are sent.
    pub(crate) close: bool,
    /// Whether the connection is to be cut, because the response that the client got is incomplete.
    pub(crate) cut: bool,
    /// The bytes that were received behind the head and are not used: their begin and end in the
    /// buffer.
    pub(crate) rest: (usize, usize),
    /// Whether the whole body was received.
    pub(crate) complete: bool,
    /// The decoder at the unread part of the body, if that part is to be read and discarded.
    pub(crate) unread: Option<Box<BodyDecoder>>,
    /// The stream that the connection has become.
    pub(crate) upgraded: Option<Arc<Upgraded>>,
}

impl<H: BaseHttpRequestHandler> Http<H> {
    /// Serves `request`, or refuses it. `buffer` holds what follows the head of the request;
    /// `filled` bytes of it have been received so far.
    #[inline(never)]
    pub(crate) fn serve(
        &self,
        cx: ServeContext<'_>,
        mut request: Request<'_>,
        refusal: Option<&Refusal>,
        buffer: &mut [u8],
        filled: usize,
        lent: &mut Lent<H>,
    ) -> Served {
        let Lent { slot, output: lent_output, response, records, .. } = lent;
        let panic = slot.fill(self, request.route.generation).err();
        let (mut handler, identity) = slot.contents();
        // With `began`, a file may be sent as it was when the request began. If code of the user
        // runs first, the response must show what that code changed.
        if !request.route.only_reads {
            request.began = None;
        }
        exclusive(lent_output).begin();
        response.clear();
        let fields = request.is_whole.then(|| request.head.fields(request.bytes));
        let client = cx.config.client_behind(cx.transport, fields);
        let context = Context {
            server: cx.server,
            client,
            waker: cx.waker,
            link: Link::new(cx.transport, cx.seat, cx.config, cx.server.access_log()),
            identity,
        };
        let head = request.head;
        response.must_close = refusal.is_some() || !head.keep_alive();
        let close = response.must_close;
        let framing = if refusal.is_some() { Framing::Length(0) } else { head.framing() };
        let expects = refusal.is_none() && head.expect() == Expect::Continue && filled == 0;
        let outlet = match framing {
            // If the whole body is here, its reader never asks for it and never waits, so it needs
            // no access to the output.
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
            counted_stream: None,
        };

        let mut cut = false;
        let outcome = match (refusal, panic, &mut handler) {
            (_, Some(panic), _) => Err(HandlerError::Panic(panic)),
            (Some(refusal), ..) => refuse(&mut http, refusal),
            (None, None, Some(handler)) => run(*handler, &mut http),
            (None, None, None) => unreachable!("a handler that was made is there"),
        };
        let stays = request.route.only_reads && !matches!(outcome, Err(HandlerError::Panic(_)));
        let outcome = outcome.and_then(|()| http.check_upgrade().map_err(HandlerError::of));
        if let Err(error) = outcome {
            cut = !http.recover(&error);
            if let HandlerError::Error(error) = error
                && let Err(panic) = error.end()
            {
                cx.report(&ErrorReport::of_panic(client, panic));
            }
        }

        let upgraded = http.upgraded.take();
        let unread = http.unread_body(cx.config);
        let rest = http.rfile.rest();
        let decoder = (unread == Unread::Some).then(|| Box::new(http.rfile.take_decoder()));
        let ends = head.wants_upgrade() && upgraded.is_none() && ends_unchanged(&http, unread, rest);
        let output = exclusive(lent_output);
        if unread == Unread::TooMuch || cx.server.is_stopping() || ends {
            output.set_close();
        }
        if !cut && let Err(error) = output.finish(cx.config.buffer_size) {
            cx.warn(&error);
            cut = true;
        }
        // A client that got 101 without a stream behind it would wait in vain for the new protocol.
        cut |= output.is_broken() || output.status() == 101;
        // If the connection became a stream, it is up to the stream how the connection ends.
        cut &= upgraded.is_none();
        if cut {
            output.withhold();
        }

        let response = output.has_head().then(|| {
            let (status, bytes) = (output.status(), output.content());
            cx.server.counters().answered(cx.waker.index, status, bytes);
            What::Response { status, bytes }
        });
        let (close, output) = (output.closes(), &*lent_output);
        let record = |what| LogRecord {
            server: cx.server,
            client_address: client,
            request_line: head.request_line(request.bytes),
            headers: head.fields(request.bytes),
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
                cx.report(&ErrorReport::of_panic(client, panic));
            }
        }
        Served { close, cut, rest, complete: unread == Unread::Nothing, unread: decoder, upgraded }
    }
}

/// Returns the output, which nothing else uses now.
pub(crate) fn exclusive(output: &mut Mutex<Output>) -> &mut Output {
    output.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Why a handler failed.
enum HandlerError {
    /// An error that names the response for the client.
    Status(Box<StatusError>),
    Error(Box<Failed>),
    Panic(String),
}

impl HandlerError {
    /// Converts an error that a handler returned.
    #[cold]
    fn of(error: crate::Error) -> Self {
        let error = match error.downcast::<StatusError>() {
            Ok(status) => return Self::Status(status),
            Err(error) => error,
        };
        match StatusError::within(&error) {
            Some(status) => Self::Status(Box::new(status.clone())),
            None => Self::Error(Box::new(Failed::new(error))),
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
    /// The connection is closed instead, because the rest is too long, or may never arrive.
    TooMuch,
}

fn run<H: BaseHttpRequestHandler>(handler: &mut H, http: &mut Exchange<'_>) -> Result<(), HandlerError> {
    if http.request.head.expect() == Expect::Unknown {
        // It is unknown whether the client sends its body after this response.
        http.must_close();
        return http.send_error(417, None, None).map_err(HandlerError::of);
    }
    match catch(|| dispatch(handler, http)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(HandlerError::of(error)),
        Err(panic) => return Err(HandlerError::Panic(panic)),
    }
    if http.answered {
        return Ok(());
    }
    if http.response.status().is_some() {
        // The handler did not call `end_headers`, or ignored the error that it returned.
        return http.end_headers().map_err(HandlerError::of);
    }
    Err(HandlerError::of(MisuseError::new("the handler returned without a response").into()))
}

/// Whether the connection must end after a request that offered to change to another protocol but
/// was answered in HTTP. `rest`: the begin and end, in the buffer, of the bytes that followed the
/// request.
///
/// A client may send the first bytes of the new protocol without waiting for the answer, if it is
/// sure that the server speaks that protocol. Whoever chooses these bytes must not be able to forge
/// a request with them. So the connection ends if bytes have arrived, and after an error also if
/// they may still arrive. Clients of `h2c` wait for the answer, and offer the protocol with any
/// request.
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
fn refuse(http: &mut Exchange<'_>, refusal: &Refusal) -> Result<(), HandlerError> {
    http.send_error(refusal.status, Some(&refusal.message), refusal.explain.as_deref())
        .map_err(HandlerError::of)
}

impl Exchange<'_> {
    /// Answers for a handler that failed. Returns `false` if no answer is possible any more, so
    /// that the connection must be cut.
    #[inline(never)]
    fn recover(&mut self, error: &HandlerError) -> bool {
        let cx = ServeContext {
            server: self.context.server,
            config: self.context.link.config,
            transport: self.context.link.transport,
            seat: self.context.link.seat,
            waker: self.context.waker,
        };
        // If the body cannot be read to its end, that error decides the response, not the error of
        // the handler.
        let asked = match (self.rfile.failure(), error) {
            (None, HandlerError::Status(error)) if (300..600).contains(&error.status) => Some(&**error),
            _ => None,
        };
        let refusal = match self.rfile.failure().filter(|_| !error.is_panic()) {
            Some(Failure::Gone(kind)) => {
                diagnostics::debug!(
                    "{}: the client left while it sent its request: {kind}",
                    cx.transport.peer
                );
                return false;
            }
            Some(Failure::Refused(refusal)) => Some(refusal.clone()),
            Some(Failure::TimedOut) => {
                Some(Refusal::new(408, "Request Timeout").explained("The request body took too long"))
            }
            Some(Failure::GaveWay) => Some(Refusal::new(408, "Request Timeout").explained(SENDER_GAVE_WAY)),
            None => None,
        };
        if !error.is_panic() && self.upgraded.as_ref().is_some_and(|upgraded| upgraded.is_left()) {
            diagnostics::debug!("{}: the client left its stream", cx.transport.peer);
            return false;
        }
        {
            let mut output = self.wfile.outlet.open();
            if output.is_broken() {
                diagnostics::debug!("{}: the client left before it had its response", cx.transport.peer);
                return false;
            }
            if refusal.is_none() && asked.is_none() {
                let client = self.context.client;
                cx.report(&match error {
                    HandlerError::Status(error) => Failed::new((**error).clone().into()).report(client),
                    HandlerError::Error(error) => error.report(client),
                    HandlerError::Panic(message) => ErrorReport::of_panic(client, message.clone()),
                });
            }
            if !output.discard() {
                return false;
            }
        }
        // After an error of the handler, the connection can go on. After a panic, nothing is known
        // of the state of the request. If the body cannot be read to its end, it is unknown where
        // the next request begins.
        let must_close =
            self.response.must_close || refusal.is_some() || matches!(error, HandlerError::Panic(_));
        self.close |= must_close;
        self.answered = false;
        self.response.reset();
        self.response.must_close = must_close;
        if let Some(StatusError { status, message, explain, fields }) = asked {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let sent = if fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("Content-Type")) {
                misuse("a StatusError cannot set Content-Type: the error page has its own")
            } else {
                self.send_error_with(*status, message.as_deref(), explain.as_deref(), &fields)
            };
            let Err(why) = sent else { return true };
            let why = format!("a StatusError for {status} cannot be sent: {why}");
            cx.report(&Failed::new(why.into()).report(self.context.client));
            self.response.reset();
            self.response.must_close = must_close;
        }
        let refusal = refusal.unwrap_or_else(|| Refusal::new(500, "Internal Server Error"));
        refuse(self, &refusal).is_ok()
    }

    /// Makes the connection end after the response, whatever the handler says.
    #[cold]
    pub(crate) fn must_close(&mut self) {
        self.close = true;
        self.response.must_close = true;
    }

    /// Decides what to do with the part of the body that the handler did not read.
    fn unread_body(&mut self, config: &Config) -> Unread {
        self.rfile.skip_buffered();
        if self.rfile.is_done() {
            return Unread::Nothing;
        }
        // A client that was not told to continue may send its body or not, so it is unknown what
        // comes next (RFC 9110 §10.1.1). A client that began to send the body without being told
        // may stop.
        let is_waiting = self.request.head.expect() == Expect::Continue && !self.rfile.has_continued();
        let too_much = self.rfile.failure().is_some()
            || is_waiting
            || self.rfile.remaining_hint().is_some_and(|left| left > config.max_drain_size);
        if too_much { Unread::TooMuch } else { Unread::Some }
    }
}

impl ServeContext<'_> {
    #[cold]
    fn warn(&self, what: &str) {
        diagnostics::warning!("{}: {what}", self.transport.peer);
    }

    #[cold]
    fn report(&self, report: &ErrorReport) {
        self.server.hooks().report(report);
    }
}

/// Passes a record to the handler. `handler` is `None` if no handler could be made.
fn deliver<H: BaseHttpRequestHandler>(handler: Option<&H>, record: &LogRecord<'_>) {
    match (handler, &record.what) {
        (None, _) => record.write(),
        (Some(handler), What::Response { .. } | What::Request { .. }) => handler.log_request(record),
        (Some(handler), What::Error(_)) => handler.log_error(record),
        (Some(handler), What::Message(_)) => handler.log_message(record),
    }
}

/// Passes on the records that were made while the handler ran.
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
            Self::Request { status, bytes } => What::Request { status: *status, bytes: *bytes },
            Self::Error(text) => What::Error(text),
            Self::Message(text) => What::Message(text),
        }
    }
}
