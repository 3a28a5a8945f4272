//! What is served is what is on the disk now: the very next request sees a change, whatever was
//! kept of the past.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::support::files::{Client, Reply, Site};

/// More than what is kept in memory.
const LARGE: usize = 100_000;

/// Sizes of files that are sent in different ways.
const SIZES: [usize; 3] = [1, 5_000, LARGE];

/// Writes a file, its time being now. (`Site::file` sets it back, as `touch` does.)
fn write(path: impl AsRef<Path>, content: &[u8]) {
    fs::write(path, content).expect("a file");
}

/// A site with a file `a.txt` and a client that has got it, so that it is kept.
struct Kept {
    site: Site,
    client: Client,
    tag: String,
}

impl Kept {
    fn new(content: &[u8]) -> Self {
        Self::at("/a.txt", "a.txt", content, Site::new())
    }

    fn at(target: &str, name: &str, content: &[u8], site: Site) -> Self {
        write(site.path(name), content);
        let tag = site.settled(target);
        let mut client = site.client();
        for _ in 0..2 {
            let reply = client.get(target);
            assert!(reply.body == content && reply.tag.as_ref() == Some(&tag), "{}", reply.head);
        }
        Self { site, client, tag }
    }

    /// The file is what it is now, and has another tag, and a client that has the old one gets it.
    #[track_caller]
    fn assert_is(&mut self, target: &str, content: &[u8]) {
        let fields = format!("If-None-Match: {}\r\n", self.tag);
        let reply = self.next(target, &fields);
        assert_eq!(reply.code(), 200, "{}", reply.head);
        assert!(reply.body == content, "{}", reply.text());
        let again = self.client.get(target);
        assert!(again.body == content, "{}", again.text());
    }

    #[track_caller]
    fn assert_is_gone(&mut self, target: &str) {
        let reply = self.next(target, "");
        reply.assert_not_found();
        self.client = self.site.client();
    }

    /// A large file that changes so soon after its last bytes that the server has not looked at it
    /// since costs the connection. So the next request may need another one.
    #[track_caller]
    fn next(&mut self, target: &str, fields: &str) -> Reply {
        if let Some(reply) = self.client.begin("GET", target, fields) {
            return reply;
        }
        self.client = self.site.client();
        self.client.request("GET", target, fields)
    }
}

#[test]
fn a_file_that_is_edited_in_place_is_new_though_its_size_is_the_same() {
    for size in SIZES {
        let mut kept = Kept::new(&vec![b'a'; size]);
        for letter in b'b'..b'h' {
            let mut file = File::options().write(true).open(kept.site.path("a.txt")).expect("the file");
            file.write_all(&vec![letter; size]).expect("it is written");
            kept.assert_is("/a.txt", &vec![letter; size]);
        }
    }
}

#[test]
fn one_byte_that_is_changed_in_place_is_seen() {
    for size in SIZES {
        let mut content = vec![b'a'; size];
        let mut kept = Kept::new(&content);
        content[size / 2] = b'b';
        let mut file = File::options().write(true).open(kept.site.path("a.txt")).expect("the file");
        file.seek(SeekFrom::Start(size as u64 / 2)).expect("the place");
        file.write_all(b"b").expect("it is written");
        kept.assert_is("/a.txt", &content);
    }
}

#[test]
fn a_file_that_grows_or_shrinks_is_new() {
    let mut kept = Kept::new(b"text");
    for size in [5, LARGE, LARGE + 1, 0, 65_536, 65_537, 3] {
        write(kept.site.path("a.txt"), &vec![b'x'; size]);
        kept.assert_is("/a.txt", &vec![b'x'; size]);
    }
    let mut file = File::options().append(true).open(kept.site.path("a.txt")).expect("the file");
    file.write_all(b"yz").expect("it is written");
    kept.assert_is("/a.txt", b"xxxyz");
}

