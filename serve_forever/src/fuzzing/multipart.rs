//! Forms in parts: the same parts however the body is cut, and the parts that a simpler reader
//! finds.

use std::io::{BufRead, Read};
use std::sync::{Arc, Mutex};

use crate::{Exchange, Result, StatusError, handler_fn, testing};
use memchr::memmem;

use super::cut::{chunked, split};

/// What came of a body: the contents of its parts, or the status of its refusal.
type Outcome = std::result::Result<Vec<Vec<u8>>, u16>;

/// The first byte says how the body is cut, the second what the boundary is.
pub fn multipart(input: &[u8]) {
    let (seed, rest) = split(input);
    let (kind, body) = split(rest);
    let boundary = match kind {
        0..=127 => "b".to_owned(),
        128..=191 => "-".repeat(1 + usize::from(kind) - 128),
        _ => "bb-bb".to_owned(),
    };
    let whole = read(&boundary, &format!("Content-Length: {}", body.len()), body, false);
    let chunks = chunked(body, seed);
    let pieces = read(&boundary, "Transfer-Encoding: chunked", &chunks, false);
    assert_eq!(whole, pieces);
    match (&whole, simple(&boundary, body)) {
        (Ok(parts), expected) => assert_eq!(Some(parts), expected.as_ref()),
        // The simple reader takes every head.
        (Err(status), _) => assert!(matches!(status, 400 | 413 | 415), "{status}"),
    }
    // What is not read changes nothing for the others.
    match (&whole, read(&boundary, "Transfer-Encoding: chunked", &chunks, true)) {
        (Ok(all), Ok(some)) => {
            assert_eq!(all.len(), some.len());
            for (number, (all, some)) in all.iter().zip(&some).enumerate() {
                let expected = if number % 2 == 0 { &all[..all.len().min(1)] } else { all };
                assert_eq!(some, expected);
            }
        }
        (whole, skipping) => assert_eq!(*whole, skipping),
    }
}

/// What a handler gets; when skipping, it reads but one byte of every other part.
fn read(boundary: &str, framing: &str, body: &[u8], skipping: bool) -> Outcome {
    let outcome = Arc::new(Mutex::new(None));
    let told = Arc::clone(&outcome);
    let handler = handler_fn(move |http: &mut Exchange| -> Result {
        let result = parts(http, skipping).map_err(|error| status(&error));
        *told.lock().expect("nobody panics") = Some(result);
        http.send_response(204).end_headers()
    });
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\nContent-Type: multipart/form-data; boundary=\"{boundary}\"\r\n\r\n"
    );
    testing::respond(handler, [head.as_bytes(), body].concat());
    outcome.lock().expect("nobody panics").take().expect("the handler ran")
}

fn parts(http: &mut Exchange, skipping: bool) -> Result<Vec<Vec<u8>>> {
    let mut form = http.multipart()?;
    let mut parts = Vec::new();
    while let Some(mut part) = form.next_part()? {
        if let Some(name) = part.safe_file_name() {
            assert!(!name.contains(['/', '\\', '\0']) && !matches!(name, "" | "." | ".."));
        }
        let mut content = Vec::new();
        if skipping && parts.len() % 2 == 0 {
            content.extend(part.fill_buf()?.first());
            part.consume(content.len());
        } else {
            part.read_to_end(&mut content)?;
        }
        parts.push(content);
    }
    assert!(form.next_part()?.is_none());
    Ok(parts)
}

fn status(error: &crate::Error) -> u16 {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let error = error.downcast_ref::<StatusError>().or_else(|| inner?.downcast_ref());
    error.expect("the client is told").status()
}

/// The contents of the parts of a whole body, in the simplest way; heads are passed over.
fn simple(boundary: &str, body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let delimiter = format!("\r\n--{boundary}");
    let body = [b"\r\n", body].concat();
    let find = |what: &str, from: usize| Some(from + memmem::find(&body[from..], what.as_bytes())?);
    let mut parts = Vec::new();
    let mut at = find(&delimiter, 0)? + delimiter.len();
    loop {
        let last = body[at..].starts_with(b"--");
        at += if last { 2 } else { 0 };
        at += body[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if !body[at..].starts_with(b"\r\n") {
            return (last && at == body.len()).then_some(parts);
        }
        if last {
            return Some(parts);
        }
        // Both searches begin with a CR LF that was there before.
        let content = find("\r\n\r\n", at)? + 4;
        let end = find(&delimiter, content - 2)?;
        parts.push(body.get(content..end).unwrap_or_default().to_vec());
        at = end + delimiter.len();
    }
}
