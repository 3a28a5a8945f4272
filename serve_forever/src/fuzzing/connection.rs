//! A whole connection, without sockets: whatever the client sends, what it gets is a sequence of
//! well-formed responses.

use std::io::{self, BufRead, Read, Write};
use std::sync::OnceLock;

use crate::{Exchange, Result, Source, handler_fn, testing};

/// The input is what the client sends before it closes its side.
pub fn connection(input: &[u8]) {
    quiet();
    let answers = testing::respond(handler_fn(answer), input);
    let mut rest = answers.as_slice();
    while !rest.is_empty() {
        rest = response(rest);
    }
}

/// What the handler does depends on the first byte of the path.
fn answer(http: &mut Exchange) -> Result {
    let way = http.path().as_bytes().get(1).copied().unwrap_or_default();
    match way {
        b'b' => {
            let mut body = Vec::new();
            http.rfile().read_to_end(&mut body)?;
        }
        b'o' => {
            let mut byte = [0];
            http.rfile().read_exact(&mut byte)?;
        }
        b'l' => {
            let mut line = Vec::new();
            http.rfile().read_until(b'\n', &mut line)?;
        }
        b'p' => panic!("on purpose"),
        b'e' => return Err("on purpose".into()),
        b'n' => return Ok(()),
        _ => {}
    }
    let text = format!("{:?} {:?} {:?} {:?}", http.command(), http.path(), http.host(), http.query());
    let fields: usize = http.headers().iter().map(|(name, value)| name.len() + value.len()).sum();
    // So that the reader knows that nothing follows.
    let is_head = u8::from(http.command() == "HEAD");
    http.send_response(200).send_header("X-Fields", fields).send_header("X-Head", is_head);
    if way == b'c' {
        http.set_close_connection(true);
    }
    http.end_headers()?;
    match way {
        b's' => http.send_source(Countdown(3))?,
        b'f' => {
            http.wfile().write_all(text.as_bytes())?;
            http.wfile().flush()?;
            http.wfile().write_all(text.as_bytes())?;
        }
        b'g' => {
            http.wfile().write_all(text.as_bytes())?;
            http.wfile().flush()?;
            let mut body = Vec::new();
            http.rfile().read_to_end(&mut body)?;
            http.wfile().write_all(&body)?;
        }
        b'L' => http.wfile().write_all(&vec![b'x'; 100_000])?,
        _ => http.wfile().write_all(text.as_bytes())?,
    }
    Ok(())
}

struct Countdown(usize);

impl Source for Countdown {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.0 -= 1;
        out.extend_from_slice(b"piece");
        Ok(self.0 > 0)
    }
}

/// Checks the response at the start; what is behind it. One that was cut (a failed handler whose
/// head had left) is the last.
fn response(bytes: &[u8]) -> &[u8] {
    let end =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head ends with an empty line") + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are text");
    let rest = &bytes[end..];
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let code: u16 = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("not a status line: {status_line:?}"));
    assert!((100..600).contains(&code));
    let (mut length, mut chunked, mut close, mut is_head) = (None, false, false, None);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("not a field: {line:?}"));
        assert!(!line.contains(['\r', '\n', '\0']));
        match name {
            "Content-Length" => {
                assert_eq!(length, None, "two lengths");
                length = Some(value.parse::<usize>().expect("a length is a number"));
            }
            "Transfer-Encoding" => {
                assert_eq!(value, "chunked");
                chunked = true;
            }
            "Connection" => close = value == "close",
            "X-Head" => is_head = Some(value == "1"),
            _ => {}
        }
    }
    assert!(!(chunked && length.is_some()), "two framings");
    if matches!(code, 100..=199 | 204 | 304) {
        assert!(length.is_none() && !chunked, "a framing without content");
        return rest;
    }
    match (is_head, length) {
        (Some(true), _) => rest,
        // An error page; whether the request was a HEAD is not known. It may be the last response.
        (None, Some(_)) if rest.is_empty() || !rest.starts_with(b"<") => rest,
        (_, Some(length)) => {
            assert!(rest.len() >= length, "{} of {length} bytes", rest.len());
            &rest[length..]
        }
        (_, None) if chunked => chunks(rest),
        (_, None) => {
            assert!(close, "a body without an end");
            &[]
        }
    }
}

fn chunks(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else {
            // Cut: it must not look like the end.
            assert!(!bytes.ends_with(b"0\r\n\r\n"));
            return &[];
        };
        let digits = std::str::from_utf8(&rest[..line]).expect("a size is text");
        let size = usize::from_str_radix(digits, 16).expect("a size is a number");
        rest = &rest[line + 2..];
        let data = rest.get(..size + 2).expect("chunks are whole");
        assert!(data.ends_with(b"\r\n"));
        rest = &rest[size + 2..];
        if size == 0 {
            return rest;
        }
    }
}

/// Panics of the handler are part of the game; only those of the library are news, and they end the
/// process.
fn quiet() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"on purpose") {
                report(info);
            }
        }));
    });
}