// Where a system does not tell when the properties of a file were changed last, a time that is set
// back hides a change.
#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn a_time_that_is_set_back_hides_nothing() {
    for size in SIZES {
        let mut kept = Kept::new(&vec![b'a'; size]);
        let modified = fs::metadata(kept.site.path("a.txt")).and_then(|it| it.modified()).expect("a time");
        write(kept.site.path("a.txt"), &vec![b'b'; size]);
        kept.site.changed("a.txt", modified);
        kept.assert_is("/a.txt", &vec![b'b'; size]);
    }
}

#[test]
fn a_file_that_is_replaced_by_renaming_is_new() {
    for size in SIZES {
        let mut kept = Kept::new(&vec![b'a'; size]);
        for letter in b'b'..b'h' {
            let new = kept.site.path("new");
            write(&new, &vec![letter; size]);
            fs::rename(&new, kept.site.path("a.txt")).expect("it is renamed");
            kept.assert_is("/a.txt", &vec![letter; size]);
        }
    }
}

// As above: elsewhere nothing tells the two apart but what is the same.
#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn an_older_file_of_the_same_size_and_time_is_new() {
    let mut kept = Kept::new(b"new\n");
    kept.site.file("old", "old\n").file("a.txt", "new\n");
    kept.site.settled("/a.txt");
    assert_eq!(kept.client.get("/a.txt").text(), "new\n");
    fs::rename(kept.site.path("old"), kept.site.path("a.txt")).expect("it is renamed");
    kept.assert_is("/a.txt", b"old\n");
}

#[test]
fn a_file_that_is_deleted_is_gone_and_one_that_is_made_again_is_there() {
    for size in SIZES {
        let mut kept = Kept::new(&vec![b'a'; size]);
        for letter in b'b'..b'h' {
            fs::remove_file(kept.site.path("a.txt")).expect("it is there");
            kept.assert_is_gone("/a.txt");
            write(kept.site.path("a.txt"), &vec![letter; size]);
            kept.assert_is("/a.txt", &vec![letter; size]);
        }
    }
}

#[test]
fn a_file_that_was_missing_appears() {
    let site = Site::new();
    site.get("/dir/a.txt").assert_not_found();
    site.directory("dir");
    site.get("/dir/a.txt").assert_not_found();
    write(site.path("dir/a.txt"), b"text");
    assert_eq!(site.get("/dir/a.txt").text(), "text");
}

#[test]
fn a_file_can_become_a_directory_and_a_directory_a_file() {
    let mut kept = Kept::at("/a", "a", b"text", Site::new());
    fs::remove_file(kept.site.path("a")).expect("it is there");
    kept.site.directory("a");
    assert_eq!(kept.client.get("/a").field("Location"), Some("/a/"));
    write(kept.site.path("a/index.html"), b"page");
    assert_eq!(kept.client.get("/a/").text(), "page");
    kept.site.settled("/a/");
    assert_eq!(kept.client.get("/a/").text(), "page");
    fs::remove_dir_all(kept.site.path("a")).expect("it is there");
    write(kept.site.path("a"), b"a file again");
    kept.assert_is_gone("/a/");
    kept.assert_is("/a", b"a file again");
}

#[test]
fn an_index_page_with_precedence_is_seen_at_once() {
    let mut kept = Kept::at("/dir/", "dir/index.htm", b"htm", {
        let site = Site::new();
        site.directory("dir");
        site
    });
    let page = kept.site.path("dir/index.html");
    write(&page, b"html");
    kept.assert_is("/dir/", b"html");
    kept.site.settled("/dir/");
    kept.assert_is("/dir/", b"html");
    fs::remove_file(&page).expect("it is there");
    assert_eq!(kept.client.get("/dir/").text(), "htm");
    fs::remove_file(kept.site.path("dir/index.htm")).expect("it is there");
    assert!(kept.client.get("/dir/").text().contains("Directory listing for /dir/"));
    write(&page, b"page");
    kept.assert_is("/dir/", b"page");
}

