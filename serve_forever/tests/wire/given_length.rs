//! Responses whose handler gives the length: their content is put behind the head before that is
//! complete.

use std::io::{Read, Write};

use crate::support::{Gate, answer, serve, serve_with};
use serve_forever::{Exchange, Result};

const CONTENT: &str = "0123456789";

/// 200 with that length, and the content in pieces of `size`.
fn give(http: &mut Exchange, content: &str, size: usize) -> Result {
    http.send_response(200).send_header("Content-Length", content.len()).end_headers()?;
    for piece in content.as_bytes().chunks(size) {
        http.wfile().write_all(piece)?;
    }
    Ok(())
}

fn head(connection: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 10\r\n{connection}\r\n")
}

#[test]
fn a_connection_field_comes_before_the_empty_line() {
    for size in [1, 4, 10] {
        let server = serve(answer(move |http| give(http, CONTENT, size)));
        let get =
            |fields: &str, version| server.ask(format!("GET / HTTP/1.{version}\r\nHost: a\r\n{fields}\r\n"));
        let (close, keep) = (head("Connection: close\r\n"), head("Connection: keep-alive\r\n"));
        assert_eq!(get("Connection: close\r\n", 1), format!("{close}{CONTENT}"));
        assert_eq!(get("", 0), format!("{close}{CONTENT}"));
        let three = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\
                     GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let plain = head("");
        assert_eq!(server.ask(three), format!("{keep}{CONTENT}{plain}{CONTENT}{close}{CONTENT}"));
    }
}

#[test]
fn a_close_that_is_decided_after_the_content_is_told() {
    let server = serve(answer(|http| {
        give(http, CONTENT, 10)?;
        http.server().shutdown();
        Ok(())
    }));
    let all = server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(all, format!("{}{CONTENT}", head("Connection: close\r\n")));
}

#[test]
fn what_is_longer_than_the_buffer_goes_out_under_the_same_head() {
    for (buffer, size) in [(4, 1), (4, 3), (4, 10), (9, 5), (10, 10)] {
        let server =
            serve_with(answer(move |http| give(http, CONTENT, size)), |builder| builder.buffer_size(buffer));
        let two = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let expected = format!("{}{CONTENT}{}{CONTENT}", head(""), head("Connection: close\r\n"));
        assert_eq!(server.ask(two), expected, "{buffer} {size}");
    }
}

#[test]
fn nothing_of_it_is_sent_when_the_handler_fails() {
    let server = serve(answer(|http| {
        give(http, CONTENT, 10)?;
        Err("no tea".into())
    }));
    server.answers_with_error("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 500);
}

/// The whole content was written, but the handler was not done, and it never will be.
#[test]
fn nothing_of_it_is_sent_when_the_client_leaves_before_the_handler_is_done() {
    let has_left = Gate::default();
    let server = {
        let has_left = has_left.clone();
        serve(answer(move |http| {
            give(http, CONTENT, 10)?;
            if http.command() == "POST" {
                has_left.wait();
                http.rfile().read_to_end(&mut Vec::new())?;
            }
            Ok(())
        }))
    };
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // Too long to be collected before the handler starts.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\nx");
    client.half_close();
    has_left.open();
    assert_eq!(crate::support::masked(&client.rest_until_cut()), format!("{}{CONTENT}", head("")));
}
