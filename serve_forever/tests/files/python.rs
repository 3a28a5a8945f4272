//! The tests of Python for `SimpleHTTPRequestHandler` (`Lib/test/test_httpservers.py`), asked again
//! over the wire: one for each that says something about an answer. Where we differ on purpose,
//! `docs/coming-from-python.md` says why.
//!
//! What says the same here and there is stated as Python states it; what differs, as it is here.

use std::ffi::OsStr;
use std::fs;

use crate::support::files::{CHANGED, Site};
use std::time::{Duration, SystemTime};

const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// What Python's tests serve: a directory in another one, with a file `test`.
fn site() -> Site {
    let site = Site::new();
    site.directory("tmp").file("tmp/test", "We are the knights who say Ni!");
    site
}

/// The title and the link of a listing, and the way through the link.
#[track_caller]
fn assert_listed(site: &Site, name: impl AsRef<OsStr>, shown: &str, link: &str) {
    let name = name.as_ref();
    site.directory("tmp/list").file(std::path::Path::new("tmp/list").join(name), name.as_encoded_bytes());
    let page = site.get("/tmp/list/").text();
    assert!(page.contains(&format!("<li><a href=\"{link}\">{shown}</a>")), "{link} is not in {page}");
    let reply = site.get(&format!("/tmp/list/{link}"));
    assert_eq!((reply.code(), reply.body.as_slice()), (200, name.as_encoded_bytes()));
}

#[track_caller]
fn assert_title(site: &Site, name: impl AsRef<OsStr>, target: &str, shown: &str) {
    site.directory(std::path::Path::new("tmp").join(name.as_ref()));
    let page = site.get(target).text();
    assert_eq!(page.matches(&format!("Directory listing for {shown}<")).count(), 2, "{page}");
}

/// `test_list_dir_nonascii_dirname`
#[test]
fn a_directory_with_a_name_beyond_ascii_has_it_in_the_title() {
    assert_title(
        &site(),
        "\u{e4}\u{f6}\u{20ac}.dir",
        "/tmp/%C3%A4%C3%B6%E2%82%AC.dir/",
        "/tmp/\u{e4}\u{f6}\u{20ac}.dir/",
    );
}

/// `test_list_dir_nonascii_filename`
#[test]
fn a_file_with_a_name_beyond_ascii_is_linked_to() {
    assert_listed(
        &site(),
        "\u{e4}\u{f6}\u{20ac}.txt",
        "\u{e4}\u{f6}\u{20ac}.txt",
        "%C3%A4%C3%B6%E2%82%AC.txt",
    );
}

#[cfg(target_os = "linux")]
mod undecodable {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    /// `test_list_dir_undecodable_dirname`
    #[test]
    fn a_directory_whose_name_is_no_text_is_listed() {
        assert_title(&site(), OsStr::from_bytes(b"\xff.dir"), "/tmp/%ff.dir/", "/tmp/\u{fffd}.dir/");
    }

    /// `test_list_dir_undecodable_filename`
    #[test]
    fn a_file_whose_name_is_no_text_is_linked_to() {
        assert_listed(&site(), OsStr::from_bytes(b"\xff.txt"), "\u{fffd}.txt", "%FF.txt");
    }

    /// `test_list_dir_undecodable_dirname2`: there `%ff` also leads to a name with `U+FFFD`, which
    /// is another one.
    #[test]
    fn an_byte_that_is_no_text_leads_to_no_other_name() {
        let site = site();
        site.directory("tmp/\u{fffd}.dir");
        assert_eq!(site.get("/tmp/%ff.dir/").code(), 404);
        assert_eq!(site.get("/tmp/%EF%BF%BD.dir/").code(), 200);
    }
}

