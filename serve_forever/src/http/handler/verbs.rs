//! The methods for which handlers have a function, and the answers to all other methods.

use std::borrow::Cow;

use crate::Result;
use crate::http::exchange::Exchange;
use crate::http::handler::BaseHttpRequestHandler;

/// Passes each method, and the name of the handler's function for it, to the macro `$then`. All
/// other methods go to `do_other`.
macro_rules! verbs {
    ($then:ident) => {
        $then! {
            b"GET" do_get
            b"HEAD" do_head
            b"POST" do_post
            b"PUT" do_put
            b"DELETE" do_delete
            b"PATCH" do_patch
            b"OPTIONS" do_options
            b"CONNECT" do_connect
            b"TRACE" do_trace
        }
    };
}

pub(crate) use verbs;

/// Calls the function of `handler` for the method of the request.
pub(crate) fn dispatch<H: BaseHttpRequestHandler + ?Sized>(handler: &mut H, http: &mut Exchange) -> Result {
    if http.request.head.asterisk() {
        return answer_asterisk(handler, http);
    }
    if http.rfile.is_expected() && !handler.handle_expect_100(http) {
        return Ok(());
    }
    match http.request.head.method_bytes(http.request.bytes) {
        b"GET" => handler.do_get(http),
        _ => dispatch_other(handler, http),
    }
}

#[cold]
fn answer_asterisk<H: BaseHttpRequestHandler + ?Sized>(handler: &H, http: &mut Exchange) -> Result {
    answer_options(handler.allowed_methods().as_deref(), http)
}

/// A separate function, never inlined, so that the code for `GET`, the most frequent method, stays
/// short.
#[inline(never)]
fn dispatch_other<H: BaseHttpRequestHandler + ?Sized>(handler: &mut H, http: &mut Exchange) -> Result {
    let method = http.request.head.method_bytes(http.request.bytes);
    if method == b"CONNECT" {
        // The bytes that follow may be meant for the tunnel, whatever the answer is (RFC 9110
        // §9.3.6).
        http.must_close();
    }
    macro_rules! choose {
        ($($verb:literal $name:ident)*) => {
            match method {
                $($verb => handler.$name(http),)*
                _ => handler.do_other(http),
            }
        };
    }
    verbs!(choose)
}

/// Answers with 405 if `allowed` lists the allowed methods, else with 501.
pub(crate) fn not_implemented(allowed: Option<Cow<'static, str>>, http: &mut Exchange) -> Result {
    if let Some(allowed) = allowed {
        return http.send_error_with(405, None, None, &[("Allow", &allowed)]);
    }
    let message = format!("Unsupported method ('{}')", http.command());
    http.send_error(501, Some(&message), None)
}

/// Answers `OPTIONS`.
pub(crate) fn answer_options(allowed: Option<&str>, http: &mut Exchange) -> Result {
    http.send_response(200);
    if let Some(allowed) = allowed {
        http.send_header("Allow", allowed);
    }
    http.send_header("Content-Length", 0).end_headers()
}
