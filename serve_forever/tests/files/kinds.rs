//! What is in a directory besides files and directories, and what may not be read.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::support::files::Site;

/// Takes all rights from everybody. False: whoever runs the tests can read it all the same.
fn lock(path: &Path) -> bool {
    fs::set_permissions(path, Permissions::from_mode(0o000)).expect("our own file");
    fs::File::open(path).is_err()
}

#[test]
fn pipes_sockets_and_devices_are_not_found_at_once() {
    let site = Site::new();
    assert!(Command::new("mkfifo").arg(site.path("pipe")).status().expect("mkfifo").success());
    let _listener = UnixListener::bind(site.path("socket")).expect("a socket");
    symlink("/dev/zero", site.path("device")).expect("a link");
    symlink("/dev/tty", site.path("terminal")).expect("a link");
    for target in ["/pipe", "/socket", "/device", "/terminal", "/pipe/"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(site.request(method, target, "").code(), 404, "{method} {target}");
        }
    }
}

#[test]
fn a_pipe_is_no_index_page() {
    let site = Site::new();
    site.file("index.htm", "page");
    assert!(Command::new("mkfifo").arg(site.path("index.html")).status().expect("mkfifo").success());
    assert_eq!(site.get("/").text(), "page");
}

#[test]
fn links_are_followed_to_what_is_inside() {
    let site = Site::new();
    site.directory("dir").file("dir/a.txt", "text\n");
    symlink("dir", site.path("dirlink")).expect("a link");
    symlink("dir/a.txt", site.path("filelink")).expect("a link");
    symlink("nowhere", site.path("broken")).expect("a link");
    symlink("loop", site.path("loop")).expect("a link");
    symlink("../secret.txt", site.path("out")).expect("a link");
    symlink(site.path("dir/a.txt"), site.path("absolute")).expect("a link");
    symlink("../site/dir", site.path("around")).expect("a link");
    assert_eq!(site.get("/filelink").text(), "text\n");
    assert_eq!(site.get("/dirlink/a.txt").text(), "text\n");
    assert_eq!(site.get("/dirlink").field("Location"), Some("/dirlink/"));
    assert_eq!(site.get("/absolute").text(), "text\n");
    assert_eq!(site.get("/around/a.txt").text(), "text\n");
    site.get("/out").assert_not_found();
    site.get("/broken").assert_not_found();
    site.get("/loop").assert_not_found();
    let page = site.get("/").text();
    for item in [
        "<li><a href=\"broken\">broken@</a></li>",
        "<li><a href=\"dir/\">dir/</a> <",
        "<li><a href=\"dirlink/\">dirlink@</a> <",
        "<li><a href=\"filelink\">filelink@</a> <",
        "<li><a href=\"loop\">loop@</a></li>",
    ] {
        assert!(page.contains(item), "{item} is not in {page}");
    }
}

#[test]
fn what_may_not_be_read_is_not_found() {
    let site = Site::new();
    site.file("a.txt", "").directory("index").file("index/index.html", "").directory("dir");
    if !lock(&site.path("a.txt")) {
        return; // the superuser may read everything
    }
    site.get("/a.txt").assert_not_found();

    // A page that nobody may read is not replaced by the listing, which might show what the page
    // was to hide.
    lock(&site.path("index/index.html"));
    site.get("/index/").assert_not_found();

    lock(&site.path("dir"));
    let reply = site.get("/dir/");
    assert!(reply.head.starts_with("HTTP/1.1 404 No permission to list directory\r\n"), "{}", reply.head);
    assert_eq!(site.get("/dir").code(), 301);
    site.get("/dir/a").assert_not_found();
    fs::set_permissions(site.path("dir"), Permissions::from_mode(0o700)).expect("our own directory");
}

#[test]
fn a_directory_that_cannot_be_listed_can_have_an_index_page() {
    let site = Site::new();
    site.directory("dir").file("dir/index.html", "page");
    let dir = site.path("dir");
    if !lock(&dir) {
        return; // the superuser may read everything
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o100)).expect("our own directory");
    assert_eq!(site.get("/dir/").text(), "page");
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).expect("our own directory");
}