#[test]
fn an_index_page_of_the_root_is_seen_at_once() {
    let site = Site::new();
    assert!(site.get("/").text().contains("Directory listing for /"));
    let mut kept = Kept::at("/", "index.html", b"page", site);
    write(kept.site.path("index.html"), b"egap");
    kept.assert_is("/", b"egap");
    fs::remove_file(kept.site.path("index.html")).expect("it is there");
    assert!(kept.client.get("/").text().contains("Directory listing for /"));
}

#[test]
fn a_listing_shows_what_is_there_now() {
    let site = Site::new();
    let has = |name: &str| site.get("/").text().contains(name);
    assert!(!has("a.txt"));
    write(site.path("a.txt"), b"");
    assert!(has("a.txt"));
    fs::rename(site.path("a.txt"), site.path("b.txt")).expect("it is renamed");
    assert!(!has("a.txt") && has("b.txt"));
}

#[test]
fn a_directory_that_is_replaced_takes_its_files_along() {
    let site = Site::new();
    site.directory("dir").directory("new");
    let mut kept = Kept::at("/dir/a.txt", "dir/a.txt", b"old", site);
    write(kept.site.path("new/a.txt"), b"new");
    fs::rename(kept.site.path("dir"), kept.site.path("old")).expect("it is renamed");
    kept.assert_is_gone("/dir/a.txt");
    fs::rename(kept.site.path("new"), kept.site.path("dir")).expect("it is renamed");
    kept.assert_is("/dir/a.txt", b"new");
    assert_eq!(kept.client.get("/old/a.txt").text(), "old");
}

#[test]
fn the_root_can_be_removed_and_made_again() {
    let mut kept = Kept::new(b"old");
    let root = kept.site.path("");
    fs::remove_dir_all(&root).expect("it is there");
    kept.assert_is_gone("/a.txt");
    for round in 0..5 {
        fs::create_dir(&root).expect("it is gone");
        let content = format!("{round}");
        write(root.join("a.txt"), content.as_bytes());
        kept.assert_is("/a.txt", content.as_bytes());
        assert!(kept.client.get("/").text().contains("a.txt"));
        fs::remove_dir_all(&root).expect("it is there");
        kept.assert_is_gone("/a.txt");
    }
}

#[test]
fn the_root_can_be_replaced_by_renaming() {
    let mut kept = Kept::new(b"old");
    let (root, outside) = (kept.site.path(""), kept.site.outside().to_owned());
    for round in 0..5 {
        let (new, content) = (outside.join("new"), format!("{round}"));
        fs::create_dir(&new).expect("a directory");
        write(new.join("a.txt"), content.as_bytes());
        write(new.join(format!("only_{round}")), b"");
        fs::rename(&root, outside.join(format!("old_{round}"))).expect("it is renamed");
        fs::rename(&new, &root).expect("it is renamed");
        kept.assert_is("/a.txt", content.as_bytes());
        assert!(kept.client.get("/").text().contains(&format!("only_{round}")));
    }
}

#[test]
fn nothing_is_served_of_a_root_that_was_moved_away() {
    let mut kept = Kept::new(b"text");
    write(kept.site.path("never_asked_for.txt"), b"text");
    let (root, moved) = (kept.site.path(""), kept.site.outside().join("moved"));
    fs::rename(&root, &moved).expect("it is renamed");
    for target in ["/a.txt", "/never_asked_for.txt", "/"] {
        kept.assert_is_gone(target);
    }
    fs::rename(&moved, &root).expect("it is renamed");
    assert_eq!(kept.client.get("/a.txt").text(), "text");
}

#[cfg(unix)]
mod links {
    #[cfg(not(feature = "portable-sys"))]
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;
    use crate::support::files::switch;

    /// Where a system does not tell which file it is, those that a link is switched between differ
    /// in their times.
    fn tell_apart(paths: &[std::path::PathBuf]) {
        if cfg!(feature = "portable-sys") {
            for (path, seconds) in paths.iter().zip(1..) {
                let file = File::options().write(true).open(path).expect("the file");
                file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("its time");
            }
        }
    }

