//! Conditional requests for files (rules 99 to 108): small ones that are sent from memory, large ones that the system
//! sends, and index pages.

mod files_support;

use std::fs;
use std::time::{Duration, SystemTime};

use files_support::{Reply, Site};
use serve_forever::EntityTags;

/// When the files were changed, and a second before and after that.
const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// A small file, a large one, and one that stands for its directory.
const TARGETS: [&str; 3] = ["/small.txt", "/large.bin", "/dir/"];

/// With all of these, which do not change any more.
fn site() -> Site {
    let site = Site::new();
    fill(&site);
    site.settled("/dir/");
    site
}

fn fill(site: &Site) {
    site.file("small.txt", "text\n")
        .file("large.bin", vec![b'x'; 100_000])
        .directory("dir")
        .file("dir/index.html", "a page\n");
}

/// Asks for each target with both methods, and for the tag of each.
#[track_caller]
fn assert_codes(site: &Site, code: u16, fields: impl Fn(&str) -> String) {
    for target in TARGETS {
        let tag = site.settled(target);
        for method in ["GET", "HEAD"] {
            let fields = fields(&tag);
            let reply = site.request(method, target, &fields);
            assert_eq!(reply.code(), code, "{method} {target} {fields:?}");
        }
    }
}

fn field(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{name}: {value}\r\n") }
}

/// RFC 9110 §13.2.2, step by step, for the file whose tag is `tag`. An empty value is none.
fn expected(tag: &str, [matches, unmodified, none_match, modified, range]: [&str; 5]) -> u16 {
    if !matches.is_empty() {
        if matches != tag {
            return 412;
        }
    } else if unmodified == BEFORE {
        return 412;
    }
    if !none_match.is_empty() {
        if none_match == tag {
            return 304;
        }
    } else if modified == AT || modified == AFTER {
        return 304;
    }
    if range.is_empty() { 200 } else { 206 }
}

