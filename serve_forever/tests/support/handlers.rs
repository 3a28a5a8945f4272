//! Handlers with a fixed `Server` field, so that their answers can be compared to the byte.

use std::borrow::Cow;
use std::io::{Read, Write};

use serve_forever::{BaseHttpRequestHandler, Exchange, Result};

/// The `Server` field of every handler here.
const SERVER: &str = "wire";

/// A factory of handlers that treat every method in the same way.
pub(crate) fn answer<F>(script: F) -> impl Fn() -> Script<F> + Send + Sync + 'static
where
    F: Fn(&mut Exchange) -> Result + Clone + Send + Sync + 'static,
{
    move || Script(script.clone())
}

/// Answers with what the library made of the request.
pub(crate) fn describe(http: &mut Exchange) -> Result {
    let mut body = Vec::new();
    http.rfile().read_to_end(&mut body)?;
    let host = http.host().unwrap_or("-");
    let text = format!("{} {} host={host} body={}\n", http.command(), http.path(), body.escape_ascii());
    reply(http, text)
}

/// 200 and these bytes.
pub(crate) fn reply(http: &mut Exchange, body: impl AsRef<[u8]>) -> Result {
    http.send_response(200).end_headers()?;
    http.wfile().write_all(body.as_ref())?;
    Ok(())
}

/// A trailer field, once the body was read to its end.
pub(crate) fn trailer(http: &Exchange, name: &str) -> Option<String> {
    http.trailers().get(name).map(str::to_owned)
}

pub(crate) struct Script<F>(F);

impl<F: Fn(&mut Exchange) -> Result> BaseHttpRequestHandler for Script<F> {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn do_put(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn do_delete(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn do_patch(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn do_options(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn do_other(&mut self, http: &mut Exchange) -> Result {
        (self.0)(http)
    }

    fn server_version(&self) -> Cow<'static, str> {
        SERVER.into()
    }

    fn sys_version(&self) -> Cow<'static, str> {
        "".into()
    }
}

/// Has `do_get` and nothing else: every other method shows what the library does by itself.
pub(crate) struct OnlyGet;

impl BaseHttpRequestHandler for OnlyGet {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        reply(http, "got it\n")
    }

    fn server_version(&self) -> Cow<'static, str> {
        SERVER.into()
    }

    fn sys_version(&self) -> Cow<'static, str> {
        "".into()
    }
}

/// Says which methods it allows.
pub(crate) struct ReadOnly;

impl BaseHttpRequestHandler for ReadOnly {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        reply(http, "got it\n")
    }

    fn allowed_methods(&self) -> Option<Cow<'static, str>> {
        Some("GET, HEAD, OPTIONS".into())
    }

    fn server_version(&self) -> Cow<'static, str> {
        SERVER.into()
    }

    fn sys_version(&self) -> Cow<'static, str> {
        "".into()
    }
}
