//! A server that runs in a thread of the test for as long as its guard lives.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serve_forever::{
    AccessLog, BaseHttpRequestHandler, BaseRequestHandler, Builder, Http, HttpServer, Raw, ServerHandle,
    TcpServer,
};

use super::waits::joined;
use super::{Client, Response, assert_error_page, assert_error_page_that_goes_on, masked};

const LOOPBACK: (&str, u16) = ("127.0.0.1", 0);

/// Far beyond the patience of the clients: an answer comes because of what was sent, not because
/// time ran out.
const NEVER: Duration = Duration::from_secs(100);

pub(crate) struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

pub(crate) fn serve<H: BaseHttpRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
) -> Running {
    serve_with(factory, |builder| builder)
}

pub(crate) fn serve_with<H: BaseHttpRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
    configure: impl FnOnce(Builder<Http<H>>) -> Builder<Http<H>>,
) -> Running {
    let builder = HttpServer::builder(factory).access_log(AccessLog::off()).head_timeout(NEVER);
    let server = configure(builder).bind(LOOPBACK).expect("a free port");
    Running::start(&server.server_addresses(), server.handle(), move || server.serve_forever())
}

pub(crate) fn serve_raw<H: BaseRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
) -> Running {
    serve_raw_with(factory, |builder| builder)
}

pub(crate) fn serve_raw_with<H: BaseRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
    configure: impl FnOnce(Builder<Raw<H>>) -> Builder<Raw<H>>,
) -> Running {
    let server = configure(TcpServer::builder(factory)).bind(LOOPBACK).expect("a free port");
    Running::start(&server.server_addresses(), server.handle(), move || server.serve_forever())
}

impl Running {
    fn start(
        addresses: &[SocketAddr],
        handle: ServerHandle,
        run: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Self {
        let address = *addresses.first().expect("the server listens somewhere");
        Self { address, handle, thread: Some(thread::spawn(run)) }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that the server says to this on a connection of its own, until it closes; `*` for the
    /// dates.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.send(request);
        masked(&client.rest())
    }

    /// The first response to this on a connection of its own.
    #[track_caller]
    pub(crate) fn response(&self, request: impl AsRef<[u8]>) -> Response {
        let mut client = self.connect();
        client.send(request);
        client.response()
    }

    /// The body of the 200 that this is answered with.
    #[track_caller]
    pub(crate) fn body(&self, request: impl AsRef<[u8]>) -> String {
        let response = self.response(request);
        assert_eq!(response.code(), 200, "{}", response.all());
        response.text()
    }

    /// This is answered with an error page of that status and nothing else, and the connection
    /// ends.
    #[track_caller]
    pub(crate) fn refuses(&self, request: impl AsRef<[u8]>, code: u16) {
        self.refuses_with_one_of(request, &[code]);
    }

    /// This is answered with an error page of that status, and the connection goes on.
    #[track_caller]
    pub(crate) fn answers_with_error(&self, request: impl AsRef<[u8]>, code: u16) {
        let response = self.response(request);
        assert_eq!(response.code(), code, "{}", response.all());
        assert_error_page_that_goes_on(&response);
    }

    #[track_caller]
    pub(crate) fn refuses_with_one_of(&self, request: impl AsRef<[u8]>, codes: &[u16]) {
        let request = request.as_ref();
        let shown = request[..request.len().min(300)].escape_ascii();
        let mut client = self.connect();
        client.send(request);
        let response = client.response();
        assert!(
            codes.contains(&response.code()),
            "{} instead of {codes:?} to {shown}",
            response.status_line()
        );
        assert_error_page(&response);
        client.ends();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
        let Some(thread) = self.thread.take() else { return };
        let Some(result) = joined("the end of the server", thread) else { return };
        if !thread::panicking() {
            result.expect("the server does not panic").expect("serve_forever returns without an error");
        }
    }
}