    #[test]
    fn a_link_to_a_file_can_be_switched() {
        let site = Site::new();
        for name in ["one", "two"] {
            write(site.path(name), name.as_bytes());
        }
        tell_apart(&["one", "two"].map(|name| site.path(name)));
        symlink("one", site.path("link")).expect("a link");
        site.settled("/link");
        let mut client = site.client();
        for _ in 0..5 {
            for name in ["two", "one"] {
                assert_ne!(client.get("/link").text(), name);
                switch(&site.path("link"), name);
                assert_eq!(client.get("/link").text(), name);
            }
        }
        // What it leads to may change, too.
        write(site.path("one"), b"eno");
        assert_eq!(client.get("/link").text(), "eno");
    }

    #[test]
    fn a_link_within_the_root_can_be_switched_from_release_to_release() {
        let site = Site::new();
        for name in ["one", "two"] {
            site.directory(name);
            write(site.path(name).join("a.txt"), name.as_bytes());
            write(site.path(name).join("index.html"), format!("page {name}").as_bytes());
        }
        for name in ["a.txt", "index.html"] {
            tell_apart(&["one", "two"].map(|release| site.path(release).join(name)));
        }
        symlink("one", site.path("current")).expect("a link");
        site.settled("/current/");
        let mut client = site.client();
        for _ in 0..5 {
            for name in ["one", "two"] {
                switch(&site.path("current"), name);
                assert_eq!(client.get("/current/a.txt").text(), name);
                assert_eq!(client.get("/current/").text(), format!("page {name}"));
            }
        }
    }

    #[test]
    fn a_root_that_is_a_link_can_be_switched_from_release_to_release() {
        let site = Site::serving(|builder, outside| {
            for name in ["one", "two"] {
                fs::create_dir_all(outside.join(name)).expect("a directory");
                write(outside.join(name).join("a.txt"), name.as_bytes());
                write(outside.join(name).join("b.txt"), &vec![name.as_bytes()[0]; LARGE]);
                write(outside.join(name).join(format!("only_{name}")), b"");
            }
            for name in ["a.txt", "b.txt"] {
                tell_apart(&["one", "two"].map(|release| outside.join(release).join(name)));
            }
            symlink("one", outside.join("current")).expect("a link");
            builder.directory(outside.join("current"))
        });
        site.settled("/b.txt");
        let mut client = site.client();
        for _ in 0..5 {
            for (name, other) in [("one", "two"), ("two", "one")] {
                switch(&site.outside().join("current"), name);
                assert_eq!(client.get("/a.txt").text(), name);
                assert!(client.get("/b.txt").body == vec![name.as_bytes()[0]; LARGE]);
                assert_eq!(client.get(&format!("/only_{name}")).code(), 200);
                site.get(&format!("/only_{other}")).assert_not_found();
                assert!(client.get("/").text().contains(&format!("only_{name}")));
            }
        }
    }

    #[test]
    fn nothing_is_served_of_a_root_whose_link_was_removed() {
        let site = Site::serving(|builder, outside| {
            symlink("site", outside.join("current")).expect("a link");
            builder.directory(outside.join("current"))
        });
        let mut kept = Kept::at("/a.txt", "a.txt", b"text", site);
        let link = kept.site.outside().join("current");
        fs::remove_file(&link).expect("it is there");
        for target in ["/a.txt", "/"] {
            kept.assert_is_gone(target);
        }
        symlink("site", &link).expect("a link");
        assert_eq!(kept.client.get("/a.txt").text(), "text");
    }

    #[test]
    fn a_link_that_is_switched_to_the_outside_is_not_followed() {
        let site = Site::new();
        write(site.path("a.txt"), b"text");
        symlink("a.txt", site.path("link")).expect("a link");
        site.settled("/link");
        assert_eq!(site.get("/link").text(), "text");
        switch(&site.path("link"), "../secret.txt");
        site.get("/link").assert_not_found();
    }

