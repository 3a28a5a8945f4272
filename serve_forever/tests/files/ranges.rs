//! Parts of files (rules 109 to 118): of small ones that are sent from memory, of large ones that
//! the system sends, and of index pages.

use std::time::{Duration, SystemTime};

use crate::support::files::{Client, Reply, Site, server_field};
use serve_forever::files::EntityTags;

const SMALL: usize = 1_000;
/// More than what is kept in memory.
const LARGE: usize = 200_000;
const TARGETS: [(&str, usize, &str); 3] = [
    ("/small.txt", SMALL, "text/plain; charset=utf-8"),
    ("/large.bin", LARGE, "application/octet-stream"),
    ("/dir/", SMALL, "text/html; charset=utf-8"),
];

const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Letters, so that it is text, with a period that no length of a part or of a buffer is a multiple
/// of.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| b'!' + u8::try_from(index % 89).expect("it is small")).collect()
}

fn site() -> Site {
    let site = Site::new();
    fill(&site);
    site
}

fn fill(site: &Site) {
    site.file("small.txt", content(SMALL))
        .file("large.bin", content(LARGE))
        .directory("dir")
        .file("dir/index.html", content(SMALL));
}

fn range(value: &str) -> String {
    format!("Range: {value}\r\n")
}

/// The part from `first` to `last`, both included, and nothing else.
#[track_caller]
fn assert_part(reply: &Reply, first: usize, last: usize, length: usize) {
    assert_eq!(reply.code(), 206, "{}", reply.head);
    let content_range = format!("bytes {first}-{last}/{length}");
    assert_eq!(reply.fields("Content-Range"), [content_range]);
    assert_eq!(reply.fields("Content-Length"), [(last + 1 - first).to_string()]);
    assert!(reply.body == content(length)[first..=last], "{}", reply.text());
}

#[track_caller]
fn assert_whole(reply: &Reply, length: usize) {
    assert_eq!(reply.code(), 200, "{}", reply.head);
    assert_eq!(reply.field("Content-Range"), None);
    assert!(reply.body == content(length), "{} bytes", reply.body.len());
}

/// Asks for each target, on connections that are kept.
#[track_caller]
fn assert_all_whole(site: &Site, fields: &str) {
    for (target, length, _) in TARGETS {
        assert_whole(&site.client().request("GET", target, fields), length);
    }
}

