//! Tests of complete and broken bodies, which arrive in pieces of different sizes.

use proptest::prelude::*;

use super::*;

/// The content and the bytes after the body, or the status of the refusal. `Err(0)`: the body is
/// not complete.
type Outcome<'a> = Result<(Vec<u8>, &'a [u8]), u16>;

/// Decodes a body like the engine does. The input arrives in pieces of these sizes.
fn decode_in_pieces<'a>(decoder: &mut BodyDecoder, input: &'a [u8], sizes: &[usize]) -> Outcome<'a> {
    let mut content = Vec::new();
    let mut sizes = sizes.iter().cycle();
    let (mut at, mut arrived) = (0, 0);
    loop {
        let (skip, len, more) = match decoder.decode(&input[at..arrived]) {
            Ok(Decoded::Data { skip, len }) => {
                assert!(len > 0);
                (skip, len, false)
            }
            Ok(Decoded::More { skip }) => {
                assert_eq!(at + skip, arrived, "all input is consumed");
                (skip, 0, true)
            }
            Ok(Decoded::End { skip }) => {
                assert!(decoder.is_done());
                return Ok((content, &input[at + skip..]));
            }
            Err(refusal) => {
                assert_eq!(decoder.decode(b"0\r\n\r\n"), Err(refusal.clone()), "a refusal is final");
                return Err(refusal.status);
            }
        };
        content.extend_from_slice(&input[at + skip..at + skip + len]);
        at += skip + len;
        if more {
            if arrived == input.len() {
                assert!(!decoder.is_done());
                return Err(0);
            }
            arrived = input.len().min(arrived + sizes.next().unwrap());
        }
    }
}

fn decode(framing: Framing, input: &[u8]) -> Outcome<'_> {
    decode_in_pieces(&mut BodyDecoder::new(framing), input, &[usize::MAX / 2])
}

fn chunked(input: &[u8]) -> Outcome<'_> {
    let whole = decode(Framing::Chunked, input);
    let bytes = decode_in_pieces(&mut BodyDecoder::new(Framing::Chunked), input, &[1]);
    assert_eq!(whole.as_ref().map(|(content, _)| content), bytes.as_ref().map(|(content, _)| content));
    whole
}

fn content(input: &[u8]) -> Result<Vec<u8>, u16> {
    chunked(input).map(|(content, rest)| {
        assert_eq!(rest, b"");
        content
    })
}

#[test]
fn a_length_counts_bytes_and_leaves_the_next_request() {
    assert_eq!(decode(Framing::Length(3), b"abcGET"), Ok((b"abc".to_vec(), &b"GET"[..])));
    assert_eq!(decode(Framing::Length(3), b"ab"), Err(0));
    assert_eq!(decode(Framing::Length(u64::MAX), b"ab"), Err(0));
}

#[test]
fn rule_52_no_length_is_an_empty_body() {
    let decoder = BodyDecoder::new(Framing::Length(0));
    assert!(decoder.is_done());
    assert_eq!(decoder.remaining_hint(), Some(0));
    assert_eq!(decode(Framing::Length(0), b"GET"), Ok((vec![], &b"GET"[..])));
}

#[test]
fn the_hint_counts_down() {
    let mut decoder = BodyDecoder::new(Framing::Length(5));
    assert_eq!(decoder.remaining_hint(), Some(5));
    assert_eq!(decoder.decode(b"ab"), Ok(Decoded::Data { skip: 0, len: 2 }));
    assert_eq!(decoder.remaining_hint(), Some(3));
    assert_eq!(BodyDecoder::new(Framing::Chunked).remaining_hint(), None);
}

#[test]
fn chunks_are_joined() {
    assert_eq!(content(b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), Ok(b"abc0123456789".to_vec()));
    assert_eq!(chunked(b"1\r\na\r\n0\r\n\r\nGET /"), Ok((b"a".to_vec(), &b"GET /"[..])));
}

#[test]
fn rule_55_a_body_that_breaks_off_is_not_done() {
    let whole = b"3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(content(&whole[..end]), Err(0), "{end}");
    }
}