/// `test_list_dir_escape_dirname`
#[cfg(unix)]
#[test]
fn a_directory_with_signs_of_html_and_urls_in_its_name_is_listed() {
    let site = site();
    for (name, coded, shown) in [
        ("q?", "q%3F", "q?"),
        ("f#", "f%23", "f#"),
        ("&amp;", "%26amp%3B", "&amp;amp;"),
        ("&amp", "%26amp", "&amp;amp"),
        ("<i>", "%3Ci%3E", "&lt;i&gt;"),
        ("\"dq\"", "%22dq%22", "\"dq\""),
        ("'sq'", "%27sq%27", "'sq'"),
        ("%A4", "%25A4", "%A4"),
        ("%E2%82%AC", "%25E2%2582%25AC", "%E2%82%AC"),
    ] {
        site.directory(std::path::Path::new("tmp").join(name));
        let page = site.get(&format!("/tmp/{coded}/")).text();
        // Quotes may be escaped where they need not be.
        let page = page.replace("&quot;", "\"").replace("&#x27;", "'").replace("&#39;", "'");
        assert_eq!(page.matches(&format!("Directory listing for /tmp/{shown}/<")).count(), 2, "{page}");
    }
}

/// `test_list_dir_escape_filename`
#[cfg(unix)]
#[test]
fn a_file_with_signs_of_html_and_urls_in_its_name_is_linked_to() {
    let site = site();
    for name in
        ["q?", "f#", "&amp;", "&amp", "<i>", "\"dq\"", "'sq'", "%A4", "%E2%82%AC", "a b", "a:b", "a\\b"]
    {
        site.directory("tmp/list").file(std::path::Path::new("tmp/list").join(name), name);
        let page = site.get("/tmp/list/").text();
        let (_, rest) = page.split_once("<li><a href=\"").expect("a link");
        let (link, rest) = rest.split_once("\">").expect("its end");
        let (shown, _) = rest.split_once("</a>").expect("its text");
        assert!(!link.contains(['?', '#', '<', '>', '\'', '&']), "{link}");
        assert!(!shown.contains(['<', '>']), "{shown}");
        let link = link.strip_prefix("./").unwrap_or(link);
        let reply = site.get(&format!("/tmp/list/{link}"));
        assert_eq!((reply.code(), reply.text().as_str()), (200, name), "{link}");
        fs::remove_file(site.path("tmp/list").join(name)).expect("it is there");
    }
}

/// `test_list_dir_with_query_and_fragment`; a fragment in a request is refused here.
#[test]
fn the_title_is_without_the_query() {
    let site = site();
    site.directory("tmp/list");
    for target in ["/tmp/list/?x=123", "/tmp/list/?x=123?y", "/tmp/list/?"] {
        let page = site.get(target).text();
        assert_eq!(page.matches("Directory listing for /tmp/list/<").count(), 2, "{page}");
        assert!(!page.contains("123"), "{page}");
    }
    assert_eq!(site.get("/tmp/list/#123").code(), 400);
    assert_eq!(site.get("/tmp/list/?x=123#123").code(), 400);
}

/// `test_get_dir_redirect_location_domain_injection_bug`; there a URL of another scheme stays in
/// `Location`, here it is refused.
#[test]
fn a_redirect_leads_to_no_other_host() {
    let site = site();
    site.directory("tmp/existing_directory");
    for slashes in ["/", "//", "///", "////"] {
        let reply = site.get(&format!("{slashes}tmp/existing_directory"));
        assert_eq!(
            (reply.code(), reply.field("Location")),
            (301, Some("/tmp/existing_directory/")),
            "{slashes}"
        );
        let reply = site.get(&format!("{slashes}tmp/existing_directory?query=1"));
        assert_eq!(reply.field("Location"), Some("/tmp/existing_directory/?query=1"));
    }
    // `//python.org/..%2f..%2f..%2f..%2f..%2f../%0a%0d/../tmp/existing_directory` in Python: a
    // coded slash separates nothing here, so that this is not found.
    let attack = "//python.org/..%2f..%2f..%2f..%2f..%2f../%0a%0d/../tmp/existing_directory";
    let reply = site.get(attack);
    assert_eq!((reply.code(), reply.field("Location")), (404, None));
    assert_eq!(site.get("https://pypi.org/tmp/existing_directory").code(), 421);
}