/// The parts of a `multipart/byteranges`, with their heads, as bytes.
fn multipart(boundary: &str, parts: &[(usize, usize)], length: usize, content_type: &str) -> Vec<u8> {
    let content = content(length);
    let mut body = Vec::new();
    for &(first, last) in parts {
        body.extend_from_slice(
            format!(
                "\r\n--{boundary}\r\n\
                 Content-Type: {content_type}\r\n\
                 Content-Range: bytes {first}-{last}/{length}\r\n\
                 \r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(&content[first..=last]);
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

/// These parts, byte for byte.
#[track_caller]
fn assert_parts(reply: &Reply, parts: &[(usize, usize)], length: usize, content_type: &str) {
    assert_eq!(reply.code(), 206, "{}", reply.head);
    assert_eq!(reply.field("Content-Range"), None);
    let value = reply.field("Content-Type").expect("a type");
    let boundary = value.strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric();
    assert!((1..=70).contains(&boundary.len()) && boundary.bytes().all(is_fit), "{boundary}");
    let expected = multipart(boundary, parts, length, content_type);
    assert_eq!(reply.field("Content-Length"), Some(expected.len().to_string().as_str()));
    assert!(reply.body == expected, "{}", reply.text());
}

#[test]
fn rule_109_only_get_has_ranges() {
    let site = site();
    for (target, length, _) in TARGETS {
        for value in ["bytes=0-1", "bytes=999999-", "bytes=0-1,500-600"] {
            let head = site.request("HEAD", target, &range(value));
            assert_eq!((head.code(), head.field("Content-Range")), (200, None), "{target} {value}");
            assert_eq!(head.field("Content-Length"), Some(length.to_string().as_str()));
            assert_eq!(head.body.len(), 0);
        }
    }
    assert_eq!(site.request("OPTIONS", "/small.txt", &range("bytes=0-1")).code(), 200);
    assert_eq!(site.request("POST", "/small.txt", &range("bytes=0-1")).code(), 405);
}

#[test]
fn rule_109_other_units_are_ignored() {
    let site = site();
    for value in ["octets=0-1", "lines=1-2", "byte=0-1", "bytess=0-1", "none=0-1", "bytes", "0-1", "=0-1"] {
        assert_all_whole(&site, &range(value));
    }
    // The name of the unit has no case.
    assert_part(&site.request("GET", "/small.txt", &range("BYTES=0-1")), 0, 1, SMALL);
}

#[test]
fn rule_109_what_is_no_file_has_no_ranges() {
    let site = site();
    site.directory("list");
    for (target, code) in [("/missing", 404), ("/dir", 301), ("/list/", 200)] {
        for value in ["bytes=0-1", "bytes=99999-"] {
            let reply = site.request("GET", target, &range(value));
            assert_eq!((reply.code(), reply.field("Content-Range")), (code, None), "{target}");
        }
    }
}

#[test]
fn rule_110_a_part_is_what_was_asked_for() {
    let site = site();
    for (target, length, _) in TARGETS {
        let mut client = site.client();
        let end = length - 1;
        for (value, first, last) in [
            ("0-0".to_owned(), 0, 0),
            ("0-99".to_owned(), 0, 99),
            ("1-1".to_owned(), 1, 1),
            ("500-".to_owned(), 500, end),
            ("-1".to_owned(), end, end),
            ("-500".to_owned(), length - 500, end),
            (format!("{end}-"), end, end),
            (format!("{end}-{end}"), end, end),
            ("0-".to_owned(), 0, end),
            (format!("-{length}"), 0, end),
            (format!("0-{end}"), 0, end),
            ("0000500-00501".to_owned(), 500, 501),
        ] {
            let reply = client.request("GET", target, &range(&format!("bytes={value}")));
            assert_part(&reply, first, last, length);
        }
    }
}

#[test]
fn rule_110_a_last_position_beyond_the_end_is_clipped() {
    let site = site();
    for (target, length, _) in TARGETS {
        let mut client = site.client();
        for (value, first) in [
            (format!("900-{length}"), 900),
            ("900-99999999".to_owned(), 900),
            ("-99999999".to_owned(), 0),
            ("0-18446744073709551615".to_owned(), 0),
        ] {
            let reply = client.request("GET", target, &range(&format!("bytes={value}")));
            assert_part(&reply, first, length - 1, length);
        }
    }
}

#[test]
fn rule_110_the_head_of_a_part_to_the_byte() {
    let site = site();
    let tag = site.settled("/small.txt");
    site.dated("/small.txt");
    let reply = site.client().request("GET", "/small.txt", &range("bytes=0-1"));
    let expected = format!(
        "HTTP/1.1 206 Partial Content\r\n\
         {}\
         Date: *\r\n\
         Last-Modified: {AT}\r\n\
         ETag: *\r\n\
         Cache-Control: no-cache\r\n\
         Accept-Ranges: bytes\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 2\r\n\
         Content-Range: bytes 0-1/1000\r\n\
         \r\n",
        server_field()
    );
    assert_eq!((reply.head, reply.tag, reply.body.as_slice()), (expected, Some(tag), &b"!\""[..]));
}

#[test]
fn rule_110_parts_of_a_large_file_come_from_their_place() {
    let site = site();
    let mut client = site.client();
    for first in [0, 1, 65_535, 65_536, 65_537, 131_071, LARGE - 65_537] {
        for size in [1, 2, 65_535, 65_536, 65_537] {
            let last = (first + size).min(LARGE) - 1;
            let reply = client.request("GET", "/large.bin", &range(&format!("bytes={first}-{last}")));
            assert_part(&reply, first, last, LARGE);
        }
    }
}

#[test]
fn rule_110_a_connection_goes_on_after_a_part() {
    let site = site();
    let tag = site.settled("/large.bin");
    for (target, length, content_type) in TARGETS {
        let mut client = site.client();
        for _ in 0..3 {
            assert_part(&client.request("GET", target, &range("bytes=3-7")), 3, 7, length);
            let parts = client.request("GET", target, &range("bytes=0-1,500-501"));
            assert_parts(&parts, &[(0, 1), (500, 501)], length, content_type);
            assert_whole(&client.get(target), length);
            assert_eq!(client.request("HEAD", target, &range("bytes=3-7")).code(), 200);
            assert_eq!(client.request("GET", "/large.bin", &format!("If-None-Match: {tag}\r\n")).code(), 304);
        }
    }
}

#[test]
fn rule_111_what_is_no_set_of_ranges_is_ignored() {
    let site = site();
    for value in [
        "bytes=5-3",
        "bytes=",
        "bytes=,",
        "bytes= , ",
        "bytes=-",
        "bytes=--1",
        "bytes=-1-",
        "bytes=1",
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=1-2-3",
        "bytes=1.0-2",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=1-2 3-4",
        "bytes=1-2;3-4",
        "bytes=1-2, x",
        "bytes=1-2, 9-8",
        "bytes =1-2",
        "bytes= 1-2",
        "bytes:1-2",
        "bytes 1-2",
        "bytes=\u{661}-\u{662}",
        "",
    ] {
        assert_all_whole(&site, &range(value));
    }
}

#[test]
fn rule_111_two_lines_are_ignored() {
    assert_all_whole(&site(), "Range: bytes=0-1\r\nRange: bytes=500-501\r\n");
}

#[test]
fn rule_111_no_number_is_too_large() {
    let site = site();
    let huge = "9".repeat(400);
    for (target, length, _) in TARGETS {
        let get = |value: String| site.request("GET", target, &range(&format!("bytes={value}")));
        assert_part(&get(format!("1-{huge}")), 1, length - 1, length);
        assert_part(&get("1-18446744073709551616".into()), 1, length - 1, length);
        assert_part(&get("1-18446744073709551615".into()), 1, length - 1, length);
        assert_part(&get(format!("-{huge}")), 0, length - 1, length);
        assert_eq!(get(format!("{huge}-")).code(), 416);
        assert_eq!(get("18446744073709551615-18446744073709551615".into()).code(), 416);
        assert_eq!(get("18446744073709551616-".into()).code(), 416);
        // Backwards, although both are beyond what is counted.
        assert_whole(&get(format!("{huge}-{}", "8".repeat(400))), length);
        assert_whole(&get("18446744073709551617-18446744073709551616".into()), length);
        // Zeros make no number large.
        assert_part(&get(format!("{}5-{}6", "0".repeat(400), "0".repeat(300))), 5, 6, length);
    }
}

#[test]
fn rule_112_nothing_in_the_file_is_416_with_its_length() {
    let site = site();
    for (target, length, _) in TARGETS {
        for value in [
            format!("{length}-"),
            format!("{length}-{length}"),
            "999999999-".into(),
            "-0".into(),
            "-0, 999999999-".into(),
        ] {
            let mut client = site.client();
            let reply = client.request("GET", target, &range(&format!("bytes={value}")));
            assert!(reply.head.starts_with("HTTP/1.1 416 Range Not Satisfiable\r\n"), "{}", reply.head);
            assert_eq!(reply.fields("Content-Range"), [format!("bytes */{length}")]);
            assert!(reply.text().contains("<p>Error code: 416</p>"), "{}", reply.text());
            // Of the file it has nothing.
            assert_eq!((&reply.tag, reply.field("Last-Modified")), (&None, None));
            assert_eq!(reply.field("Content-Length"), Some(reply.body.len().to_string().as_str()));
            assert_eq!(client.request("HEAD", target, "").code(), 200);
        }
    }
}

#[test]
fn rule_112_ranges_beyond_the_end_are_left_out_beside_others() {
    let site = site();
    for (target, length, _) in TARGETS {
        for value in ["2-5, 999999999-", "999999999-, 2-5", "-0,2-5", "2-5,,"] {
            assert_part(&site.request("GET", target, &range(&format!("bytes={value}"))), 2, 5, length);
        }
    }
}

#[test]
fn rule_113_several_parts_come_byte_for_byte() {
    let site = site();
    for (target, length, content_type) in TARGETS {
        let mut client = site.client();
        let end = length - 1;
        let last_ten = [(0, 9), (length - 10, end)];
        for (value, parts) in [
            ("bytes=0-0,-1", &[(0, 0), (end, end)][..]),
            ("bytes=0-9, -10", &last_ten),
            ("bytes=0-9\t,\t ,,-10,", &last_ten),
            ("bytes=0-4,200-204,400-404,600-604", &[(0, 4), (200, 204), (400, 404), (600, 604)]),
            // Exactly as far apart as what would be saved.
            ("bytes=0-9,110-119", &[(0, 9), (110, 119)]),
            ("bytes=300-399,800-", &[(300, 399), (800, end)]),
        ] {
            let reply = client.request("GET", target, &range(value));
            assert_parts(&reply, parts, length, content_type);
        }
        assert_whole(&client.get(target), length);
    }
}

#[test]
fn rule_113_long_parts_of_a_large_file_come_byte_for_byte() {
    let site = site();
    let mut client = site.client();
    let reply = client.request("GET", "/large.bin", &range("bytes=1-70000,70101-140000,-1"));
    let parts = [(1, 70_000), (70_101, 140_000), (LARGE - 1, LARGE - 1)];
    assert_parts(&reply, &parts, LARGE, "application/octet-stream");
    assert_whole(&client.get("/large.bin"), LARGE);
}

#[test]
fn rule_113_the_boundary_is_another_each_time() {
    let site = site();
    let mut client = site.client();
    let mut boundary = || {
        let reply = client.request("GET", "/small.txt", &range("bytes=0-0,-1"));
        reply.field("Content-Type").expect("a type").to_owned()
    };
    assert_ne!(boundary(), boundary());
}

#[test]
fn rule_113_one_part_is_never_multipart() {
    let site = site();
    for value in ["bytes=2-5", "bytes=2-5,", "bytes=2-5, 99999999-", "bytes=2-3,4-5", "bytes=2-5,3-4"] {
        for (target, length, content_type) in TARGETS {
            let reply = site.request("GET", target, &range(value));
            assert_part(&reply, 2, 5, length);
            assert_eq!(reply.fields("Content-Type"), [content_type], "{value}");
        }
    }
}

#[test]
fn rule_113_the_order_of_the_request_is_kept() {
    let site = site();
    for (target, length, content_type) in TARGETS {
        let reply = site.request("GET", target, &range("bytes=500-501,0-1,900-901"));
        assert_parts(&reply, &[(500, 501), (0, 1), (900, 901)], length, content_type);
    }
}

#[test]
fn rule_114_parts_that_overlap_or_are_close_become_one() {
    let site = site();
    for (target, length, content_type) in TARGETS {
        let mut client = site.client();
        let mut get = |value| Client::request(&mut client, "GET", target, &range(value));
        assert_part(&get("bytes=10-19,15-29"), 10, 29, length);
        assert_part(&get("bytes=10-19,20-29"), 10, 29, length);
        assert_part(&get("bytes=10-19,10-19,10-19"), 10, 19, length);
        assert_part(&get("bytes=0-9,109-118"), 0, 118, length);
        assert_part(&get("bytes=20-29,0-9"), 0, 29, length);
        // Where some became one, all are in the order of the file.
        let reply = get("bytes=900-901,500-510,505-520");
        assert_parts(&reply, &[(500, 520), (900, 901)], length, content_type);
    }
}

#[test]
fn rule_114_parts_that_are_all_of_the_file_are_the_file() {
    let site = site();
    for value in
        ["bytes=0-,0-", "bytes=0-499,500-", "bytes=500-,0-499", "bytes=0-,-1", "bytes=0-,0-,0-,0-,0-"]
    {
        assert_all_whole(&site, &range(value));
    }
}

/// `count` parts of two bytes each, far from each other.
fn many(count: usize) -> (String, Vec<(usize, usize)>) {
    let parts: Vec<_> = (0..count).map(|index| (index * 1000, index * 1000 + 1)).collect();
    let set: Vec<_> = parts.iter().map(|(first, last)| format!("{first}-{last}")).collect();
    (format!("bytes={}", set.join(",")), parts)
}

#[test]
fn rule_114_sixty_four_ranges_are_served_and_more_are_ignored() {
    let site = site();
    let mut client = site.client();
    let (value, parts) = many(64);
    let reply = client.request("GET", "/large.bin", &range(&value));
    assert_parts(&reply, &parts, LARGE, "application/octet-stream");
    for value in [many(65).0, many(64).0 + ",", format!("bytes=0-1{}", ",".repeat(64))] {
        assert_whole(&client.request("GET", "/large.bin", &range(&value)), LARGE);
    }
    assert_whole(&client.request("GET", "/small.txt", &range(&many(65).0)), SMALL);
    let thousands = format!("bytes=0-{}", ",0-".repeat(5_000));
    assert_whole(&client.request("GET", "/large.bin", &range(&thousands)), LARGE);
}

#[test]
fn rule_115_if_range_with_the_tag_of_the_file_gives_the_part() {
    let site = site();
    for (target, length, content_type) in TARGETS {
        let tag = site.settled(target);
        let mut client = site.client();
        let fields = format!("Range: bytes=2-5\r\nIf-Range: {tag}\r\n");
        assert_part(&client.request("GET", target, &fields), 2, 5, length);
        let fields = format!("If-Range: {tag}\r\nRange: bytes=2-5,500-501\r\n");
        assert_parts(&client.request("GET", target, &fields), &[(2, 5), (500, 501)], length, content_type);
        let fields = format!("Range: bytes=999999-\r\nIf-Range: {tag}\r\n");
        assert_eq!(client.request("GET", target, &fields).code(), 416);
    }
}

#[test]
fn rule_115_if_range_with_anything_else_gives_the_whole_file() {
    let site = site();
    for (target, length, _) in TARGETS {
        let tag = site.settled(target);
        let mut client = site.client();
        for value in [
            "\"other\"".to_owned(),
            format!("W/{tag}"),
            format!("w/{tag}"),
            format!("{tag}, \"other\""),
            format!("\"other\", {tag}"),
            tag.trim_matches('"').to_owned(),
            format!("{tag}\r\nIf-Range: {tag}"),
            "*".into(),
            String::new(),
        ] {
            for wanted in ["bytes=2-5", "bytes=999999-"] {
                let fields = format!("Range: {wanted}\r\nIf-Range: {value}\r\n");
                assert_whole(&client.request("GET", target, &fields), length);
            }
        }
    }
}

#[test]
fn rule_115_a_weak_tag_gives_the_whole_file() {
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::SizeAndTime));
    fill(&site);
    for (target, length, _) in TARGETS {
        let name = if target == "/dir/" { "dir/index.html" } else { &target[1..] };
        // A date to come is not over, so that a tag which is made from it never becomes strong.
        site.changed(name, SystemTime::now() + Duration::from_secs(86_400));
        let tag = site.get(target).tag.expect("a tag");
        assert!(tag.starts_with("W/"), "{tag}");
        for value in [&tag, &tag[2..]] {
            let fields = format!("Range: bytes=2-5\r\nIf-Range: {value}\r\n");
            assert_whole(&site.request("GET", target, &fields), length);
        }
        // Nor is there a date.
        let fields = format!("Range: bytes=2-5\r\nIf-Range: {AT}\r\n");
        assert_whole(&site.request("GET", target, &fields), length);
    }
}

#[test]
fn rule_115_if_range_with_the_very_date_gives_the_part() {
    for recipe in [EntityTags::Identity, EntityTags::Off] {
        let site = Site::serving(|builder, _| builder.entity_tags(recipe));
        fill(&site);
        for (target, length, _) in TARGETS {
            site.dated(target);
            let get =
                |date| site.request("GET", target, &format!("If-Range: {date}\r\nRange: bytes=2-5\r\n"));
            assert_part(&get(AT), 2, 5, length);
            assert_part(&get("Sunday, 06-Nov-94 08:49:37 GMT"), 2, 5, length);
            // Earlier or later is another.
            assert_whole(&get("Sun, 06 Nov 1994 08:49:36 GMT"), length);
            assert_whole(&get("Sun, 06 Nov 1994 08:49:38 GMT"), length);
            assert_whole(&get("yesterday"), length);
        }
    }
}

#[test]
fn rule_115_if_range_without_range_is_ignored() {
    let site = site();
    let tag = site.settled("/dir/");
    for value in [tag.as_str(), "\"other\"", AT, "yesterday"] {
        assert_all_whole(&site, &format!("If-Range: {value}\r\n"));
    }
}

#[test]
fn rule_116_a_part_has_the_fields_of_the_whole() {
    let site = Site::serving(|builder, _| {
        let fields = [("Expires", "0"), ("Vary", "Origin"), ("Content-Location", "/a"), ("X-Other", "x")];
        fields.iter().fold(builder, |builder, (name, value)| builder.extra_response_header(*name, *value))
    });
    fill(&site);
    for (target, _, _) in TARGETS {
        site.dated(target);
    }
    let names = [
        "ETag",
        "Last-Modified",
        "Cache-Control",
        "Accept-Ranges",
        "X-Content-Type-Options",
        "Expires",
        "Vary",
        "Content-Location",
        "X-Other",
        "Date",
        "Server",
    ];
    for (target, ..) in TARGETS {
        let whole = site.get(target);
        for value in ["bytes=2-5", "bytes=2-5,500-501"] {
            let part = site.request("GET", target, &range(value));
            assert_eq!((part.code(), &part.tag), (206, &whole.tag), "{target}");
            for name in names {
                assert_eq!((part.fields(name), whole.fields(name).len()), (whole.fields(name), 1), "{name}");
            }
        }
    }
}

#[test]
fn rule_117_files_say_that_they_have_ranges() {
    let site = site();
    for (target, ..) in TARGETS {
        for method in ["GET", "HEAD"] {
            assert_eq!(
                site.request(method, target, "").fields("Accept-Ranges"),
                ["bytes"],
                "{method} {target}"
            );
        }
    }
    site.directory("list");
    // Listings have none, and do not say so.
    for target in ["/list/", "/missing", "/dir"] {
        assert_eq!(site.get(target).field("Accept-Ranges"), None, "{target}");
    }
}

#[test]
fn rule_118_a_range_of_an_empty_file_is_answered_with_the_file() {
    let site = Site::new();
    site.file("empty", "").directory("page").file("page/index.html", "");
    for target in ["/empty", "/page/"] {
        let mut client = site.client();
        for value in [
            "bytes=0-1048575",
            "bytes=0-",
            "bytes=0-0",
            "bytes=5-",
            "bytes=-1",
            "bytes=-0",
            "bytes=0-,5-",
            "bytes=5-3",
        ] {
            let reply = client.request("GET", target, &range(value));
            assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"), "{value}: {}", reply.head);
            assert_eq!((reply.fields("Content-Length"), reply.field("Content-Range")), (vec!["0"], None));
        }
    }
}

/// Programs that know that a boundary is a line of its own skip one line before each, the first one
/// included.
#[test]
fn rule_113_a_line_ends_before_the_first_boundary_too() {
    let site = site();
    for (target, ..) in TARGETS {
        let reply = site.request("GET", target, &range("bytes=0-9,500-509"));
        let boundary = reply.field("Content-Type").and_then(|value| value.split_once("boundary="));
        let delimiter = format!("\r\n--{}\r\n", boundary.expect("a boundary").1);
        assert!(reply.body.starts_with(delimiter.as_bytes()), "{}", reply.text());
        assert_eq!(reply.fields("Content-Length"), [reply.body.len().to_string()]);
    }
}

#[test]
fn pipelined_parts_follow_each_other() {
    use std::io::{Read, Write};
    let site = site();
    let mut stream = site.connect();
    for (first, last) in [(0, 9), (150_000, 150_009)] {
        write!(stream, "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes={first}-{last}\r\n\r\n")
            .expect("it");
    }
    let request = "GET /small.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=-3\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("the last");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("all of it");
    let text = String::from_utf8(bytes).expect("text");
    let bodies: Vec<&[u8]> = text
        .split("HTTP/1.1 206 Partial Content\r\n")
        .skip(1)
        .map(|reply| reply.split_once("\r\n\r\n").expect("a head").1.as_bytes())
        .collect();
    let content = content(LARGE);
    assert_eq!(bodies, [&content[..10], &content[150_000..150_010], &content[SMALL - 3..SMALL]]);
}
