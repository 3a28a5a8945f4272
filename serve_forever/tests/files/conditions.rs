//! Conditional requests for files (rules 99 to 108): small ones that are sent from memory, large
//! ones that the system sends, and index pages.

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::files::{Reply, Site};
use serve_forever::files::EntityTags;

/// When the files were changed, and a second before and after that.
const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// How long a call may write at least, as the server sees it.
const WRITING: Duration = Duration::from_secs(2);

/// A small file, a large one, and one that stands for its directory.
const TARGETS: [&str; 3] = ["/small.txt", "/large.bin", "/dir/"];

/// With all of these, which do not change any more.
fn site() -> Site {
    let site = Site::new();
    fill(&site);
    for target in TARGETS {
        site.dated(target);
    }
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
fn rule_101_the_tag_of_a_file_that_may_still_be_written_to_matches_nothing() {
    // A date to come is not over, so that a tag which is made from it never becomes strong.
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::SizeAndTime));
    let to_come = SystemTime::now() + Duration::from_secs(86_400);
    for (name, content) in [("small", vec![b'x'; 5]), ("large", vec![b'x'; 100_000])] {
        site.file(name, content).changed(name, to_come);
        let target = format!("/{name}");
        let tag = site.get(&target).tag.expect("a tag");
        assert!(tag.starts_with("W/\"") && tag.ends_with("~\""), "{tag}");
        let strong = tag[2..].replace('~', "");
        for list in [tag.as_str(), &tag[2..], &strong] {
            let reply = site.request("GET", &target, &field("If-None-Match", list));
            assert_eq!(reply.code(), 200, "{name} {list}");
        }
        // It is there, whatever its tag.
        assert_eq!(site.request("GET", &target, "If-None-Match: *\r\n").code(), 304);
    }
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
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::SizeAndTime));
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
    assert_eq!(client.get("/small.txt").code(), 200);
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
    site.changed(
        "small.txt",
        SystemTime::UNIX_EPOCH + crate::support::files::CHANGED + Duration::from_millis(500),
    );
    assert_eq!(site.dated("/small.txt"), AT);
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
                crate::support::files::server_field()
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
    let is_fit = |byte: u8| matches!(byte, b'!' | b'#'..=b'~');
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
        site.changed("large.bin", SystemTime::UNIX_EPOCH + Duration::from_secs(2));
        tags.push(site.settled("/large.bin"));
        for tag in &tags {
            assert_well_formed(tag);
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 5, "{recipe:?}: {tags:?}");
    }
}

#[test]
fn rule_106_a_small_file_has_the_tag_of_its_content_wherever_it_is() {
    let (one, other) = (Site::new(), Site::new());
    one.file("a.txt", "text\n");
    other.directory("dir").file("dir/b.txt", "text\n").changed("dir/b.txt", SystemTime::UNIX_EPOCH);
    let tag = one.settled("/a.txt");
    // It is the same after an update, too.
    assert_eq!(tag, "\"5-8c96be2db5a2545f\"");
    assert_eq!(other.settled("/dir/b.txt"), tag);
    // Of another time, as not every system tells more than that.
    one.file("a.txt", "test\n").changed("a.txt", SystemTime::UNIX_EPOCH + Duration::from_secs(2));
    assert_ne!(one.settled("/a.txt"), tag);
}

/// A call that writes may take long, and the file has the time of its beginning all the while.
#[test]
fn rule_106_a_large_file_has_a_weak_tag_while_a_call_may_write_to_it() {
    let site = Site::new();
    let began = Instant::now();
    site.file("small", "text\n").file("large", vec![b'x'; 100_000]);
    assert!(site.get("/large").tag.is_some_and(|tag| tag.starts_with("W/")) || began.elapsed() > WRITING);
    let tag = site.settled("/large");
    assert!(began.elapsed() > WRITING, "{:?}", began.elapsed());
    assert_eq!(site.request("GET", "/large", &field("If-None-Match", &tag)).code(), 304);
    // The more there is to write, the longer: here two minutes at least.
    File::create(site.path("huge")).and_then(|file| file.set_len(2 << 30)).expect("a file");
    let tag = site.request("HEAD", "/huge", "").tag.expect("a tag");
    assert!(tag.starts_with("W/"), "{tag}");
    thread::sleep(WRITING + Duration::from_secs(1));
    assert_eq!(site.request("HEAD", "/huge", "").tag.expect("a tag"), tag);
}

#[test]
fn rule_106_what_may_still_be_written_to_is_not_continued() {
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::SizeAndTime));
    site.file("large", vec![b'x'; 100_000]).changed("large", SystemTime::now() + Duration::from_secs(86_400));
    let tag = site.get("/large").tag.expect("a tag");
    for tag in [tag.as_str(), &tag[2..]] {
        let fields = format!("Range: bytes=0-9\r\nIf-Range: {tag}\r\n");
        assert_eq!(site.request("GET", "/large", &fields).code(), 200, "{tag}");
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
        for fields in ["", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n"] {
            let reply = site.request("HEAD", target, fields);
            assert_eq!((reply.code(), reply.field("Last-Modified")), (200, None), "{target}");
        }
    }
}

