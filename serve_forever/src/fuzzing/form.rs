//! Urlencoded forms: the same fields however the body is cut, and the fields that a simpler decoder
//! finds.

use std::sync::{Arc, Mutex};

use crate::{Exchange, Result, handler_fn, testing};

use super::cut::{chunked, split};
use super::percent::decode;

pub(crate) type Fields = Vec<(String, String)>;

/// The first byte says how the body is cut.
pub fn form(input: &[u8]) {
    let (seed, body) = split(input);
    let whole = read(&format!("Content-Length: {}", body.len()), body);
    assert_eq!(whole, simple(body));
    assert_eq!(whole, read("Transfer-Encoding: chunked", &chunked(body, seed)));
}

/// What a handler gets.
fn read(framing: &str, body: &[u8]) -> Fields {
    let fields = Arc::new(Mutex::new(None));
    let told = Arc::clone(&fields);
    let handler = handler_fn(move |http: &mut Exchange| -> Result {
        let form = http.form()?;
        assert_eq!((form.len(), form.is_empty()), (form.iter().count(), form.iter().next().is_none()));
        for (name, value) in &form {
            assert!(form.get(name).is_some() && form.get_all(name).any(|own| own == value));
        }
        let fields = form.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        *told.lock().expect("nobody panics") = Some(fields);
        http.send_response(204).end_headers()
    });
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    );
    testing::respond(handler, [head.as_bytes(), body].concat());
    fields.lock().expect("nobody panics").take().expect("every body is a form")
}

/// The fields, in the simplest way.
pub(crate) fn simple(body: &[u8]) -> Fields {
    let pairs = body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut sides = pair.splitn(2, |&byte| byte == b'=');
            let mut side = || decode(sides.next().unwrap_or_default(), b' ');
            let mut side = || String::from_utf8_lossy(&side()).into_owned();
            (side(), side())
        })
        .collect()
}
