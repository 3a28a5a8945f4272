//! From the path of a request to a file, and never to one outside of the directory.

use std::fs;

use crate::support::files::{SECRET, Site};

#[test]
fn a_path_leads_to_a_file() {
    let site = Site::new();
    site.directory("a b").file("a b/c.txt", "found").file("100%", "found").file("čaj", "found");
    site.file("%zz", "found");
    for target in [
        "/a%20b/c.txt",
        "/%61%20b/%63.txt",
        "//a%20b///c.txt",
        "/./a%20b/./c.txt",
        "/x/../a%20b/c.txt",
        "/../a%20b/c.txt",
        "/a%20b/c.txt?query",
        "/a%20b/c.txt?../../secret.txt",
        "http://a/a%20b/c.txt",
        "/a%20b/c.txt?%zz&100%&%4",
        "/100%25",
        "/%25zz",
        "/%C4%8Daj",
    ] {
        assert_eq!(site.get(target).text(), "found", "{target}");
    }
}

#[test]
fn no_spelling_leads_out_of_the_directory() {
    let site = Site::new();
    site.directory("dir");
    let ups = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "..%2f",
        "..%2F",
        "%2e%2e%2f",
        "..\\",
        "..%5c",
        "%2e%2e%5C",
        "%252e%252e",
        "..%252f",
        "..%00",
        "..;",
        "...",
        ".%00.",
        "%c0%ae%c0%ae",
        "..%c0%af",
        "..%20",
        "%20..",
        "..%01",
        "..%ef%bc%8f",
    ];
    for up in ups {
        for start in ["/", "/dir/", "//", "/dir/../", "/./", "/dir//", "/%2f", "http://a/", "http://a//"] {
            for separator in ["/", "//", "%2f", "\\", "%5c", "/./", ""] {
                for depth in 1..=3 {
                    let target = format!("{start}{}secret.txt", format!("{up}{separator}").repeat(depth));
                    let reply = site.get(&target);
                    assert!(matches!(reply.code(), 400 | 404), "{target}: {}", reply.head);
                    assert!(!reply.text().contains(SECRET), "{target}");
                }
            }
        }
    }
}

#[test]
fn an_absolute_path_is_one_below_the_directory() {
    let site = Site::new();
    let secret = site.path("").parent().expect("it has one").join("secret.txt");
    let secret = secret.to_str().expect("text").replace('\\', "/");
    assert_eq!(fs::read_to_string(&secret).expect("it is there"), SECRET);
    for target in [secret.clone(), format!("/{secret}"), format!("/.{secret}"), secret.replace('/', "%2f")] {
        let target = format!("/{}", target.trim_start_matches('/'));
        assert_eq!(site.get(&target).code(), 404, "{target}");
    }
}

#[test]
fn a_coded_slash_or_a_nul_is_in_no_name() {
    let site = Site::new();
    site.directory("dir").file("dir/a.txt", "").file("a.txt", "");
    for target in
        ["/dir%2fa.txt", "/dir%2Fa.txt", "/dir/%2fa.txt", "/a.txt%00", "/a.txt%00.html", "/%00", "/%2f/a.txt"]
    {
        site.get(target).assert_not_found();
    }
}

#[test]
fn a_slash_behind_a_file_leads_to_nothing() {
    let site = Site::new();
    site.file("a.txt", "");
    for target in ["/a.txt/", "/a.txt%2f", "/a.txt%2F", "/a.txt//", "/a.txt/b"] {
        site.get(target).assert_not_found();
    }
}

#[test]
fn dots_behind_a_file_lead_to_nothing() {
    let site = Site::new();
    site.file("a.txt", "").directory("dir").file("dir/index.html", "page");
    for file in ["/a.txt", "//a.txt", "/dir/../a.txt", "/dir/index.html"] {
        for dots in ["/.", "/x/..", "/%2e", "/%2E", "/x/.%2e", "/x/y/../..", "//.", "/./.", "/.%2f", "/./"] {
            site.get(&format!("{file}{dots}")).assert_not_found();
        }
    }
    // Beside a file is another file, as ever.
    assert_eq!(site.get("/a.txt/../dir/index.html").text(), "page");
}

