//! However the network cuts a stream of requests, the answers are those to the whole (rule 39).

use std::collections::BTreeSet;

use crate::support::{Running, answer, describe, masked, serve};
use proptest::collection::btree_set;
use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Enough to meet most places of a short stream, few enough for a slow machine.
const CASES: u32 = 300;

/// Each ends in a way that closes the connection.
const STREAMS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"\r\n\r\nGET /x?y HTTP/1.1\r\nHost: a\r\nX: \t y \t\r\nConnection: x, close\r\n\r\n",
    b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nyou\
      GET /2 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
    b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
      5\r\nhello\r\n00B;x=\"y\"\r\n\r\n0\r\n\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n\
      GET /2 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
    b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n",
    b"HEAD /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: y\r\n folded\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: y\r\n\r\n",
    b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX : y\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

fn answer_to_pieces<'a>(server: &Running, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut client = server.connect();
    for piece in pieces {
        // A refusal may come before the last piece.
        if client.try_send(piece).is_err() {
            break;
        }
    }
    masked(&client.rest())
}

fn cut<'a>(stream: &'a [u8], places: &BTreeSet<usize>) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for &place in places.iter().filter(|&&place| place < stream.len()) {
        pieces.push(&stream[begin..place]);
        begin = place;
    }
    pieces.push(&stream[begin..]);
    pieces
}

#[test]
fn rule_39_a_stream_cut_anywhere_gets_the_same_answers() {
    let server = serve(answer(describe));
    let whole: Vec<String> = STREAMS.iter().map(|stream| answer_to_pieces(&server, [*stream])).collect();
    let longest = STREAMS.iter().map(|stream| stream.len()).max().unwrap_or_default();
    let cases = (0..STREAMS.len(), btree_set(1..longest, 1..8));
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let checked = TestRunner::new(config).run(&cases.no_shrink(), |(index, places)| {
        let pieces = cut(STREAMS[index], &places);
        let shown: Vec<String> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
        let answer = answer_to_pieces(&server, pieces);
        if answer == whole[index] {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("{shown:#?}: {answer}")))
        }
    });
    checked.expect("every way to cut gets the answer to the whole");
}

#[test]
fn rule_39_a_stream_in_single_bytes_gets_the_same_answers() {
    let server = serve(answer(describe));
    for stream in STREAMS {
        let whole = answer_to_pieces(&server, [*stream]);
        assert_eq!(answer_to_pieces(&server, stream.chunks(1)), whole, "{}", stream.escape_ascii());
    }
}

#[test]
fn rule_39_every_single_cut_gets_the_same_answers() {
    let server = serve(answer(describe));
    // Lengths, chunks, extensions and trailers: each place of it is a place of its own.
    let stream = STREAMS[4];
    let whole = answer_to_pieces(&server, [stream]);
    for place in 1..stream.len() {
        let (before, after) = stream.split_at(place);
        assert_eq!(answer_to_pieces(&server, [before, after]), whole, "cut at {place}");
    }
}

#[test]
fn rule_39_a_cut_at_an_answer_gets_the_same_answers() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    // The second request begins in the piece that ends the first, and waits there.
    client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    client.send("abcGET /2 HTTP/1.1\r\nHo");
    assert_eq!(client.response().text(), "POST /1 host=a body=abc\n");
    client.send("st: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().text(), "GET /2 host=a body=\n");
    client.ends();
}