#[test]
fn rule_56_a_size_is_hexadecimal_digits_and_nothing_else() {
    for size in ["", "+3", "-3", "0x3", "3_", " 3", "3 ", "3\t", "g", "\u{663}", "3h", "3,", "3\0"] {
        assert_eq!(content(format!("{size}\r\nabc\r\n0\r\n\r\n").as_bytes()), Err(400), "{size:?}");
    }
}

#[test]
fn rule_56_a_size_does_not_overflow() {
    assert_eq!(content(b"0000000000000003\r\nabc\r\n0\r\n\r\n"), Ok(b"abc".to_vec()));
    assert_eq!(content(b"00000000000000003\r\nabc\r\n0\r\n\r\n"), Err(400));
    assert_eq!(content(b"10000000000000003\r\nabc\r\n0\r\n\r\n"), Err(400));
    assert_eq!(content(b"FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"), Err(0));
}

#[test]
fn rule_57_content_is_followed_by_crlf() {
    for end in ["XX", "\n", "\r", "\n\r", "\rX", "X\r\n", "d\r\n"] {
        assert_eq!(content(format!("3\r\nabc{end}0\r\n\r\n").as_bytes()), Err(400), "{end:?}");
    }
}

#[test]
fn rule_58_chunk_lines_end_with_crlf_only() {
    for line in ["3\n", "3\r", "3;a\n", "3;a\r", "3;a=\"\n\"\r\n", "3;a=\"\r\n\"\r\n", "3\r\r\n"] {
        assert_eq!(content(format!("{line}abc\r\n0\r\n\r\n").as_bytes()), Err(400), "{line:?}");
    }
    assert_eq!(content(b"0\n\n"), Err(400));
    assert_eq!(content(b"0\r\n\n"), Err(400));
}

#[test]
fn rule_59_extensions_are_ignored() {
    for extension in [";a", ";a=b", ";a=\"b;\\\" \t\u{e9}\"", "; a = b ; c", ";a;b;c=\"\"", ";a \t=\"\" ;b"] {
        assert_eq!(
            content(format!("3{extension}\r\nabc\r\n0{extension}\r\n\r\n").as_bytes()),
            Ok(b"abc".to_vec())
        );
    }
}

#[test]
fn rule_59_extensions_are_bounded_in_one_body() {
    let chunk = |bytes: usize| format!("1;{}\r\nx\r\n", "a".repeat(bytes - 1));
    let body = format!("{}{}0\r\n\r\n", chunk(CHUNK_EXTENSIONS_LIMIT - 10), chunk(10));
    assert_eq!(content(body.as_bytes()), Ok(b"xx".to_vec()));
    let body = format!("{}{}", chunk(CHUNK_EXTENSIONS_LIMIT - 10), chunk(11));
    assert_eq!(content(body.as_bytes()), Err(400));
}

#[test]
fn rule_60_malformed_extensions_are_refused() {
    for extension in [
        ";",
        ";;a",
        ";=b",
        ";a=",
        ";a=b c",
        ";a b",
        ";a=\"b",
        ";a=\"b\"c",
        ";a\0",
        ";a=\"\x1b\"",
        ";a=\"\\\x7f\"",
        ";a ",
    ] {
        assert_eq!(
            content(format!("3{extension}\r\nabc\r\n0\r\n\r\n").as_bytes()),
            Err(400),
            "{extension:?}"
        );
    }
}

#[test]
fn rule_61_trailers_are_kept_apart() {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    assert_eq!(decoder.decode(b"0\r\nDigest: x\r\nA:"), Ok(Decoded::More { skip: 16 }));
    assert!(decoder.trailers().is_empty());
    assert_eq!(decoder.decode(b" b\r\n\r\nGET /"), Ok(Decoded::End { skip: 6 }));
    assert_eq!(decoder.trailers().get("digest"), Some("x"));
    assert_eq!(decoder.trailers().get("a"), Some("b"));
    assert_eq!(decoder.trailers().len(), 2);
}

#[test]
fn rule_61_trailers_follow_the_rules_of_header_fields() {
    for line in ["X : a", " X: a", "X", "X: a\0", "X: a\r\n b", ": a", "X: a\rb"] {
        assert_eq!(content(format!("0\r\n{line}\r\n\r\n").as_bytes()), Err(400), "{line:?}");
    }
}