#[test]
fn dots_behind_a_directory_are_redirected_to_the_slash() {
    let site = Site::new();
    site.directory("dir/sub").file("dir/index.html", "page");
    for (target, location) in [
        ("/dir/.", "/dir/./"),
        ("/dir/sub/..", "/dir/sub/../"),
        ("/dir/sub/%2e%2e?q", "/dir/sub/%2e%2e/?q"),
        ("/./dir", "/./dir/"),
        ("/.", "/./"),
        ("/..", "/../"),
        ("//dir/.", "/dir/./"),
    ] {
        let reply = site.get(target);
        assert_eq!((reply.code(), reply.field("Location")), (301, Some(location)), "{target}");
    }
    for target in ["/dir/./", "/dir/sub/../", "/./dir/", "/./dir//", "/dir/.%2f"] {
        assert_eq!(site.get(target).text(), "page", "{target}");
    }
}

#[test]
fn the_only_file_is_no_directory_either() {
    let site = Site::serving(|builder, outside| builder.directory(outside.join("secret.txt")));
    for target in ["/", "//", "/./", "/x/..", "/secret.txt", "/./secret.txt", "/secret.txt?%zz"] {
        assert_eq!(site.get(target).text(), SECRET, "{target}");
    }
    for target in ["/secret.txt/", "/secret.txt/.", "/secret.txt/x/..", "/secret.txt%2f", "/other"] {
        site.get(target).assert_not_found();
    }
    assert_eq!(site.get("/%zz").code(), 400);
}

#[test]
fn a_malformed_escape_is_refused_wherever_it_stands() {
    let site = Site::new();
    site.directory("dir").file("dir/index.html", "page").file("100%", "found").file("%zz", "found");
    for target in [
        "/%",
        "/100%",
        "/a%4",
        "/%zz",
        "/%4z",
        "/%%41",
        "/%u002e%u002e/",
        "/%zz/",
        "/%zz/../dir/",
        "/dir/%",
        "/dir/index.html%",
        "/dir/%2f%",
        "//%zz",
        "/./%zz/.",
        "/%zz?query",
        "http://a/%zz",
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(site.request(method, target, "").code(), 400, "{method} {target}");
        }
    }
    for target in ["/dir/?%zz", "/dir/?%", "/dir/?a=%4&b=100%"] {
        assert_eq!(site.get(target).text(), "page", "{target}");
        let redirect = site.get(&target.replace("/?", "?"));
        assert_eq!((redirect.code(), redirect.field("Location")), (301, Some(target)));
    }
}

#[test]
fn a_coded_slash_behind_a_directory_is_a_slash() {
    let site = Site::new();
    site.directory("dir").file("dir/index.html", "page");
    for target in ["/dir/", "/dir%2f", "/dir%2F", "/dir//"] {
        assert_eq!(site.get(target).text(), "page", "{target}");
    }
}

#[test]
fn a_directory_without_slash_is_redirected() {
    let site = Site::new();
    site.directory("dir/sub");
    let reply = site.get("/dir");
    let expected = format!(
        "HTTP/1.1 301 Moved Permanently\r\n\
         {}\
         Date: *\r\n\
         Location: /dir/\r\n\
         Cache-Control: no-cache\r\n\
         Content-Length: 0\r\n\
         Connection: close\r\n\
         \r\n",
        crate::support::files::server_field()
    );
    assert_eq!((reply.head, reply.body.as_slice()), (expected, &b""[..]));
    for (target, location) in [
        ("/dir?x=1&y=/", "/dir/?x=1&y=/"),
        ("/dir?", "/dir/?"),
        ("/%64ir", "/%64ir/"),
        ("/dir/sub", "/dir/sub/"),
        ("/dir/../dir", "/dir/../dir/"),
        ("http://a/dir", "/dir/"),
    ] {
        let reply = site.get(target);
        assert_eq!((reply.code(), reply.field("Location")), (301, Some(location)), "{target}");
    }
}

