//! The bytes that the access log tells are those that were sent, and every response has exactly one
//! line, however it ends.

use std::io::{self, Write};
use std::time::Duration;

use crate::support::{Captured, Client, Gate, Running, SHORT, answer, serve_with};
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, Builder, Exchange, Http, LogFormat, LogRecord, Result, Source,
};

/// More than the buffers between two sockets hold.
const LARGE: usize = 64 * 1024 * 1024;

/// Gives one piece, then fails.
struct Broken(bool);

impl Source for Broken {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if std::mem::replace(&mut self.0, true) {
            return Err(io::Error::other("out of tea"));
        }
        out.extend_from_slice(b"piece");
        Ok(true)
    }
}

/// `x` without end.
struct Endless;

impl Source for Endless {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(32 * 1024, b'x');
        Ok(true)
    }
}

/// A file of that length, which is gone when it is closed.
fn file(name: &str, length: u64) -> io::Result<std::fs::File> {
    let path = std::env::temp_dir().join(format!("serve_forever-sent-{name}-{}", std::process::id()));
    let file = std::fs::File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
    file.set_len(length)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

fn script(http: &mut Exchange) -> Result {
    match http.url_path() {
        "/text" => {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(b"text")?;
            return Ok(());
        }
        "/promise" => {
            http.send_response(200).send_header("Content-Length", 10).end_headers()?;
            http.wfile().write_all(b"seven..")?;
            return Ok(());
        }
        "/error" => {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(b"begun")?;
            http.wfile().flush()?;
            http.wfile().write_all(b"held back")?;
            return Err("the rest is lost".into());
        }
        "/promised-source" => {
            http.send_response(200).send_header("Content-Length", 1000);
        }
        "/short-file" => {
            http.send_response(200).send_header("Content-Length", 2000).end_headers()?;
            return http.send_file(file("short", 1000)?, 0..2000);
        }
        "/short-chunk" => {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(b"first ")?;
            http.wfile().flush()?;
            return http.send_file(file("chunk", 1000)?, 0..2000);
        }
        "/chunk" => {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(b"first ")?;
            http.wfile().flush()?;
            return http.send_file(file("whole", 1000)?, 0..1000);
        }
        "/written" => {
            http.send_response(200).end_headers()?;
            loop {
                http.wfile().write_all(&[b'x'; 16 * 1024])?;
            }
        }
        "/endless" => {
            http.send_response(200).end_headers()?;
            return http.send_source(Endless);
        }
        "/file" => {
            http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
            return http.send_file(file("large", LARGE as u64)?, 0..LARGE as u64);
        }
        "/missing" => return http.send_error(404, None, None),
        _ => {
            http.send_response(200);
        }
    }
    http.end_headers()?;
    http.wfile().write_all(b"before ")?;
    http.send_source(Broken(false))
}

type Script = crate::support::Script<fn(&mut Exchange) -> Result>;

fn logging(configure: impl FnOnce(Builder<Http<Script>>) -> Builder<Http<Script>>) -> (Running, Captured) {
    let log = Captured::default();
    let access_log = AccessLog::to(log.clone());
    let factory = answer(script as fn(&mut Exchange) -> Result);
    (serve_with(factory, |builder| configure(builder.access_log(access_log))), log)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// The lines so far, without client and date.
#[track_caller]
fn lines(log: &Captured, at_least: usize) -> Vec<String> {
    let behind_date = |line: &String| line.split_once("] ").map(|(_, rest)| rest.to_owned());
    log.lines(at_least).iter().map(|line| behind_date(line).unwrap_or_default()).collect()
}

/// The bytes of an incomplete response to this.
#[track_caller]
fn incomplete(line: &str, path: &str) -> usize {
    let bytes = line.strip_prefix(&format!("\"GET {path} HTTP/1.1\" 200 "));
    let bytes = bytes.and_then(|rest| rest.strip_suffix(" incomplete"));
    bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn a_response_that_the_server_cuts_is_marked_with_the_bytes_that_left() {
    let (server, log) = logging(|builder| builder);
    for (number, (request, line)) in [
        (get("/promise"), "\"GET /promise HTTP/1.1\" 200 7 incomplete"),
        (get("/error"), "\"GET /error HTTP/1.1\" 200 5 incomplete"),
        (get("/source"), "\"GET /source HTTP/1.1\" 200 12 incomplete"),
        ("GET /source HTTP/1.0\r\n\r\n".to_owned(), "\"GET /source HTTP/1.0\" 200 12 incomplete"),
        (get("/promised-source"), "\"GET /promised-source HTTP/1.1\" 200 12 incomplete"),
        (get("/short-file"), "\"GET /short-file HTTP/1.1\" 200 1000 incomplete"),
        (get("/short-chunk"), "\"GET /short-chunk HTTP/1.1\" 200 1006 incomplete"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = server.connect();
        client.send(request);
        client.rest_until_cut();
        let lines = lines(&log, number + 1);
        assert_eq!(lines.last().map(String::as_str), Some(line), "{lines:?}");
        assert_eq!(lines.len(), number + 1, "{lines:?}");
    }
}

#[test]
fn a_file_in_chunks_is_counted_without_their_frames() {
    let (server, log) = logging(|builder| builder);
    assert_eq!(server.response(get("/chunk")).body().len(), 1006);
    assert_eq!(lines(&log, 1), ["\"GET /chunk HTTP/1.1\" 200 1006"]);
}

#[test]
fn a_client_that_leaves_while_the_handler_writes_is_marked() {
    let (server, log) = logging(|builder| builder);
    let mut client = server.connect();
    client.send(get("/written"));
    client.take(100_000);
    drop(client);
    let line = lines(&log, 1).remove(0);
    assert!((100_000 - 1000..LARGE).contains(&incomplete(&line, "/written")), "{line}");
}

#[test]
fn a_client_that_does_not_take_its_response_is_marked_when_it_is_given_up() {
    let (server, log) = logging(|builder| builder.write_timeout(SHORT).stall_timeout(SHORT));
    for (number, path) in ["/written", "/endless", "/file"].into_iter().enumerate() {
        let mut client = server.connect();
        client.send(get(path));
        let line = lines(&log, number + 1).remove(number);
        assert!((1..LARGE).contains(&incomplete(&line, path)), "{line}");
    }
}

#[test]
fn pipelined_responses_are_complete_before_one_that_is_not() {
    let (server, log) = logging(|builder| builder);
    let mut client = server.connect();
    client.send([get("/text"), get("/text"), get("/promise"), get("/text")].concat());
    client.rest_until_cut();
    let expected = [
        "\"GET /text HTTP/1.1\" 200 4",
        "\"GET /text HTTP/1.1\" 200 4",
        "\"GET /promise HTTP/1.1\" 200 7 incomplete",
    ];
    assert_eq!(lines(&log, 3), expected);
}

#[test]
fn a_response_is_logged_when_it_has_left_and_not_when_those_behind_it_have() {
    let (server, log) = logging(|builder| builder);
    let mut client = server.connect();
    client.send([get("/text"), get("/endless")].concat());
    // The second response has no end.
    assert_eq!(lines(&log, 1), ["\"GET /text HTTP/1.1\" 200 4"]);
    drop(client);
    let line = lines(&log, 2).remove(1);
    incomplete(&line, "/endless");
}

#[test]
fn a_response_that_a_handler_flushed_past_is_logged_by_then() {
    let log = Captured::default();
    let access_log = AccessLog::to(log.clone());
    let gate = Gate::default();
    let held = gate.clone();
    let factory = answer(move |http| {
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"text")?;
        if http.url_path() == "/wait" {
            http.wfile().flush()?;
            held.wait();
        }
        Ok(())
    });
    let server = serve_with(factory, |builder| builder.access_log(access_log));
    let mut client = server.connect();
    client.send([get("/first"), get("/wait")].concat());
    assert_eq!(lines(&log, 1), ["\"GET /first HTTP/1.1\" 200 4"]);
    gate.open();
    assert_eq!(lines(&log, 2)[1], "\"GET /wait HTTP/1.1\" 200 4");
}

#[test]
fn messages_stand_before_the_line_of_their_request() {
    let (server, log) = logging(|builder| builder);
    let mut client = server.connect();
    client.send([get("/text"), get("/missing")].concat());
    client.half_close();
    client.rest();
    let lines = lines(&log, 3);
    assert_eq!(lines[..2], ["\"GET /text HTTP/1.1\" 200 4", "code 404, message Not Found"]);
    assert!(lines[2].starts_with("\"GET /missing HTTP/1.1\" 404 "), "{lines:?}");
}

#[test]
fn nothing_of_a_head_is_content() {
    let (server, log) = logging(|builder| builder);
    let mut client = server.connect();
    for path in ["/text", "/file", "/missing"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.response_to_head();
    }
    let lines = lines(&log, 4);
    assert_eq!(lines[0], "\"HEAD /text HTTP/1.1\" 200 0");
    assert_eq!(lines[1], "\"HEAD /file HTTP/1.1\" 200 0");
    assert_eq!(lines[3], "\"HEAD /missing HTTP/1.1\" 404 0");
}

#[test]
fn a_server_that_ends_loses_no_line() {
    for path in ["/file", "/endless", "/written"] {
        let (server, log) = logging(|builder| builder.shutdown_timeout(Duration::ZERO));
        let mut client = server.connect();
        client.send(get(path));
        client.take(1000);
        drop(server);
        let lines = lines(&log, 1);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!((500..LARGE).contains(&incomplete(&lines[0], path)), "{lines:?}");
    }
}

/// Logs twice, or not at all.
struct Hook;

impl BaseHttpRequestHandler for Hook {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        http.log_request(102, 7);
        http.log_error("an error");
        http.log_message("a message");
        script(http)
    }

    fn log_request(&self, record: &LogRecord) {
        if record.requestline() != b"GET /missing HTTP/1.1" {
            record.write();
            record.write();
        }
    }

    fn log_message(&self, _: &LogRecord) {}
}

#[test]
fn a_hook_has_as_many_lines_as_it_writes() {
    let log = Captured::default();
    let access_log = AccessLog::to(log.clone());
    let server = serve_with(|| Hook, |builder| builder.access_log(access_log));
    server.ask("GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut client = server.connect();
    client.send(get("/short-chunk"));
    client.rest_until_cut();
    let expected = [
        "\"GET /short-chunk HTTP/1.1\" 102 7",
        "\"GET /short-chunk HTTP/1.1\" 102 7",
        "\"GET /short-chunk HTTP/1.1\" 200 1006 incomplete",
        "\"GET /short-chunk HTTP/1.1\" 200 1006 incomplete",
    ];
    assert_eq!(lines(&log, 4), expected);
}

#[test]
fn errors_are_yellow_and_messages_are_not() {
    let log = Captured::default();
    let access_log = AccessLog::to(log.clone()).colors(true);
    let factory = answer(|http| {
        http.log_error("an error");
        http.log_message("a message");
        http.send_response(204).end_headers()
    });
    let server = serve_with(factory, |builder| builder.access_log(access_log));
    server.response(get("/"));
    let lines = log.lines(3);
    assert!(lines[0].ends_with("]\x1b[0m \x1b[33man error\x1b[0m"), "{lines:?}");
    assert!(lines[1].ends_with("]\x1b[0m a message"), "{lines:?}");
}

/// What stands between the braces of an object of strings, numbers and booleans, which is all that
/// the log has.
fn json(line: &str) -> Option<Vec<(String, String)>> {
    let mut rest = line.strip_prefix('{')?;
    let mut members = Vec::new();
    loop {
        let (name, after) = json_string(rest)?;
        rest = after.strip_prefix(':')?;
        let value;
        if rest.starts_with('"') {
            (value, rest) = json_string(rest)?;
        } else {
            let end = rest.find([',', '}'])?;
            let (bare, after) = rest.split_at(end);
            let is_number = bare.parse::<f64>().is_ok() && bare.starts_with(|c: char| c.is_ascii_digit());
            if !is_number && bare != "true" && bare != "false" {
                return None;
            }
            (value, rest) = (bare.to_owned(), after);
        }
        members.push((name, value));
        match rest {
            "}" => return Some(members),
            _ => rest = rest.strip_prefix(',')?,
        }
    }
}

fn json_string(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((out, chars.as_str())),
            '\\' => match chars.next()? {
                c @ ('"' | '\\' | '/') => out.push(c),
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                _ => return None,
            },
            c if c.is_control() => return None,
            c => out.push(c),
        }
    }
}

#[test]
fn json_can_be_read_whatever_the_client_sent() {
    let log = Captured::default();
    let access_log = AccessLog::to(log.clone()).format(LogFormat::Json);
    let factory = answer(script as fn(&mut Exchange) -> Result);
    let server = serve_with(factory, |builder| builder.access_log(access_log));
    let nasty: [&[u8]; 9] = [
        b"GET /\"},{\"x\":\" HTTP/1.1\r\n\r\n",
        b"GET /\\\\\\u0000\\ HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe\xc3\x28 HTTP/1.1\r\n\r\n",
        b"GET /\x01\x1b[31m HTTP/1.1\r\n\r\n",
        b"\"\r\n\r\n",
        b"\xf0\x9f\x98 \xf0\x9f\x98\x80 \xed\xa0\x80\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\t/\r\n\r\n",
        b"GET /text HTTP/1.1\r\nHost: a\r\nReferer: \"\\\xc2\x85\xff\r\nUser-Agent: \\\"\t{}\r\nConnection: close\r\n\r\n",
    ];
    for bytes in nasty {
        let mut client = Client::connect(server.address());
        client.send(bytes);
        client.rest_until_cut();
    }
    // All but the last one are refused, which makes a message more.
    let lines = log.lines(2 * nasty.len() - 1);
    let objects: Vec<_> = lines.iter().map(|line| json(line).unwrap_or_else(|| panic!("{line}"))).collect();
    let good = |members: &&Vec<(String, String)>| members.iter().any(|(name, _)| name == "user_agent");
    let last = objects.iter().find(good).expect("the line of the good request");
    let value = |name: &str| last.iter().find(|member| member.0 == name).map(|member| member.1.as_str());
    assert_eq!(value("referer"), Some("\"\\\u{85}\u{fffd}"));
    assert_eq!(value("user_agent"), Some("\\\"\t{}"));
    assert_eq!(value("complete"), Some("true"));
    assert!(value("duration_ms").is_some_and(|ms| ms.parse::<f64>().is_ok()));
}
