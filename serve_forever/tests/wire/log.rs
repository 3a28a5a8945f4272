//! The access log: each of its forms, and how much of a response its client really took.

use std::io::{self, BufRead, BufReader, PipeReader, Read};

use crate::support::{Running, serve_with};
use serve_forever::{AccessLog, Exchange, LogFormat, Result, Source, handler_fn};

/// More than the buffers between two sockets hold.
const LARGE: usize = 64 * 1024 * 1024;

/// `x` without end, or up to a length.
struct Letters(usize);

impl Source for Letters {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let count = self.0.min(32 * 1024);
        out.resize(count, b'x');
        self.0 -= count;
        Ok(self.0 > 0)
    }
}

fn answer(http: &mut Exchange) -> Result {
    match http.url_path() {
        "/text" => {
            http.send_response(200).end_headers()?;
            Ok(io::Write::write_all(http.wfile(), b"text")?)
        }
        "/none" => http.send_response(204).end_headers(),
        "/quote" => {
            // As of a name that a client has chosen.
            http.log_message("\u{85}\u{2028}\u{2029}\u{202e}gpj\u{2066}");
            http.log_error("\u{61c}\u{200e}\u{200f}\u{202a}\u{2069}");
            http.send_response(204).end_headers()
        }
        "/file" => {
            let file = tempfile(LARGE)?;
            http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
            http.send_file(file, 0..LARGE as u64)
        }
        "/source" => {
            http.send_response(200).end_headers()?;
            io::Write::write_all(http.wfile(), b"first ")?;
            http.send_source(Letters(100_000))
        }
        "/endless" => {
            http.send_response(200).end_headers()?;
            http.send_source(Letters(usize::MAX))
        }
        _ => http.send_error(404, None, None),
    }
}

/// A file of that length, which is gone when it is closed.
fn tempfile(length: usize) -> io::Result<std::fs::File> {
    let path = std::env::temp_dir().join(format!("serve_forever-log-{}", std::process::id()));
    let file = std::fs::File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
    file.set_len(length as u64)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// A server, and the end of its log at which lines come out.
fn logging(configure: impl FnOnce(AccessLog) -> AccessLog) -> (Running, BufReader<PipeReader>) {
    let (log, target) = io::pipe().expect("a pipe");
    let access_log = configure(AccessLog::to(target));
    let handler = handler_fn(answer);
    let server = serve_with(move || handler.clone(), |builder| builder.access_log(access_log));
    (server, BufReader::new(log))
}

/// The next line, with `*` for its date and for how long it took.
#[track_caller]
fn line(log: &mut BufReader<PipeReader>) -> String {
    let mut line = String::new();
    log.read_line(&mut line).expect("the log is text");
    let line = line.trim_end_matches('\n');
    if let Some(rest) = line.strip_prefix("{\"time\":\"") {
        let (date, rest) = rest.split_once('"').expect("the end of the date");
        assert_eq!(date.len(), "1994-11-06T08:49:37+01:00".len(), "{date}");
        let (rest, took) = rest.split_once(",\"duration_ms\":").unwrap_or((rest, "0.001}"));
        let took = took.strip_suffix('}').and_then(|took| took.split_once('.')).expect("a fraction");
        assert!(
            took.0.parse::<u64>().is_ok() && took.1.len() == 3 && took.1.parse::<u16>().is_ok(),
            "{line}"
        );
        let took = if rest.ends_with('}') { "" } else { ",\"duration_ms\":*}" };
        return format!("{{\"time\":\"*\"{rest}{took}");
    }
    let (before, rest) = line.split_once('[').expect("a date");
    let (_, after) = rest.split_once(']').expect("the end of the date");
    format!("{before}[*]{after}")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

#[test]
fn python_has_a_line_for_a_request_and_one_before_it_for_an_error() {
    let (server, mut log) = logging(|log| log);
    server.response(get("/text"));
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /text HTTP/1.1\" 200 4");
    server.response(get("/missing"));
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] code 404, message Not Found");
    let second = line(&mut log);
    assert!(second.starts_with("127.0.0.1 - - [*] \"GET /missing HTTP/1.1\" 404 "), "{second}");
}

