//! Urlencoded forms: the same fields however the body is cut, and the fields that a simpler decoder finds.

use std::sync::{Arc, Mutex};

use serve_forever::{Exchange, Result, handler_fn, testing};

use crate::cut::{chunked, split};

type Fields = Vec<(String, String)>;

/// The first octet says how the body is cut.
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

fn simple(body: &[u8]) -> Fields {
    let pairs = body.split(|&octet| octet == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut sides = pair.splitn(2, |&octet| octet == b'=');
            let mut side = || decode(sides.next().unwrap_or_default());
            (side(), side())
        })
        .collect()
}

fn decode(mut text: &[u8]) -> String {
    let mut octets = Vec::new();
    while let Some((&first, rest)) = text.split_first() {
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        text = rest;
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'+', _) => octets.push(b' '),
            (b'%', Some(octet)) => {
                octets.push(octet);
                text = &rest[2..];
            }
            _ => octets.push(first),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}
