//! Forms over the wire: in parts (RFC 7578) and urlencoded.

use std::fmt::Write;
use std::io::{self, BufRead, Read};
use std::sync::mpsc;

use crate::support::{
    FAILSAFE, Running, answer, assert_error_page, assert_error_page_that_goes_on, reply, serve, serve_with,
};
use serve_forever::{Exchange, Result};

/// Says what the parts are, one a line.
fn parts(http: &mut Exchange) -> Result {
    let mut text = String::new();
    let mut form = http.multipart()?;
    while let Some(mut part) = form.next_part()? {
        let mut content = Vec::new();
        part.read_to_end(&mut content)?;
        let (name, file, kind) = (part.name(), part.file_name(), part.content_type());
        writeln!(text, "{name} {file:?} {kind:?} {}", content.escape_ascii())?;
    }
    reply(http, text)
}

fn head(content_type: &str, framing: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n")
}

fn request(boundary: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = head(
        &format!("multipart/form-data; boundary={boundary}"),
        &format!("Content-Length: {}", body.len()),
    );
    [head.as_bytes(), body].concat()
}

const BODY: &str = "--x\r\n\
                    Content-Disposition: form-data; name=\"title\"\r\n\
                    \r\n\
                    Tea\r\n\
                    --x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"tea.txt\"\r\n\
                    Content-Type: text/plain\r\n\
                    \r\n\
                    hot\r\n--\r\n\r\n\
                    --x--\r\n";

const PARTS: &str = "title None None Tea\n\
                     file Some(\"tea.txt\") Some(\"text/plain\") hot\\r\\n--\\r\\n\n";

#[track_caller]
fn refused(server: &Running, request: impl AsRef<[u8]>, code: u16, explain: &str) {
    let response = server.response(request);
    assert_eq!(response.code(), code, "{}", response.all());
    // What is too long to be read away ends the connection.
    if response.field("Connection").is_some() {
        assert_error_page(&response);
    } else {
        assert_error_page_that_goes_on(&response);
    }
    assert!(response.text().contains(explain), "{}", response.text());
}

#[test]
fn a_form_comes_part_by_part() {
    let server = serve(answer(parts));
    assert_eq!(server.body(request("x", BODY)), PARTS);
    assert_eq!(server.body(request("\"x\"; charset=utf-8", BODY)), PARTS);
}

#[test]
fn a_connection_goes_on_behind_a_form() {
    let server = serve(answer(parts));
    let mut client = server.connect();
    // An epilogue is no part of the next request.
    client.send([request("x", format!("{BODY}--x\r\nepilogue")), request("x", BODY)].concat());
    assert_eq!(client.response().text(), PARTS);
    assert_eq!(client.response().text(), PARTS);
}

#[test]
fn a_form_in_chunks_of_any_size_is_the_same() {
    let server = serve(answer(parts));
    for size in [1, 2, 3, 7, 20, 100] {
        let mut bytes = head("multipart/form-data; boundary=x", "Transfer-Encoding: chunked").into_bytes();
        for chunk in BODY.as_bytes().chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        assert_eq!(server.body(bytes), PARTS, "chunks of {size}");
    }
}

#[test]
fn what_came_of_a_part_is_read_before_the_rest_comes() {
    let (tell, told) = mpsc::channel();
    let server = serve(answer(move |http| {
        let mut form = http.multipart()?;
        let mut part = form.next_part()?.ok_or("no part")?;
        let mut line = String::new();
        part.read_line(&mut line)?;
        tell.send(line)?;
        let text = form.next_part()?.ok_or("no second part")?.text()?;
        reply(http, text)
    }));
    let mut client = server.connect();
    client
        .send(head("multipart/form-data; boundary=x", "Transfer-Encoding: chunked\r\nExpect: 100-continue"));
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    let first = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\none\nrest\r";
    client.send(format!("{:x}\r\n{first}\r\n", first.len()));
    assert_eq!(told.recv_timeout(FAILSAFE).as_deref(), Ok("one\n"));
    let second = "\n--x\r\nContent-Disposition: form-data; name=b\r\n\r\ntwo\r\n--x--";
    client.send(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len()));
    assert_eq!(client.response().text(), "two");
}