    // The other systems' calls do not tell that the rights have changed.
    #[cfg(not(feature = "portable-sys"))]
    #[test]
    fn rights_that_are_taken_are_gone_at_once() {
        let site = Site::new();
        site.directory("dir");
        let mut kept = Kept::at("/dir/a.txt", "dir/a.txt", b"text", site);
        for name in ["dir/a.txt", "dir"] {
            let path = kept.site.path(name);
            let before = fs::metadata(&path).expect("it is there").permissions();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("our own");
            let is_locked = File::open(&path).is_err();
            if is_locked {
                kept.assert_is_gone("/dir/a.txt");
            } else {
                // The superuser may read everything.
                assert_eq!(kept.client.get("/dir/a.txt").text(), "text");
            }
            fs::set_permissions(&path, before).expect("our own");
            assert_eq!(kept.client.get("/dir/a.txt").text(), "text");
            kept.site.settled("/dir/a.txt");
            assert_eq!(kept.client.get("/dir/a.txt").text(), "text");
        }
    }
}

#[test]
fn a_date_that_is_set_is_told() {
    let kept = Kept::new(b"text");
    kept.site.changed("a.txt", SystemTime::UNIX_EPOCH + crate::support::files::CHANGED);
    assert_eq!(kept.site.dated("/a.txt"), "Sun, 06 Nov 1994 08:49:37 GMT");
}

#[test]
fn every_spelling_of_a_path_sees_the_change() {
    let mut kept = Kept::new(b"old");
    let spellings = ["/a.txt", "/%61.txt", "/./a.txt", "//a.txt", "/x/../a.txt", "/a.txt?query"];
    for content in ["old", "new", "wen"] {
        write(kept.site.path("a.txt"), content.as_bytes());
        kept.site.settled("/a.txt");
        for target in spellings {
            assert_eq!(kept.client.get(target).text(), content, "{target}");
        }
    }
}

/// Begins a download of a large file that a slow reader takes, does `during` meanwhile, and returns
/// the content that comes.
fn slowly(fields: &str, during: impl FnOnce(&Site)) -> Vec<u8> {
    let site = Site::new();
    site.file("a.bin", vec![b'a'; SLOW]);
    let tag = site.settled("/a.bin");
    let mut stream = site.connect();
    let request = format!("GET /a.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).expect("the request");
    let mut reply = vec![0; 100];
    stream.read_exact(&mut reply).expect("the beginning");
    during(&site);
    // It ends with an error where the rest is dropped.
    let _ = stream.read_to_end(&mut reply);
    let head = reply.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
    assert!(String::from_utf8_lossy(&reply[..head]).contains(&format!("\r\nETag: {tag}\r\n")));
    reply.split_off(head)
}

/// More than sockets take ahead.
const SLOW: usize = 32 << 20;
/// One range, and several that are sent in another way.
const WAYS: [&str; 3] = ["", "Range: bytes=1-33554430\r\n", "Range: bytes=0-20000000,25000000-33554431\r\n"];

/// Writes to the end of the file and puts its time back.
#[cfg(all(unix, not(feature = "portable-sys")))]
fn rewrite(site: &Site) {
    let mut file = File::options().write(true).open(site.path("a.bin")).expect("the file");
    file.seek(SeekFrom::End(-(1 << 20))).expect("the place");
    file.write_all(&vec![b'b'; 1 << 20]).expect("it is written");
    file.set_modified(SystemTime::UNIX_EPOCH + crate::support::files::CHANGED).expect("its time");
}

/// Whether a part of what [`rewrite`] writes came. A single such letter may belong to the head of a
/// part.
#[cfg(all(unix, not(feature = "portable-sys")))]
fn has_rewritten(body: &[u8]) -> bool {
    body.windows(64).any(|piece| piece == [b'b'; 64])
}

#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn a_download_is_cut_when_the_file_is_rewritten_though_its_time_is_put_back() {
    for fields in WAYS {
        let body = slowly(fields, rewrite);
        assert!(body.len() < SLOW - (1 << 20) && !has_rewritten(&body), "{fields} {}", body.len());
    }
}

