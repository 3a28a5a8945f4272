//! Tests of each rule for field lines.

use proptest::prelude::*;

use super::*;

fn parse(bytes: &[u8]) -> Result<Vec<(&str, &[u8])>, u16> {
    let mut fields = Vec::new();
    match parse_fields(bytes, 0, 100, &mut fields) {
        Ok(Section::Complete { end }) => {
            assert_eq!(end, bytes.len());
            Ok(fields.iter().map(|field| (field.name.text(bytes), field.value.bytes(bytes))).collect())
        }
        Ok(Section::Partial { .. }) => Err(0),
        Err(refusal) => Err(refusal.status),
    }
}

#[test]
fn lines_become_names_and_values() {
    let parsed =
        parse(b"Host: a\r\nX-Empty:\r\nx-tab:\t b\tc \t\r\nX-Long: 0123456789 abcdefghijk\tlm\r\n\r\n")
            .unwrap();
    let expected: [(&str, &[u8]); 4] =
        [("Host", b"a"), ("X-Empty", b""), ("x-tab", b"b\tc"), ("X-Long", b"0123456789 abcdefghijk\tlm")];
    assert_eq!(parsed, expected);
    assert_eq!(parse(b"\r\n"), Ok(vec![]));
}

#[test]
fn rule_30_blank_before_the_colon_is_refused() {
    assert_eq!(parse(b"X-A : b\r\n\r\n"), Err(400));
    assert_eq!(parse(b"X-A\t: b\r\n\r\n"), Err(400));
}

#[test]
fn rule_31_folded_lines_are_refused() {
    assert_eq!(parse(b"X: a\r\n b\r\n\r\n"), Err(400));
    assert_eq!(parse(b"X: a\r\n\tb\r\n\r\n"), Err(400));
}

#[test]
fn rule_32_names_are_tokens() {
    for line in
        [&b": b\r\n\r\n"[..], b"X@: b\r\n\r\n", b"\xe9: b\r\n\r\n", b"X\0: b\r\n\r\n", b"\"x\": b\r\n\r\n"]
    {
        assert_eq!(parse(line), Err(400), "{}", line.escape_ascii());
    }
}

#[test]
fn rule_33_lines_without_colon_are_refused() {
    assert_eq!(parse(b"X-A\r\n\r\n"), Err(400));
}

#[test]
fn rules_2_3_and_34_control_characters_are_refused_wherever_they_stand() {
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| *byte != b'\t') {
        for at in 0..12 {
            let mut line = b"X: \t\t\ta\t\tbcdefghij\r\n\r\n".to_vec();
            line.insert(4 + at, byte);
            assert_eq!(parse(&line), Err(400), "{byte:#x} at {at}");
        }
    }
}

#[test]
fn rule_35_only_sp_and_htab_are_trimmed() {
    assert_eq!(parse(b"X:\xa0a\x85\r\n\r\n").unwrap(), [("X", &b"\xa0a\x85"[..])]);
    assert!(!list_contains(b"\xa0chunked", "chunked"));
}

#[test]
fn rule_36_bytes_beyond_ascii_are_kept() {
    assert_eq!(parse(b"X: \xe9\xff\x80\r\n\r\n").unwrap(), [("X", &b"\xe9\xff\x80"[..])]);
}

#[test]
fn rule_37_too_many_fields_and_endless_names_are_refused() {
    let mut fields = Vec::new();
    assert!(parse_fields(b"a:\r\nb:\r\n\r\n", 0, 2, &mut fields).is_ok());
    fields.clear();
    let refusal = parse_fields(b"a:\r\nb:\r\nc", 0, 2, &mut fields).unwrap_err();
    assert_eq!((refusal.status, &*refusal.message), (431, "Too many headers"));
    assert_eq!(parse(&vec![b'a'; FIELD_NAME_LIMIT]), Err(0));
    assert_eq!(parse(&vec![b'a'; FIELD_NAME_LIMIT + 1]), Err(431));
}

#[test]
fn parsing_goes_on_at_the_line_that_was_cut() {
    let bytes = b"Host: a\r\nX: bcd\r\n\r\n";
    let mut fields = Vec::new();
    assert_eq!(parse_fields(&bytes[..12], 0, 9, &mut fields), Ok(Section::Partial { line: 9 }));
    assert_eq!(parse_fields(bytes, 9, 9, &mut fields), Ok(Section::Complete { end: bytes.len() }));
    assert_eq!(fields.len(), 2);
}

#[test]
fn headers_are_found_whatever_their_case_and_kept_in_order() {
    let bytes = b"Via: a\r\nX-Latin: \xe9\r\nvIA: b\r\n\r\n";
    let mut fields = Vec::new();
    parse_fields(bytes, 0, 9, &mut fields).unwrap();
    let headers = Headers::new(bytes, &fields);
    assert_eq!(headers.get("VIA"), Some("a"));
    assert_eq!(headers.get("x-latin"), None);
    assert_eq!(headers.get_bytes("x-latin"), Some(&b"\xe9"[..]));
    assert_eq!(headers.get_all("via").collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!((headers.len(), headers.is_empty()), (3, false));
    assert!(headers.contains("X-LATIN") && !headers.contains("X"));
    assert_eq!(format!("{headers:?}"), r#"{"Via": "a", "X-Latin": "\xe9", "vIA": "b"}"#);
}

#[test]
fn rule_71_lists_are_read_member_by_member() {
    assert!(list_contains(b"x, Close", "close"));
    assert!(list_contains(b",,\tCLOSE ,", "close"));
    assert!(!list_contains(b"closed, x close", "close"));
    assert_eq!(list_members(b" , a ,, b\t,").collect::<Vec<_>>(), [b"a", b"b"]);
}

#[test]
fn rule_42_values_that_would_split_a_response_are_told_apart() {
    assert!(is_field_value(b"") && is_field_value(b"a\tb \x80\xff~"));
    for value in [&b"a\r\nB: c"[..], b"a\n", b"a\r", b"\0", b"\x7f", b"0123456789\x1b"] {
        assert!(!is_field_value(value));
    }
    assert!(
        is_token(b"X-A_b!") && !is_token(b"") && !is_token(b"a b") && !is_token(b"a:") && !is_token(b"\xe9")
    );
}

proptest! {
    #[test]
    fn scanning_by_words_finds_what_scanning_by_bytes_finds(bytes: Vec<u8>, blanks in prop::collection::vec(
        prop::sample::select(vec![b'\t', b'a', 8, 0x80, b' ']), 0..40)) {
        for bytes in [bytes, blanks] {
            let slow = bytes.iter().position(|&byte| byte != b'\t' && byte.is_ascii_control());
            prop_assert_eq!(scan_value(&bytes, 0), slow.unwrap_or(bytes.len()));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse_fields(&bytes, 0, 5, &mut Vec::new());
    }
}