#[test]
fn other_types_are_415() {
    let server = serve(answer(parts));
    for content_type in [
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"x \"",
        "multipart/form-data; boundary=x; boundary=y",
        "multipart/form-data; boundary=\"x",
        "multipart/form-data; boundary=x y",
        "multipart/form-data; boundary=x\r\nContent-Type: multipart/form-data; boundary=y",
    ] {
        let head = head(content_type, &format!("Content-Length: {}", BODY.len()));
        refused(&server, head + BODY, 415, "This resource takes multipart/form-data with a boundary");
    }
    refused(&server, "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 415, "");
}

#[test]
fn boundaries_have_1_to_70_bytes() {
    let server = serve(answer(parts));
    for (length, code) in [(1, 200), (70, 200), (71, 415)] {
        let boundary = "x".repeat(length);
        let body = BODY.replace("--x", &format!("--{boundary}"));
        assert_eq!(server.response(request(&boundary, body)).code(), code, "{length} bytes");
    }
}

#[test]
fn what_is_malformed_is_400() {
    let server = serve(answer(parts));
    for (body, explain) in [
        (BODY.replace("--x--\r\n", ""), "The body ends before its last boundary"),
        (BODY.replace("--x--", "--x"), "The body ends before its last boundary"),
        (BODY.replace("--x--", "--x-"), "A line goes on behind the boundary"),
        (BODY.replace("--x\r\n", "--x\n"), "A line goes on behind the boundary"),
        (BODY.replace("--x\r\n", "--xy\r\n"), "A line goes on behind the boundary"),
        (BODY.replace("\r\n", "\n"), ""),
        (BODY.replace("name=\"title\"", "title"), "A part"),
        (BODY.replace("form-data; name=\"title\"", "form-data"), "A part has no name"),
        (BODY.replace("Content-Type: ", "Content-Type"), "A header name is not a token"),
        (String::new(), "The body ends before its last boundary"),
        ("text".to_owned(), "The body ends before its last boundary"),
    ] {
        refused(&server, request("x", body), 400, explain);
    }
}

#[test]
fn a_client_that_leaves_within_a_part_is_cut() {
    let server = serve(answer(parts));
    let bytes = request("x", BODY);
    let mut client = server.connect();
    client.send(&bytes[..bytes.len() - 20]);
    client.half_close();
    assert!(client.rest_until_cut().is_empty());
}

#[test]
fn thousands_of_parts_are_413() {
    let server = serve(answer(|http| {
        let mut form = http.multipart()?;
        while form.next_part()?.is_some() {}
        reply(http, "all")
    }));
    let part = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
    assert_eq!(server.body(request("x", part.repeat(1000) + "--x--")), "all");
    refused(&server, request("x", part.repeat(1001) + "--x--"), 413, "more than 1000 parts");
    refused(&server, request("x", part.repeat(20_000) + "--x--"), 413, "more than 1000 parts");
    // They have not even a name.
    refused(&server, request("x", "--x\r\n\r\n".repeat(20_000) + "--x--"), 400, "Content-Disposition");
}

#[test]
fn a_gigantic_head_is_413() {
    let server = serve(answer(parts));
    let part = "--x\r\nContent-Disposition: form-data; name=a\r\nX: ";
    for fill in ["x".repeat(17_000), "y\r\nX: ".repeat(5000), "x".repeat(900_000)] {
        let body = format!("{part}{fill}\r\n\r\n\r\n--x--");
        refused(&server, request("x", body), 413, "The head of a part has more than 16384 bytes");
    }
}

#[test]
fn a_form_within_a_form_is_content() {
    let server = serve(answer(parts));
    let inner = BODY.replace("--x", "--y").replace('"', "");
    let body = format!("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n{inner}\r\n--x--");
    let expected = format!("a None None {}\n", inner.as_bytes().escape_ascii());
    assert_eq!(server.body(request("x", body)), expected);
}

#[test]
fn texts_beyond_the_bound_are_413_and_others_than_utf_8_are_400() {
    let server = serve(answer(|http| {
        let mut form = http.multipart()?.max_text_size(8);
        let mut all = String::new();
        while let Some(mut part) = form.next_part()? {
            all += &part.text()?;
        }
        reply(http, all)
    }));
    let part = |text: &str| format!("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n{text}\r\n");
    assert_eq!(server.body(request("x", part("1234") + &part("5678") + "--x--")), "12345678");
    refused(&server, request("x", part("1234") + &part("56789") + "--x--"), 413, "too long");
    let latin = [part("?").replace("?\r\n", "").as_bytes(), b"\xe4\r\n--x--"].concat();
    refused(&server, request("x", latin), 400, "not UTF-8");
}

#[test]
fn a_form_beyond_the_bound_of_bodies_is_413() {
    let server = serve_with(answer(parts), |builder| builder.max_body_size(100));
    refused(&server, request("x", BODY), 413, "");
}

#[test]
fn a_large_file_streams() {
    let server = serve(answer(|http| {
        let mut form = http.multipart()?;
        let mut part = form.next_part()?.ok_or("no part")?;
        let mut bytes = 0_u64;
        let mut sum = 0_u64;
        loop {
            let buffer = part.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            sum = buffer.iter().fold(sum, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            bytes += buffer.len() as u64;
            let count = buffer.len();
            part.consume(count);
        }
        io::copy(&mut part, &mut io::sink())?;
        assert!(form.next_part()?.is_none());
        reply(http, format!("{bytes} {sum}"))
    }));
    // Half a boundary in each line.
    let line = b"\r\n--boundary-that-is-lon\r\r\n--boundary";
    let content: Vec<u8> = line.iter().copied().cycle().take(5_000_000).collect();
    let sum = content.iter().fold(0_u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let boundary = "boundary-that-is-long";
    let mut body = format!("--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n").into_bytes();
    body.extend_from_slice(&content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(server.body(request(boundary, body)), format!("5000000 {sum}"));
}

/// Says what the fields of an urlencoded form are, one a line.
fn fields(http: &mut Exchange) -> Result {
    let form = http.form()?;
    let text: Vec<_> = form.iter().map(|(name, value)| format!("{name:?} {value:?}\n")).collect();
    reply(http, text.concat())
}

const URLENCODED: &str = "application/x-www-form-urlencoded";

fn urlencoded(body: &str) -> String {
    head(URLENCODED, &format!("Content-Length: {}", body.len())) + body
}

#[test]
fn an_urlencoded_form_comes_as_a_whole() {
    let server = serve(answer(fields));
    let body = "title=Tea+%26+milk&cups=2&cups=3&&na%C3%AFve=%";
    let expected = "\"title\" \"Tea & milk\"\n\"cups\" \"2\"\n\"cups\" \"3\"\n\"naïve\" \"%\"\n";
    assert_eq!(server.body(urlencoded(body)), expected);
    let kind = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    assert_eq!(server.body(urlencoded(body).replace(URLENCODED, kind)), expected);
    let mut client = server.connect();
    client.send(head(URLENCODED, "Transfer-Encoding: chunked\r\nExpect: 100-continue"));
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    for byte in body.chars() {
        client.send(format!("1\r\n{byte}\r\n"));
    }
    client.send("0\r\n\r\n");
    client.send(urlencoded(""));
    assert_eq!(client.response().text(), expected);
    assert_eq!(client.response().text(), "");
}

#[test]
fn other_types_are_no_urlencoded_form() {
    let server = serve(answer(fields));
    for kind in
        ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded/", "", "a, b"]
    {
        refused(&server, urlencoded("a=b").replace(URLENCODED, kind), 415, URLENCODED);
    }
    let twice = format!("{URLENCODED}\r\nContent-Type: {URLENCODED}");
    refused(&server, urlencoded("a=b").replacen(URLENCODED, &twice, 1), 415, URLENCODED);
    refused(&server, "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 415, URLENCODED);
}

#[test]
fn a_form_is_collected_up_to_2_mib() {
    let server = serve(answer(|http| {
        let length = http.form()?.get("a").map_or(0, str::len);
        reply(http, length.to_string())
    }));
    let most = 2 * 1024 * 1024;
    assert_eq!(server.body(urlencoded(&format!("a={}", "x".repeat(most - 2)))), (most - 2).to_string());
    let explain = "This resource takes at most 2097152 bytes";
    refused(&server, urlencoded(&format!("a={}", "x".repeat(most - 1))), 413, explain);
    // Who would send too much is told before.
    let expecting = head(URLENCODED, "Content-Length: 2097153\r\nExpect: 100-continue");
    refused(&server, expecting, 413, explain);
}

#[test]
fn an_urlencoded_form_has_bounds_that_can_be_set() {
    let server = serve_with(answer(fields), |builder| builder.max_collected_size(20).max_form_fields(3));
    assert_eq!(server.response(urlencoded("a&b&c&&&&")).code(), 200);
    refused(&server, urlencoded("a&b&c&d"), 413, "The form has more than 3 fields");
    refused(&server, urlencoded("123456789012345678901"), 413, "at most 20 bytes");
    let chunked = head(URLENCODED, "Transfer-Encoding: chunked") + "15\r\n123456789012345678901\r\n0\r\n\r\n";
    refused(&server, chunked, 413, "at most 20 bytes");
    let server = serve(answer(fields));
    assert_eq!(server.response(urlencoded(&"a&".repeat(10_000))).code(), 200);
    refused(&server, urlencoded(&"a&".repeat(10_001)), 413, "The form has more than 10000 fields");
}

#[test]
fn a_client_that_leaves_within_an_urlencoded_form_is_cut() {
    let server = serve(answer(fields));
    let mut client = server.connect();
    client.send(urlencoded("a=b").replace("Content-Length: 3", "Content-Length: 100000"));
    client.half_close();
    assert!(client.rest_until_cut().is_empty());
}