#[test]
fn a_redirect_never_leads_to_another_host() {
    let site = Site::new();
    site.directory("evil.example");
    for target in [
        "//evil.example",
        "///evil.example",
        "/.//evil.example",
        "/x/..//evil.example",
        "//evil.example/..%2f..%2fevil.example",
        "//evil.example/../evil.example",
        "//evil.example/%2e%2e",
        "http://a//evil.example",
    ] {
        let reply = site.get(target);
        let location = reply.field("Location").unwrap_or("/");
        assert!(location.starts_with('/') && !location.contains("//"), "{target} leads to {location}");
    }
}

#[cfg(unix)]
#[test]
fn a_backslash_is_a_letter_of_names_and_not_one_of_redirects() {
    let site = Site::new();
    site.directory("\\evil.example").file("a\\b", "found");
    let reply = site.get("/\\evil.example");
    assert_eq!((reply.code(), reply.field("Location")), (301, Some("/%5Cevil.example/")));
    for target in ["/a\\b", "/a%5cb"] {
        assert_eq!(site.get(target).text(), "found", "{target}");
    }
}

#[cfg(all(unix, not(target_vendor = "apple")))]
#[test]
fn a_name_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let site = Site::new();
    site.file(OsStr::from_bytes(b"a\xff.txt"), "found");
    let reply = site.get("/a%FF.txt");
    assert_eq!(
        (reply.text().as_str(), reply.field("Content-Type")),
        ("found", Some("text/plain; charset=utf-8"))
    );
    assert!(site.get("/").text().contains("<li><a href=\"a%FF.txt\">a\u{fffd}.txt</a> <"));
}

#[test]
fn very_long_paths_are_not_found() {
    let site = Site::new();
    site.get(&format!("/{}", "a".repeat(5_000))).assert_not_found();
    site.get(&"/a".repeat(5_000)).assert_not_found();
    assert_eq!(site.get(&"/..".repeat(4_000)).code(), 301);
}

#[test]
fn names_that_look_like_those_of_others_are_served_where_they_are_listed() {
    let site = Site::new();
    let names = ["a~1.txt", "FILE~1", "~", "a~b~c", "\u{200b}a", "\u{2026}and more.txt", "\u{feff}.txt"];
    for name in names {
        site.file(name, name).directory(format!("dir~1/{name}")).file(format!("dir~1/{name}/a~"), name);
    }
    for name in names {
        let coded = name.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        for target in
            [format!("/{coded}"), format!("/dir~1/{coded}/a~"), format!("/x~1/../dir~1//{coded}/./a~")]
        {
            assert_eq!(site.get(&target).text(), name, "{target}");
        }
        assert_eq!(site.get(&format!("/dir~1/{coded}")).code(), 301, "{name}");
    }
    site.get("/b~1.txt").assert_not_found();
}

/// A link shows what it leads to if its own name is no hidden one, however that looks.
#[cfg(unix)]
#[test]
fn a_link_with_a_plain_name_shows_a_hidden_file() {
    let site = Site::new();
    site.directory(".hidden").file(".hidden/a.txt", "found");
    for (target, link) in [(".hidden", "link~1"), (".hidden", "link"), (".hidden", ".link~1")] {
        std::os::unix::fs::symlink(target, site.path(link)).expect("a link");
    }
    for target in ["/link~1/a.txt", "/link/a.txt"] {
        assert_eq!(site.get(target).text(), "found", "{target}");
    }
    for target in ["/.link~1/a.txt", "/.hidden/a.txt", "/link/../.hidden/a.txt"] {
        site.get(target).assert_not_found();
    }
}