/// `test_get`
#[test]
fn files_directories_and_what_is_not_there() {
    let site = site();
    let file = site.get("/tmp/test");
    assert_eq!((file.code(), file.text().as_str()), (200, "We are the knights who say Ni!"));
    // A slash at the end of a file's name leads nowhere, coded or not.
    for target in ["/tmp/test/", "/tmp/test%2f", "/tmp/test%2F"] {
        assert_eq!(site.get(target).code(), 404, "{target}");
    }
    for target in ["/tmp/", "/tmp%2f", "/tmp%2F"] {
        assert_eq!(site.get(target).code(), 200, "{target}");
    }
    let redirect = site.get("/tmp");
    assert_eq!(
        (redirect.code(), redirect.field("Location"), redirect.field("Content-Length")),
        (301, Some("/tmp/"), Some("0"))
    );
    assert_eq!(site.get("/tmp/?hi=2").code(), 200);
    let redirect = site.get("/tmp?hi=1");
    assert_eq!((redirect.code(), redirect.field("Location")), (301, Some("/tmp/?hi=1")));
    assert_eq!(site.get("/ThisDoesNotExist").code(), 404);
    assert_eq!(site.get("/ThisDoesNotExist/").code(), 404);

    // A directory of the name of an index page is none, and is listed.
    site.directory("tmp/index.html");
    let listing = site.get("/tmp/");
    assert_eq!(listing.code(), 200);
    assert!(listing.text().contains("<a href=\"index.html/\">"), "{}", listing.text());
    fs::remove_dir(site.path("tmp/index.html")).expect("it is there");
    site.file("tmp/index.html", "Dummy index file\r\n");
    assert_eq!(site.get("/tmp/").text(), "Dummy index file\r\n");
}

/// `test_head`
#[test]
fn head_tells_length_and_type() {
    let reply = site().request("HEAD", "/tmp/test", "");
    assert_eq!(
        (reply.code(), reply.field("Content-Length"), reply.field("Content-Type")),
        (200, Some("30"), Some("application/octet-stream"))
    );
    assert_eq!(reply.body.len(), 0);
}

/// `test_browser_cache`
#[test]
fn what_the_browser_has_is_not_sent_again() {
    let site = site();
    site.dated("/tmp/test");
    for date in [AT, "Sun, 06 Nov 1994 09:49:37 GMT"] {
        let reply = site.request("GET", "/tmp/test", &format!("If-Modified-Since: {date}\r\n"));
        assert_eq!((reply.code(), reply.body.len()), (304, 0), "{date}");
    }
}

/// `test_browser_cache_file_changed`
#[test]
fn what_is_newer_than_the_browser_has_is_sent() {
    let site = site();
    site.dated("/tmp/test");
    let reply = site.request("GET", "/tmp/test", "If-Modified-Since: Sat, 06 Nov 1993 08:49:37 GMT\r\n");
    assert_eq!(reply.code(), 200);
    site.changed("tmp/test", SystemTime::UNIX_EPOCH + CHANGED + Duration::from_secs(1));
    assert_eq!(site.request("GET", "/tmp/test", &format!("If-Modified-Since: {AT}\r\n")).code(), 200);
}

/// `test_browser_cache_with_If_None_Match_header`: there 200, as it has no tags; any tag is fine
/// with a star here.
#[test]
fn a_browser_that_has_anything_at_all_gets_304() {
    let site = site();
    let fields = format!("If-Modified-Since: {AT}\r\nIf-None-Match: *\r\n");
    assert_eq!(site.request("GET", "/tmp/test", &fields).code(), 304);
    // What that test is for: the date does not count beside a tag.
    let fields = format!("If-Modified-Since: {AT}\r\nIf-None-Match: \"other\"\r\n");
    assert_eq!(site.request("GET", "/tmp/test", &fields).code(), 200);
}