/// A date says nothing of what happens within its second.
#[test]
fn rule_107_a_file_has_no_date_until_the_second_of_its_change_is_over() {
    let site = Site::new();
    for (name, size) in [("small.txt", 5), ("large.bin", 100_000)] {
        let target = format!("/{name}");
        let began = Instant::now();
        fs::write(site.path(name), vec![b'x'; size]).expect("a file");
        let changed = fs::metadata(site.path(name)).and_then(|it| it.modified()).expect("a time");
        let first = site.request("HEAD", &target, "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
        if began.elapsed() < WRITING {
            assert_eq!((first.code(), first.field("Last-Modified")), (200, None), "{name}");
        }
        let end = began + crate::support::files::FAILSAFE;
        let date = loop {
            assert!(Instant::now() < end, "{name} never has a date");
            if let Some(date) = site.request("HEAD", &target, "").field("Last-Modified") {
                break date.to_owned();
            }
            thread::sleep(Duration::from_millis(5));
        };
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        let (before, after) = (changed - Duration::from_secs(1), changed);
        for (date, code) in [(date.as_str(), 304), (&http_date(before), 200), (&http_date(after), 304)] {
            let reply = site.request("HEAD", &target, &field("If-Modified-Since", date));
            assert_eq!(reply.code(), code, "{name} {date}");
        }
    }
}

/// A time that was put back does not tell of a change, and the one before it had that time too.
#[test]
fn rule_107_a_time_that_was_put_back_is_no_date_until_the_change_is_over() {
    let site = site();
    for (name, size) in [("small.txt", 5), ("large.bin", 100_000)] {
        let target = format!("/{name}");
        let began = Instant::now();
        // This puts the time back.
        site.file(name, vec![b'y'; size]);
        for (condition, usual) in [
            (field("If-Modified-Since", AT), 200),
            (field("If-Unmodified-Since", AT), 200),
            (format!("Range: bytes=2-3\r\nIf-Range: {AT}\r\n"), 200),
        ] {
            let reply = site.request("GET", &target, &condition);
            if cfg!(all(unix, not(feature = "portable-sys"))) && began.elapsed() < WRITING {
                assert_eq!((reply.code(), reply.field("Last-Modified")), (usual, None), "{condition}");
            }
        }
        assert_eq!(site.dated(&target), AT);
        assert_eq!(site.request("GET", &target, &field("If-Modified-Since", AT)).code(), 304);
    }
}

// Where a system tells no change time, nothing but its time tells of a change.
#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn rule_106_a_time_to_come_leaves_the_tag_strong_where_changes_show_elsewhere() {
    for recipe in [EntityTags::Identity, EntityTags::SizeAndTime] {
        let site = Site::serving(|builder, _| builder.entity_tags(recipe));
        for (name, size) in [("small", 5), ("large", 100_000)] {
            let target = format!("/{name}");
            site.file(name, vec![b'x'; size]).changed(name, SystemTime::now() + Duration::from_secs(3600));
            if recipe == EntityTags::Identity {
                let tag = site.settled(&target);
                assert_eq!(site.request("GET", &target, &field("If-None-Match", &tag)).code(), 304, "{name}");
                assert_eq!(site.get(&target).field("Last-Modified"), None, "{name}");
            } else {
                thread::sleep(WRITING + Duration::from_secs(1));
                let tag = site.get(&target).tag.expect("a tag");
                assert!(tag.starts_with("W/"), "{tag}");
            }
        }
    }
}

fn http_date(time: SystemTime) -> String {
    let handler =
        serve_forever::handler_fn(move |http: &mut serve_forever::Exchange| -> serve_forever::Result {
            let date = http.date_time_string(Some(time));
            http.reply_text(200, date)
        });
    let reply = serve_forever::testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    String::from_utf8_lossy(&reply[reply.len() - 29..]).into_owned()
}

#[test]
fn rule_107_the_times_0_and_1_are_no_dates() {
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::SizeAndTime));
    for seconds in [0, 1] {
        for (name, size) in [("small", 5), ("large", 100_000)] {
            let target = format!("/{name}");
            site.file(name, vec![b'x'; size]);
            site.changed(name, SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 500));
            for date in ["Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
                let reply = site.request("GET", &target, &field("If-Modified-Since", date));
                assert_eq!((reply.code(), reply.field("Last-Modified")), (200, None), "{name} {seconds}");
                assert_eq!(reply.tag, None);
                let reply = site.request("GET", &target, &field("If-Unmodified-Since", BEFORE));
                assert_eq!(reply.code(), 200);
            }
        }
    }
    site.changed("small", SystemTime::UNIX_EPOCH + Duration::from_secs(2));
    assert_eq!(site.dated("/small"), "Thu, 01 Jan 1970 00:00:02 GMT");
}

// Not every system has such times.
#[cfg(unix)]
#[test]
fn rule_107_a_date_before_1970_is_the_files_own() {
    let site = Site::new();
    site.file("a.txt", "text\n")
        .changed("a.txt", SystemTime::UNIX_EPOCH - Duration::from_millis(142_127_722_500));
    let date = "Thu, 01 Jul 1965 00:04:37 GMT";
    assert_eq!(site.dated("/a.txt"), date);
    for (since, code) in [(date, 304), ("Thu, 01 Jul 1965 00:04:36 GMT", 200), (AT, 304)] {
        assert_eq!(site.request("GET", "/a.txt", &field("If-Modified-Since", since)).code(), code, "{since}");
    }
    for (since, code) in [(date, 200), ("Thu Jul  1 00:04:36 1965", 412), (AT, 200)] {
        assert_eq!(
            site.request("GET", "/a.txt", &field("If-Unmodified-Since", since)).code(),
            code,
            "{since}"
        );
    }
    let fields = format!("Range: bytes=0-1\r\nIf-Range: {date}\r\n");
    assert_eq!(site.request("GET", "/a.txt", &fields).code(), 206);
    assert!(site.get("/").text().contains("<time datetime=\"1965-07-01T00:04:37Z\">"));
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
        site.dated(target);
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