#[test]
fn rule_61_trailers_are_bounded() {
    // `0\r\n` does not count, but `X: `, CRLF and the empty line do.
    let trailers = |bytes: usize| format!("0\r\nX: {}\r\n\r\n", "a".repeat(bytes - 7));
    assert_eq!(content(trailers(TRAILERS_LIMIT).as_bytes()), Ok(vec![]));
    assert_eq!(content(trailers(TRAILERS_LIMIT + 1).as_bytes()), Err(431));
    assert_eq!(content(format!("0\r\n{}", "a".repeat(TRAILERS_LIMIT + 1)).as_bytes()), Err(431));
    assert_eq!(content(format!("0\r\n{}\r\n", "a:\r\n".repeat(MAX_FIELDS)).as_bytes()), Ok(vec![]));
    assert_eq!(content(format!("0\r\n{}", "a:\r\n".repeat(MAX_FIELDS + 1)).as_bytes()), Err(431));
}

#[test]
fn rule_63_the_last_chunk_may_have_several_zeros_and_digits_any_case() {
    assert_eq!(content(b"00a\r\n0123456789\r\n000\r\n\r\n"), Ok(b"0123456789".to_vec()));
    assert_eq!(content(b"0A\r\n0123456789\r\n0\r\n\r\n"), Ok(b"0123456789".to_vec()));
}

/// Chunked bodies, some of them damaged in one place.
fn some_body() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (prop::collection::vec(any::<u8>(), 1..40), "(;[a-c]{1,3}(=[a-c]|=\"[a-c ;]{0,3}\")?){0,2}");
    let chunks = prop::collection::vec(chunk, 0..5);
    let trailers = "([A-Z]{1,3}: ?[a-z]{0,5}\r\n){0,3}";
    let damage =
        prop::option::of((any::<prop::sample::Index>(), prop::sample::select(b"\r\n0;:x \x00".to_vec())));
    (chunks, trailers, damage, "(GET / HTTP)?").prop_map(|(chunks, trailers, damage, next)| {
        let mut body = Vec::new();
        for (data, extension) in chunks {
            body.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("0\r\n{trailers}\r\n{next}").as_bytes());
        if let Some((place, byte)) = damage {
            let place = place.index(body.len());
            body[place] = byte;
        }
        body
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(input: Vec<u8>, sizes in prop::collection::vec(1_usize..9, 1..9)) {
        let _ = decode_in_pieces(&mut BodyDecoder::new(Framing::Chunked), &input, &sizes);
    }

    #[test]
    fn the_way_of_cutting_makes_no_difference(
        body in some_body(),
        sizes in prop::collection::vec(1_usize..30, 1..9),
    ) {
        let mut whole = BodyDecoder::new(Framing::Chunked);
        let mut pieces = BodyDecoder::new(Framing::Chunked);
        let expected = decode_in_pieces(&mut whole, &body, &[usize::MAX / 2]);
        prop_assert_eq!(decode_in_pieces(&mut pieces, &body, &sizes), expected);
        prop_assert_eq!(format!("{:?}", whole.trailers()), format!("{:?}", pieces.trailers()));
    }

    #[test]
    fn what_is_encoded_is_decoded(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
        sizes in prop::collection::vec(1_usize..50, 1..9),
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\nnext");
        let decoded = decode_in_pieces(&mut BodyDecoder::new(Framing::Chunked), &body, &sizes);
        prop_assert_eq!(decoded, Ok((chunks.concat(), &b"next"[..])));
    }

    #[test]
    fn a_length_is_cut_invariant_too(
        body: Vec<u8>,
        length in 1_usize..50,
        sizes in prop::collection::vec(1_usize..9, 1..9),
    ) {
        let decoded = decode_in_pieces(&mut BodyDecoder::new(Framing::Length(length as u64)), &body, &sizes);
        let parts = body.split_at_checked(length);
        let expected = parts.map(|(content, rest)| (content.to_vec(), rest)).ok_or(0);
        prop_assert_eq!(decoded, expected);
    }
}