/// `test_invalid_requests`
#[test]
fn methods_that_nobody_knows_are_501() {
    let site = site();
    for method in ["FOO", "custom", "GETs"] {
        assert_eq!(site.request(method, "/", "").code(), 501, "{method}");
    }
}

/// `test_last_modified`
#[test]
fn the_date_of_the_last_change_is_told() {
    let site = site();
    for (seconds, date) in [(0, AT), (86_400, "Mon, 07 Nov 1994 08:49:37 GMT")] {
        site.changed("tmp/test", SystemTime::UNIX_EPOCH + CHANGED + Duration::from_secs(seconds));
        assert_eq!(site.dated("/tmp/test"), date);
        assert_eq!(site.get("/tmp/test").fields("Last-Modified"), [date]);
    }
}

/// `test_path_without_leading_slash`: served there, refused here.
#[test]
fn a_target_without_leading_slash_is_refused() {
    let site = site();
    for target in ["tmp/test", "tmp/test/", "tmp/", "tmp", "tmp/?hi=2", "tmp?hi=1"] {
        let reply = site.get(target);
        assert_eq!((reply.code(), reply.field("Location")), (400, None), "{target}");
    }
}

/// `HTTP09ServerTestCase.test_simple_get`, `test_invalid_request` and `test_single_request`: served
/// there, refused here.
#[test]
fn a_request_without_version_is_refused() {
    let site = site();
    for request in ["GET /tmp/test\r\n", "POST /tmp/test\r\n", "GET /tmp/test\r\n\r\nGET /tmp/test\r\n"] {
        let reply = site.ask(request);
        assert_eq!(reply.code(), 400, "{request}");
        assert!(!reply.text().contains("knights"), "{}", reply.text());
    }
}

/// `SimpleHTTPRequestHandlerTestCase.test_query_arguments`
#[test]
fn a_query_is_no_part_of_the_path() {
    let site = site();
    site.file("filename", "found");
    for target in ["/filename", "/filename?foo=bar", "/filename?a=b&spam=eggs"] {
        assert_eq!(site.get(target).text(), "found", "{target}");
    }
}

/// `SimpleHTTPRequestHandlerTestCase.test_start_with_double_slash`
#[test]
fn two_slashes_at_the_beginning_are_one() {
    let site = site();
    site.file("filename", "found");
    for target in ["//filename", "//filename?foo=bar"] {
        assert_eq!(site.get(target).text(), "found", "{target}");
    }
}

/// `test_error_content_length`
#[test]
fn the_length_of_an_error_page_is_told() {
    for target in ["/missing", "/tmp/test/"] {
        let reply = site().get(target);
        assert_eq!(reply.field("Content-Length"), Some(reply.body.len().to_string().as_str()));
        assert!(!reply.body.is_empty());
    }
}

/// `test_extra_response_headers_list_dir` of 3.15
#[test]
fn a_listing_has_the_extra_fields() {
    let site = Site::serving(|builder, _| {
        builder.extra_response_header("X-Test1", "test1").extra_response_header("X-Test2", "test2")
    });
    let reply = site.get("/");
    assert_eq!(
        (reply.code(), reply.fields("X-Test1"), reply.fields("X-Test2")),
        (200, vec!["test1"], vec!["test2"])
    );
}

/// `test_extra_response_headers_get_file` of 3.15
#[test]
fn a_file_has_the_extra_fields() {
    let site = Site::serving(|builder, _| {
        builder
            .extra_response_header("Set-Cookie", "test1=value1")
            .extra_response_header("Set-Cookie", "test2=value2")
    });
    site.file("test", "Dummy index file\r\n");
    let reply = site.get("/test");
    assert_eq!((reply.code(), reply.fields("Set-Cookie")), (200, vec!["test1=value1", "test2=value2"]));
}
