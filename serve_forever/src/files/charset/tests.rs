//! Which files are called UTF-8, and which name another encoding themselves.

use proptest::prelude::*;

use super::*;

#[test]
fn text_that_is_utf_8_is_called_so() {
    for media_type in
        ["text/plain", "text/html", "text/css", "text/javascript", "text/csv", "TEXT/x-anything"]
    {
        for text in ["", "plain", "na\u{ef}ve", "\u{1f980}", "\u{feff}x"] {
            let expected = format!("{media_type}; charset=utf-8");
            assert_eq!(content_type(media_type, text.as_bytes(), true), expected, "{text}");
        }
    }
}

#[test]
fn text_that_is_not_is_left_to_the_browser() {
    for bytes in
        [&b"na\xefve"[..], b"\xff\xfea\0", b"\xfe\xff\0a", b"a\0", b"\xed\xa0\x80", b"\xc0\x80", b"caf\xc3"]
    {
        assert_eq!(content_type("text/plain", bytes, true), "text/plain", "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_is_no_text_or_says_more_stays_as_it_is() {
    for media_type in [
        "application/json",
        "image/svg+xml",
        "text/xml",
        "Text/XML",
        "text/x-something+xml",
        "text/xml-external-parsed-entity",
        "text/plain; charset=latin1",
        "text/plain;format=flowed",
        "text",
        "",
    ] {
        assert_eq!(content_type(media_type, b"plain", true), media_type);
    }
}

#[test]
fn a_character_may_be_cut_off_at_the_end_of_what_was_read() {
    let crab = "\u{1f980}".as_bytes();
    for end in 1..crab.len() {
        assert!(is_utf8_so_far(&crab[..end], false));
        assert!(!is_utf8_so_far(&crab[..end], true));
    }
    assert!(!is_utf8_so_far(b"\xf0\x9fx", false));
    assert!(!is_utf8_so_far(b"\x80", false));
    assert!(!is_utf8_so_far(b"ab\0", false));
}

#[test]
fn a_page_that_names_another_encoding_is_left_alone() {
    let page = b"<!DOCTYPE html><meta charset=iso-8859-2><p>x";
    assert_eq!(content_type("text/html", page, true), "text/html");
    assert_eq!(content_type("TEXT/HTML", page, true), "TEXT/HTML");
    // In other types of text, `meta` elements have no meaning.
    assert_eq!(content_type("text/plain", page, true), "text/plain; charset=utf-8");
    for label in ["utf-8", "UTF-8", "utf8", " utf-8 ", "unicode-1-1-utf-8"] {
        let page = format!("<meta charset=\"{label}\">");
        assert_eq!(content_type("text/html", page.as_bytes(), true), "text/html; charset=utf-8", "{label}");
    }
}

#[test]
fn an_encoding_is_declared_in_many_ways() {
    for page in [
        "<meta charset=koi8-r>",
        "<meta charset='koi8-r'>",
        "<meta charset=\"koi8-r\">",
        "<META CHARSET = koi8-r >",
        "<meta\n\tcharset\n=\n'koi8-r'/>",
        "<meta/charset=koi8-r>",
        "<meta charset=\" koi8-r \">",
        "<meta name=x charset=koi8-r charset=utf-8>",
        "<meta =x charset=koi8-r>",
        "<meta http-equiv=content-type content='text/html; charset=koi8-r'>",
        "<meta content='text/html; charset=koi8-r' http-equiv=Content-Type>",
        "<meta http-equiv=\"Content-Type\" content=\"text/html;charset=koi8-r;x=y\">",
        "<meta http-equiv=content-type content='charset x; charset = \"koi8-r\"'>",
        "<meta http-equiv=content-type content='a; charset=utf-8' charset=koi8-r>",
        "<meta name=viewport content=x><meta charset=koi8-r>",
        "<html lang=\"a>b\"><head><!-- <meta charset=utf-8> --><meta charset=koi8-r>",
        "<!-->< meta><meta charset=koi8-r>",
        "<!--><meta charset=koi8-r>-->",
        "<p title='<meta charset=utf-8>'></p><meta charset=koi8-r>",
        "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE html></x y='>'><meta charset=koi8-r>",
        "<meta charset=><meta charset=koi8-r>",
        "< a <1 <<meta charset=koi8-r>",
        "<metal charset=utf-8><meta charset=koi8-r>",
    ] {
        assert_eq!(declared_charset(page.as_bytes()), Some("koi8-r"), "{page}");
    }
}

#[test]
fn a_byte_order_mark_goes_before_what_is_declared() {
    assert_eq!(declared_charset(b"\xef\xbb\xbf<meta charset=koi8-r>"), Some("utf-8"));
}

#[test]
fn nothing_else_declares_an_encoding() {
    for page in [
        "",
        "<",
        "<meta",
        "<meta>",
        "<meta ",
        "<meta charset",
        "<meta charset=",
        "<meta charset='koi8-r",
        "<meta charset=''>",
        "<meta name=charset content=koi8-r>",
        "<meta content='text/html; charset=koi8-r'>",
        "<meta http-equiv=refresh content='0; charset=koi8-r'>",
        "<meta http-equiv=content-type content='text/html'>",
        "<meta http-equiv=content-type content='text/html; charset'>",
        "<meta http-equiv=content-type content='text/html; charset=\"koi8-r'>",
        "<!-- <meta charset=koi8-r>",
        "<p title=\"<meta charset=koi8-r>\">",
        "</meta charset=koi8-r>",
        "<metacharset=koi8-r>",
        "meta charset=koi8-r",
        "<!meta charset=koi8-r>",
    ] {
        assert_eq!(declared_charset(page.as_bytes()), None, "{page}");
    }
}

#[test]
fn only_the_beginning_of_a_page_is_looked_at() {
    let meta = "<meta charset=koi8-r>";
    let page = |before: usize| format!("{}{meta}", " ".repeat(before));
    assert_eq!(declared_charset(page(1024 - meta.len()).as_bytes()), Some("koi8-r"));
    assert_eq!(declared_charset(page(1024).as_bytes()), None);
}

proptest! {
    #[test]
    fn the_beginning_of_a_text_is_utf_8_wherever_it_ends(text in "[^\0]{0,20}", end in 0_usize..80) {
        let bytes = text.as_bytes();
        prop_assert!(is_utf8_so_far(bytes, true));
        prop_assert!(is_utf8_so_far(&bytes[..end.min(bytes.len())], false));
    }

    #[test]
    fn any_page_is_read_to_its_end(
        bytes: Vec<u8>,
        page in "(<|>|meta|charset|content|http-equiv|content-type|=|'|\"|/|!|--| |x){0,40}",
    ) {
        declared_charset(&bytes);
        declared_charset(page.as_bytes());
    }
}