/// What explains a new change time is the new state, from which the next change differs.
#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn a_download_is_cut_when_the_file_is_rewritten_after_another_change() {
    use std::time::{Duration, Instant};

    for fields in WAYS {
        let site = Site::new();
        site.file("a.bin", vec![b'a'; SLOW]);
        site.settled("/a.bin");
        let mut stream = site.connect();
        let request = format!("GET /a.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).expect("the request");
        let mut some = vec![0; 8 << 20];
        stream.read_exact(&mut some[..100]).expect("the beginning");
        fs::hard_link(site.path("a.bin"), site.path("b.bin")).expect("another name");
        // So much that the file has been looked at since.
        stream.read_exact(&mut some).expect("more");
        // The next change has a time of its own.
        let linked = changed(&site.path("b.bin"));
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            rewrite(&site);
            if changed(&site.path("b.bin")) != linked {
                break;
            }
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!has_rewritten(&rest), "{fields}");
        assert!(some.len() + rest.len() < SLOW - (1 << 20), "{fields} {}", rest.len());
    }
}

#[cfg(all(unix, not(feature = "portable-sys")))]
fn changed(path: &Path) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::metadata(path).expect("it is there");
    (metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(unix)]
#[test]
fn a_download_is_not_cut_by_what_leaves_the_content_alone() {
    use std::os::unix::fs::PermissionsExt;

    let chmod = |site: &Site| {
        fs::set_permissions(site.path("a.bin"), fs::Permissions::from_mode(0o600)).expect("our own");
    };
    let link = |site: &Site| fs::hard_link(site.path("a.bin"), site.path("b.bin")).expect("a link");
    let unlink = |site: &Site| fs::remove_file(site.path("a.bin")).expect("it is there");
    let replace = |site: &Site| {
        write(site.path("new"), b"another");
        fs::rename(site.path("new"), site.path("a.bin")).expect("it is renamed");
    };
    let changes: [&(dyn Fn(&Site) + Sync); 4] = [&chmod, &link, &unlink, &replace];
    std::thread::scope(|scope| {
        for (fields, least) in WAYS.into_iter().zip([SLOW, SLOW - 2, 28_432_433]) {
            for (index, during) in changes.iter().enumerate() {
                scope.spawn(move || {
                    let body = slowly(fields, during);
                    assert!(body.len() >= least, "{fields} {index} {}", body.len());
                });
            }
        }
    });
}

/// A log is written to while it is read; what was there when it was asked for stays what it was.
#[test]
fn a_file_that_grows_while_it_is_sent_comes_up_to_where_it_was() {
    let site = Site::serving(|builder, _| builder.entity_tags(serve_forever::files::EntityTags::SizeAndTime));
    let large = 32 << 20;
    for (size, name) in [(large, "large"), (1000, "small")] {
        site.file(name, vec![b'a'; size]);
        // Of a time to come, from which the tag is made: always as if it was written to just now.
        site.changed(name, SystemTime::now() + std::time::Duration::from_secs(3600));
        let mut stream = site.connect();
        let request = format!("GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the request");
        let mut begin = [0; 100];
        stream.read_exact(&mut begin).expect("the beginning");
        let mut file = File::options().append(true).open(site.path(name)).expect("the file");
        file.write_all(b"more").expect("some more");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the rest");
        // The head is some 300 bytes long.
        assert!(
            rest.ends_with(b"aaaa") && (size..size + 500).contains(&(begin.len() + rest.len())),
            "{name}"
        );
    }
}

#[test]
fn a_directory_in_place_of_the_only_file_is_not_served() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("only_{}", std::process::id()));
    fs::write(&path, "only").expect("a file");
    let handler =
        serve_forever::SimpleHttpRequestHandler::builder().directory(&path).build().expect("it is there");
    let status = || {
        let reply = serve_forever::testing::respond(handler.clone(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        String::from_utf8_lossy(&reply[9..12]).into_owned()
    };
    assert_eq!(status(), "200");
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("a directory");
    let seen = status();
    fs::remove_dir(&path).expect("it is empty");
    assert_eq!(seen, "404");
}