#[test]
fn common_and_combined_have_requests_alone() {
    let (server, mut log) = logging(|log| log.format(LogFormat::Common));
    server.response(get("/missing"));
    assert!(line(&mut log).starts_with("127.0.0.1 - - [*] \"GET /missing HTTP/1.1\" 404 "));
    server.response(get("/none"));
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /none HTTP/1.1\" 204 -");

    let (server, mut log) = logging(|log| log.format(LogFormat::Combined));
    server.response(get("/text"));
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /text HTTP/1.1\" 200 4 \"-\" \"-\"");
    server.response(
        "GET /text?\"\\ HTTP/1.1\r\nHost: a\r\nUser-Agent: \"me\" \\o/\r\nReferer: http://b/\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(
        line(&mut log),
        "127.0.0.1 - - [*] \"GET /text?\\\"\\\\ HTTP/1.1\" 200 4 \"http://b/\" \"\\\"me\\\" \\\\o/\""
    );
}

#[test]
fn the_date_of_the_common_format_has_its_zone() {
    let (server, mut log) = logging(|log| log.format(LogFormat::Common));
    server.response(get("/text"));
    let mut line = String::new();
    log.read_line(&mut line).expect("text");
    let date = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).expect("a date").0;
    assert_eq!(date.len(), "06/Nov/1994:08:49:37 +0100".len(), "{date}");
    assert!(date[21..].starts_with(['+', '-']), "{date}");
}

#[test]
fn json_is_json_whatever_the_client_sent() {
    let (server, mut log) = logging(|log| log.format(LogFormat::Json));
    server.response(get("/text"));
    assert_eq!(
        line(&mut log),
        "{\"time\":\"*\",\"client\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"/text\",\"version\":\"HTTP/1.1\",\
         \"host\":\"a\",\"status\":200,\"bytes\":4,\"complete\":true,\"duration_ms\":*}"
    );
    server.response(
        &b"GET /text?\"\\ HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\"\\\t\r\nConnection: close\r\n\r\n"[..],
    );
    assert_eq!(
        line(&mut log),
        "{\"time\":\"*\",\"client\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"/text?\\\"\\\\\",\
         \"version\":\"HTTP/1.1\",\"host\":\"a\",\"user_agent\":\"\u{fffd}\\\"\\\\\",\"status\":200,\"bytes\":4,\
         \"complete\":true,\"duration_ms\":*}"
    );
    server.response("\u{1b}[31m\"\r\n\r\n");
    assert!(
        line(&mut log).starts_with(
            "{\"time\":\"*\",\"client\":\"127.0.0.1\",\"message\":\"code 400, message Bad request"
        )
    );
    assert!(line(&mut log).contains("\"status\":400,"));
}

/// A separator of lines, one of paragraphs, NEL, an override and an isolate, as a client would send
/// them.
const DECEPTIVE: &[u8] = b"GET /quote HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
      User-Agent: \xe2\x80\xa8{}\xe2\x80\xa9\xc2\x85\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\r\n\r\n";