#[test]
fn rule_99_conditions_are_judged_in_their_order() {
    let site = site();
    for target in TARGETS {
        let tag = site.settled(target);
        let tags = ["", tag.as_str(), "\"other\""];
        let dates = ["", BEFORE, AT, AFTER];
        let mut client = site.client();
        for case in 0..3 * 4 * 3 * 4 * 2 {
            let values = [
                tags[case % 3],
                dates[case / 3 % 4],
                tags[case / 12 % 3],
                dates[case / 36 % 4],
                ["", "bytes=1-2"][case / 144],
            ];
            let names = ["If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "Range"];
            // The order in which they are sent does not matter.
            let mut lines: Vec<String> =
                names.iter().zip(values).map(|(name, value)| field(name, value)).collect();
            if case % 2 == 1 {
                lines.reverse();
            }
            let fields = lines.concat();
            let reply = client.request("GET", target, &fields);
            assert_eq!(reply.code(), expected(&tag, values), "{target} {fields:?}");
            if reply.code() == 412 {
                client.assert_ended();
                client = site.client();
            }
        }
    }
}

#[test]
fn rule_99_a_range_is_looked_at_after_the_conditions() {
    let site = site();
    let tag = site.settled("/small.txt");
    for (fields, code) in [
        (format!("Range: bytes=0-1\r\nIf-None-Match: {tag}\r\n"), 304),
        (format!("Range: bytes=99-\r\nIf-None-Match: {tag}\r\n"), 304),
        ("Range: bytes=99-\r\nIf-Match: \"other\"\r\n".to_owned(), 412),
        (format!("Range: bytes=0-1\r\nIf-Range: \"other\"\r\nIf-Match: {tag}\r\n"), 200),
        (format!("Range: bytes=0-1\r\nIf-Range: {tag}\r\nIf-None-Match: \"other\"\r\n"), 206),
    ] {
        assert_eq!(site.request("GET", "/small.txt", &fields).code(), code, "{fields:?}");
    }
}

#[test]
fn rule_100_conditions_do_not_apply_to_what_is_no_file() {
    let site = site();
    site.directory("list");
    for fields in [
        "If-None-Match: *\r\n",
        "If-Match: \"other\"\r\n",
        "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
        "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
    ] {
        for (target, code) in [("/missing", 404), ("/dir", 301), ("/list/", 200), ("/small.txt/", 404)] {
            assert_eq!(site.request("GET", target, fields).code(), code, "{target} {fields:?}");
        }
    }
}

#[test]
fn rule_100_other_methods_have_no_conditions() {
    let site = site();
    for fields in ["If-None-Match: *\r\n", "If-Match: \"other\"\r\n"] {
        for (method, code) in [("OPTIONS", 200), ("POST", 405), ("PUT", 405), ("DELETE", 405), ("TRACE", 405)]
        {
            assert_eq!(site.request(method, "/small.txt", fields).code(), code, "{method} {fields:?}");
        }
    }
}

#[test]
fn rule_101_if_none_match_is_a_list_that_is_compared_weakly() {
    let site = site();
    for list in [
        "{}",
        "W/{}",
        "\"a\", {}",
        "{}, \"a\"",
        "\"a\",\"b\",W/{},\"c\"",
        ", ,\t{} ,",
        "\"with, comma\", {}",
        "\"back\\\", {}",
        "*",
        " * ",
    ] {
        assert_codes(&site, 304, |tag| field("If-None-Match", &list.replace("{}", tag)));
    }
    for list in ["\"other\"", "W/\"other\"", "\"a\", \"b\"", "\"\"", ",", "\"*\"", "*, {}"] {
        assert_codes(&site, 200, |tag| {
            // Only a star that is alone is one; what stands beside it counts as what it is.
            field("If-None-Match", &list.replace("*, {}", "\"*\"").replace("{}", tag))
        });
    }
}

#[test]
fn rule_101_the_list_may_have_several_lines() {
    let site = site();
    assert_codes(&site, 304, |tag| format!("If-None-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"));
    assert_codes(&site, 304, |tag| format!("if-none-match: {tag}\r\nIF-NONE-MATCH: \"a\"\r\n"));
    // Two halves of a tag in two lines are no tag.
    assert_codes(&site, 200, |tag| {
        let (one, other) = tag.split_at(3);
        format!("If-None-Match: {one}\r\nIf-None-Match: {other}\r\n")
    });
}

#[test]
fn rule_101_the_tag_of_a_file_that_was_just_changed_is_compared_too() {
    let site = Site::new();
    // A date to come is not over, so that the tag never becomes strong.
    site.file("a.txt", "text\n").changed("a.txt", SystemTime::now() + Duration::from_secs(86_400));
    let tag = site.get("/a.txt").tag.expect("a tag");
    assert!(tag.starts_with("W/\"") && tag.ends_with("~\""), "{tag}");
    assert_eq!(site.request("GET", "/a.txt", &field("If-None-Match", &tag)).code(), 304);
    assert_eq!(site.request("GET", "/a.txt", &field("If-None-Match", &tag[2..])).code(), 304);
    let strong = tag[2..].replace('~', "");
    assert_eq!(site.request("GET", "/a.txt", &field("If-None-Match", &strong)).code(), 200);
}

#[test]
fn rule_102_if_match_is_a_list_that_is_compared_strongly() {
    let site = site();
    for list in ["{}", "\"a\", {}", "{},\"a\"", "*", "W/\"a\", {}"] {
        assert_codes(&site, 200, |tag| field("If-Match", &list.replace("{}", tag)));
    }
    for list in ["W/{}", "\"other\"", "W/{}, \"a\"", "\"a\", \"b\"", ","] {
        assert_codes(&site, 412, |tag| field("If-Match", &list.replace("{}", tag)));
    }
    assert_codes(&site, 200, |tag| format!("If-Match: \"a\"\r\nIf-Match: {tag}\r\n"));
}

#[test]
fn rule_102_a_weak_tag_never_matches_strongly() {
    let site = Site::new();
    site.file("a.txt", "text\n").changed("a.txt", SystemTime::now() + Duration::from_secs(86_400));
    let tag = site.get("/a.txt").tag.expect("a tag");
    assert_eq!(site.request("GET", "/a.txt", &field("If-Match", &tag)).code(), 412);
    assert_eq!(site.request("GET", "/a.txt", &field("If-Match", &tag[2..])).code(), 412);
    assert_eq!(site.request("GET", "/a.txt", "If-Match: *\r\n").code(), 200);
}

#[test]
fn rule_102_a_refusal_is_an_error_page_without_the_validators() {
    let site = site();
    let mut client = site.client();
    let reply = client.request("GET", "/small.txt", "If-Match: \"other\"\r\n");
    assert!(reply.head.starts_with("HTTP/1.1 412 Precondition Failed\r\n"), "{}", reply.head);
    assert!(reply.text().contains("<p>Error code: 412</p>"), "{}", reply.text());
    assert_eq!((reply.tag.as_deref(), reply.field("Last-Modified")), (None, None));
    assert_eq!(reply.field("Connection"), Some("close"));
    client.assert_ended();
}

#[test]
fn rule_103_if_modified_since_is_compared_in_seconds() {
    let site = site();
    for date in [AT, AFTER, "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_codes(&site, 304, |_| field("If-Modified-Since", date));
    }
    for date in [BEFORE, "Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_codes(&site, 200, |_| field("If-Modified-Since", date));
    }
    // Half a second after the date that is told it is still that date.
    site.changed("small.txt", SystemTime::UNIX_EPOCH + files_support::CHANGED + Duration::from_millis(500));
    assert_eq!(site.get("/small.txt").field("Last-Modified"), Some(AT));
    assert_eq!(site.request("GET", "/small.txt", &field("If-Modified-Since", AT)).code(), 304);
}

#[test]
fn rule_103_if_modified_since_is_ignored_where_it_does_not_count() {
    let site = site();
    assert_codes(&site, 200, |_| format!("If-Modified-Since: {AFTER}\r\nIf-None-Match: \"other\"\r\n"));
    // Also beside one that has no valid tag.
    assert_codes(&site, 200, |_| format!("If-Modified-Since: {AFTER}\r\nIf-None-Match: other\r\n"));
    assert_codes(&site, 200, |_| format!("If-Modified-Since: {AFTER}\r\nIf-None-Match:\r\n"));
    assert_codes(&site, 200, |_| format!("If-Modified-Since: {AFTER}\r\nIf-Modified-Since: {AFTER}\r\n"));
    for date in ["yesterday", "Sun, 06 Nov 1994 08:49:38", "Sun, 06 Nov 1994 08:49:38 CET", "9999999999", "*"]
    {
        assert_codes(&site, 200, |_| field("If-Modified-Since", date));
    }
}

#[test]
fn rule_104_if_unmodified_since_is_compared_in_seconds() {
    let site = site();
    assert_codes(&site, 412, |_| field("If-Unmodified-Since", BEFORE));
    for date in [AT, AFTER, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "yesterday"] {
        assert_codes(&site, 200, |_| field("If-Unmodified-Since", date));
    }
    assert_codes(&site, 200, |_| {
        format!("If-Unmodified-Since: {BEFORE}\r\nIf-Unmodified-Since: {BEFORE}\r\n")
    });
}

#[test]
fn rule_104_if_unmodified_since_is_ignored_beside_if_match() {
    let site = site();
    assert_codes(&site, 200, |tag| format!("If-Unmodified-Since: {BEFORE}\r\nIf-Match: {tag}\r\n"));
    assert_codes(&site, 412, |_| format!("If-Unmodified-Since: {AFTER}\r\nIf-Match: \"other\"\r\n"));
    assert_codes(&site, 412, |_| format!("If-Unmodified-Since: {AFTER}\r\nIf-Match:\r\n"));
}

#[test]
fn rule_105_a_304_repeats_the_fields_that_say_how_to_keep_it() {
    let site = site();
    for target in TARGETS {
        let tag = site.settled(target);
        let mut client = site.client();
        for method in ["GET", "HEAD", "GET"] {
            let reply = client.request(method, target, &field("If-None-Match", &tag));
            let expected = format!(
                "HTTP/1.1 304 Not Modified\r\n{}Date: *\r\nETag: *\r\nCache-Control: no-cache\r\n\r\n",
                files_support::server_field()
            );
            assert_eq!((reply.head, reply.tag), (expected, Some(tag.clone())), "{method} {target}");
        }
        // Nothing of a body is in the way of the next answer.
        assert_eq!(client.get(target).code(), 200);
    }
}

#[test]
fn rule_105_a_304_repeats_what_was_set_for_those_who_keep_it() {
    let site = Site::serving(|builder, _| {
        let fields = [
            ("Expires", "0"),
            ("Vary", "Origin"),
            ("Content-Location", "/a"),
            ("Content-Language", "en"),
            ("Content-Encoding", "gzip"),
            ("X-Other", "x"),
        ];
        fields.iter().fold(builder, |builder, (name, value)| builder.extra_response_header(*name, *value))
    });
    fill(&site);
    for target in TARGETS {
        let reply = site.request("GET", target, "If-None-Match: *\r\n");
        let has = |name| reply.fields(name).len();
        let repeated = ["Expires", "Vary", "Content-Location", "X-Other"];
        assert_eq!(repeated.map(has), [1; 4], "{}", reply.head);
        let left_out =
            ["Content-Language", "Content-Encoding", "Content-Type", "Content-Length", "Last-Modified"];
        assert_eq!(left_out.map(has), [0; 5], "{}", reply.head);
    }
}

/// `"`, characters that a tag may have, `"`.
fn assert_well_formed(tag: &str) {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inside = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("it is quoted");
    let is_fit = |octet: u8| matches!(octet, b'!' | b'#'..=b'~');
    assert!(!inside.is_empty() && inside.bytes().all(is_fit), "{tag}");
}

#[test]
fn rule_106_a_tag_is_quoted_and_belongs_to_one_state_of_one_file() {
    for recipe in [EntityTags::Identity, EntityTags::SizeAndTime] {
        let site = Site::serving(|builder, _| builder.entity_tags(recipe));
        fill(&site);
        let mut tags = TARGETS.map(|target| site.settled(target)).to_vec();
        site.file("small.txt", "other text\n");
        tags.push(site.settled("/small.txt"));
        site.changed("small.txt", SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        tags.push(site.settled("/small.txt"));
        for tag in &tags {
            assert_well_formed(tag);
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 5, "{recipe:?}: {tags:?}");
    }
}

#[test]
fn rule_106_the_mark_of_a_weak_tag_is_an_upper_case_letter() {
    let site = site();
    assert_codes(&site, 200, |tag| field("If-None-Match", &format!("w/{tag}")));
    assert_codes(&site, 200, |tag| field("If-None-Match", &format!("W / {tag}")));
}

#[test]
fn rule_107_last_modified_is_not_later_than_date() {
    let site = Site::new();
    fill(&site);
    for name in ["small.txt", "large.bin", "dir/index.html"] {
        site.changed(name, SystemTime::now() + Duration::from_secs(3600));
    }
    for target in TARGETS {
        let octets = raw(&site, target);
        let field = |name: &str| {
            let line = octets.split("\r\n").find_map(|line| line.strip_prefix(name)).expect("the field");
            // The same day but for the moment of midnight, at which the hour is small.
            line[17..25].to_owned()
        };
        let (date, modified) = (field("Date: "), field("Last-Modified: "));
        assert!(modified <= date || date.starts_with("00:00"), "{target}: {modified} is after {date}");
    }
}

/// The head with its date.
fn raw(site: &Site, target: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = site.connect();
    write!(stream, "HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the request");
    let mut head = String::new();
    stream.read_to_string(&mut head).expect("the response");
    head
}

#[test]
fn rule_108_what_is_no_tag_matches_nothing() {
    let site = site();
    for list in [
        "abc",
        "{bare}",
        "\"{bare}",
        "{bare}\"",
        "'{bare}'",
        "W/{bare}",
        "\"{bare} \"",
        "\" {bare}\"",
        "{}x",
        "x{}",
        "{} {}",
        "{};q=1",
        "**",
        "",
        " ",
    ] {
        let list = |tag: &str| list.replace("{bare}", tag.trim_matches('"')).replace("{}", tag);
        assert_codes(&site, 200, |tag| format!("If-None-Match: {}\r\n", list(tag)));
        assert_codes(&site, 412, |tag| format!("If-Match: {}\r\n", list(tag)));
    }
}

#[test]
fn rule_108_what_is_no_tag_says_nothing_about_its_neighbours() {
    let site = site();
    for list in ["abc, {}", "{}, abc", "\"a\"x, {}", "W/, {}"] {
        assert_codes(&site, 304, |tag| field("If-None-Match", &list.replace("{}", tag)));
        assert_codes(&site, 200, |tag| field("If-Match", &list.replace("{}", tag)));
    }
}

#[test]
fn a_server_without_tags_goes_by_dates() {
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::Off));
    fill(&site);
    for target in TARGETS {
        assert_eq!(site.get(target).tag, None);
        let code = |fields: &str| Reply::code(&site.request("GET", target, fields));
        assert_eq!(code("If-None-Match: *\r\n"), 304);
        assert_eq!(code("If-None-Match: \"a\"\r\n"), 200);
        assert_eq!(code("If-Match: *\r\n"), 200);
        assert_eq!(code("If-Match: \"a\"\r\n"), 412);
        assert_eq!(code(&field("If-Modified-Since", AT)), 304);
    }
    fs::remove_file(site.path("small.txt")).expect("it is there");
    site.get("/small.txt").assert_not_found();
}