#[test]
fn nothing_that_a_client_sends_ends_a_line_or_turns_it() {
    let messages = ["\\x85\\u2028\\u2029\\u202egpj\\u2066", "\\u061c\\u200e\\u200f\\u202a\\u2069"];
    let (server, mut log) = logging(|log| log.format(LogFormat::Json));
    server.response(DECEPTIVE);
    for message in messages {
        let message = message.replace("\\x85", "\\u0085");
        assert_eq!(
            line(&mut log),
            format!("{{\"time\":\"*\",\"client\":\"127.0.0.1\",\"message\":\"{message}\"}}")
        );
    }
    assert_eq!(
        line(&mut log),
        "{\"time\":\"*\",\"client\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"/quote\",\"version\":\"HTTP/1.1\",\
         \"host\":\"a\",\"user_agent\":\"\\u2028{}\\u2029\\u0085\\u202e\\u2066\\u061c\",\"status\":204,\"bytes\":0,\
         \"complete\":true,\"duration_ms\":*}"
    );

    let (server, mut log) = logging(|log| log);
    server.response(DECEPTIVE);
    for message in messages {
        assert_eq!(line(&mut log), format!("127.0.0.1 - - [*] {message}"));
    }
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /quote HTTP/1.1\" 204 0");

    // Bytes are read as ISO 8859-1 there, of which only control characters deceive.
    let (server, mut log) = logging(|log| log.format(LogFormat::Combined));
    server.response(DECEPTIVE);
    assert_eq!(
        line(&mut log),
        "127.0.0.1 - - [*] \"GET /quote HTTP/1.1\" 204 - \"-\" \
         \"â\\x80¨{}â\\x80©Â\\x85â\\x80®â\\x81¦Ø\\x9c\""
    );

    // A request line like that is no request line.
    let (server, mut log) = logging(|log| log.format(LogFormat::Common));
    server.response(b"GET /\xe2\x80\xae HTTP/1.1\r\nHost: a\r\n\r\n");
    let refused = line(&mut log);
    assert!(refused.starts_with("127.0.0.1 - - [*] \"GET /â\\x80® HTTP/1.1\" 400 "), "{refused}");
}

#[test]
fn colours_are_for_terminals_and_pythons_form() {
    let (server, mut log) = logging(|log| log.colors(true));
    server.response(get("/text"));
    let mut text = String::new();
    log.read_line(&mut text).expect("text");
    let (_, rest) = text.split_once("]\x1b[0m ").expect("a dim date");
    assert_eq!(rest, "\"GET \x1b[36m/text\x1b[0m HTTP/1.1\" \x1b[32m200\x1b[0m \x1b[2m4\x1b[0m\n");
    let (server, mut log) = logging(|log| log.format(LogFormat::Common).colors(true));
    server.response(get("/text"));
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /text HTTP/1.1\" 200 4");
}

#[test]
fn what_is_sent_after_the_handler_is_logged_when_it_is_sent() {
    let (server, mut log) = logging(|log| log);
    assert_eq!(server.response(get("/file")).body().len(), LARGE);
    assert_eq!(line(&mut log), format!("127.0.0.1 - - [*] \"GET /file HTTP/1.1\" 200 {LARGE}"));
    assert_eq!(server.response(get("/source")).body().len(), 100_006);
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /source HTTP/1.1\" 200 100006");
    let mut client = server.connect();
    client.send("GET /source HTTP/1.0\r\n\r\n");
    client.rest();
    assert_eq!(line(&mut log), "127.0.0.1 - - [*] \"GET /source HTTP/1.0\" 200 100006");
}

#[test]
fn a_client_that_left_early_is_marked_with_what_it_took() {
    for format in [LogFormat::Python, LogFormat::Json] {
        let (server, mut log) = logging(|log| log.format(format));
        for path in ["/file", "/endless"] {
            let mut stream = std::net::TcpStream::connect(server.address()).expect("it accepts");
            stream.set_read_timeout(Some(crate::support::FAILSAFE)).expect("a timeout");
            io::Write::write_all(&mut stream, get(path).as_bytes()).expect("the request");
            stream.read_exact(&mut [0; 1000]).expect("a beginning");
            drop(stream);
            let line = line(&mut log);
            let number = |from: &str| {
                let rest = line.split_once(from).unwrap_or_else(|| panic!("{from} is not in {line}")).1;
                rest.split_once([' ', ',']).expect("more").0.parse::<u64>().expect("a number")
            };
            let bytes = if format == LogFormat::Python {
                assert!(line.ends_with(" incomplete"), "{line}");
                number("\" 200 ")
            } else {
                assert!(line.ends_with(",\"complete\":false,\"duration_ms\":*}"), "{line}");
                number("\"bytes\":")
            };
            assert!((500..LARGE as u64).contains(&bytes), "{line}");
        }
    }
}
