//! Where links lead, and what is not for opening.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use super::{Seen, World, both, entries, see};
use crate::sys::{Directory, Found, FileKind, Links};

/// More than any system follows.
const TOO_MANY_LINKS: usize = 200;

fn pipe(world: &World, relative: &str) {
    assert!(Command::new("mkfifo").arg(world.path(relative)).status().unwrap().success());
}

#[test]
fn links_to_what_is_inside_are_followed() {
    let world = World::new();
    world.file("root/a/b", "B");
    world.link("root/relative", "a/b");
    world.link("root/c/up", "../a/b");
    world.link("root/c/far-up", "../../root/a/b");
    world.link("root/absolute", world.path("root/a/b"));
    world.link("root/directory", "a");
    world.link("root/absolute-directory", world.path("root/a"));
    world.link("root/itself", ".");
    world.link("root/c/root", world.path("root"));
    world.link("root/chain", "c/root/directory/../itself/absolute-directory");
    for path in [
        "relative",
        "c/up",
        "c/far-up",
        "absolute",
        "directory/b",
        "absolute-directory/b",
        "itself/itself/absolute",
        "c/root/c/root/relative",
        "chain/b",
    ] {
        assert_eq!(world.find(path, Links::Inside), Seen::file("B"), "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::file("B"), "{path}");
    }
    for (path, real) in [("directory", "root/a"), ("chain", "root/a"), ("c/root", "root"), ("itself", "root")]
    {
        assert_eq!(world.find(path, Links::Inside), Seen::directory(world.path(real)), "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::directory(world.path(real)), "{path}");
    }
}

#[test]
fn links_to_what_is_outside_are_followed_only_when_that_is_allowed() {
    let world = World::new();
    world.file("root/a", "A");
    world.file("outside/secret", "secret");
    // Its name begins like that of the root.
    world.file("root2/secret", "secret");
    world.link("root/relative", "../outside/secret");
    world.link("root/absolute", world.path("outside/secret"));
    world.link("root/directory", "../outside");
    world.link("root/absolute-directory", world.path("outside"));
    world.link("root/similar", world.path("root2/secret"));
    world.link("root/chain", "directory/../root/absolute");
    for path in ["relative", "absolute", "directory/secret", "absolute-directory/secret", "similar", "chain"]
    {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing, "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::file("secret"), "{path}");
    }
    for path in ["directory", "absolute-directory"] {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing, "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::directory(world.path("outside")), "{path}");
    }
    world.link("root/parent", "..");
    assert_eq!(world.find("parent", Links::Inside), Seen::Nothing);
    assert_eq!(world.find("parent/root/a", Links::Inside), Seen::file("A"), "it comes back");
}

#[test]
fn a_root_may_be_named_by_a_link() {
    let world = World::new();
    world.file("root/a", "A");
    world.link("alias", "root");
    world.link("root/by-name", world.path("root/a"));
    world.link("root/by-alias", world.path("alias/a"));
    world.link("root/around", "../alias/a");
    for root in both(&world.path("alias")) {
        for path in ["a", "by-name", "by-alias", "around"] {
            assert_eq!(see(&root, Path::new(path), Links::Inside), Seen::file("A"), "{path}");
        }
    }
    // Where a path leads counts, and not how it is written.
    assert_eq!(world.find("by-alias", Links::Inside), Seen::file("A"));
}

#[test]
fn links_in_the_root_of_everything_are_all_inside() {
    let world = World::new();
    let file = world.file("root/a", "A");
    world.link("root/absolute", &file);
    world.link("root/above", "/../../..");
    let link = world.path("root/absolute");
    let through_above = world.path("root/above").join(file.strip_prefix("/").unwrap());
    for root in both(Path::new("/")) {
        for path in [&file, &link, &through_above] {
            assert_eq!(see(&root, path.strip_prefix("/").unwrap(), Links::Inside), Seen::file("A"));
        }
    }
}

#[test]
fn links_that_end_nowhere_are_nothing() {
    let world = World::new();
    world.file("root/a", "A");
    world.link("root/dangling", "none");
    world.link("root/dangling-outside", "../outside/none");
    world.link("root/through-a-file", "a/b");
    world.link("root/itself", "itself");
    world.link("root/to", "fro");
    world.link("root/fro", world.path("root/to"));
    world.link("root/deeper", "deeper/a");
    for number in 0..TOO_MANY_LINKS {
        world.link(&format!("root/{number}"), (number + 1).to_string());
    }
    world.file(&format!("root/{TOO_MANY_LINKS}"), "far");
    for path in
        ["dangling", "dangling-outside", "through-a-file", "itself", "itself/a", "to", "fro", "deeper", "0"]
    {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing, "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::Nothing, "{path}");
    }
    let near = (TOO_MANY_LINKS - 10).to_string();
    assert_eq!(world.find(near, Links::Inside), Seen::file("far"));
}

#[test]
fn what_lies_below_follows_links_to_all_of_the_root() {
    let world = World::new();
    world.file("root/shared/page", "page");
    world.file("outside/secret", "secret");
    world.link("root/a/relative", "../shared/page");
    world.link("root/a/absolute", world.path("root/shared/page"));
    world.link("root/a/out", "../../outside/secret");
    world.link("root/b", "a");
    for root in world.roots() {
        for directory in ["a", "b"] {
            let found = root.find(Path::new(directory), Links::Inside).unwrap();
            let Found::Directory(directory) = found else { panic!() };
            assert_eq!(see(&directory, Path::new("relative"), Links::Inside), Seen::file("page"));
            assert_eq!(see(&directory, Path::new("absolute"), Links::Inside), Seen::file("page"));
            assert_eq!(see(&directory, Path::new("out"), Links::Inside), Seen::Nothing);
            assert_eq!(see(&directory, Path::new("out"), Links::Anywhere), Seen::file("secret"));
        }
    }
}

#[test]
fn entries_are_told_apart_and_links_looked_through() {
    let world = World::new();
    world.file("root/file", "1234");
    world.directory("root/directory");
    pipe(&world, "root/pipe");
    world.file("outside/secret", "secret");
    world.link("root/to-file", "file");
    world.link("root/to-directory", world.path("root/directory"));
    world.link("root/to-pipe", "pipe");
    world.link("root/outside", "../outside/secret");
    world.link("root/nowhere", "none");
    for root in world.roots() {
        let kinds = entries(&root);
        let of = |names: [&str; 2]| names.map(|name| kinds[name]);
        assert_eq!(kinds.len(), 8);
        assert_eq!(of(["file", "directory"]), [FileKind::File, FileKind::Directory]);
        assert_eq!(kinds["pipe"], FileKind::Other);
        assert_eq!(of(["to-file", "to-directory"]), [FileKind::Link; 2]);
        assert_eq!(of(["outside", "nowhere"]), [FileKind::Link; 2]);

        let stamp = |name: &str, links| root.stamp_of(OsStr::new(name), links);
        for links in [Links::Inside, Links::Anywhere] {
            assert_eq!(stamp("to-file", links).unwrap(), stamp("file", links).unwrap());
            assert!(stamp("to-directory", links).unwrap().is_directory());
            for name in ["pipe", "to-pipe"] {
                let stamp = stamp(name, links).unwrap();
                assert!(!stamp.is_file() && !stamp.is_directory());
            }
            assert_eq!(stamp("nowhere", links).unwrap_err().kind(), ErrorKind::NotFound);
        }
        assert_eq!(stamp("outside", Links::Inside).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(stamp("outside", Links::Anywhere).unwrap().size(), 6);
    }
}

#[test]
fn pipes_sockets_and_devices_are_nothing() {
    let world = World::new();
    pipe(&world, "root/pipe");
    let _listener = UnixListener::bind(world.path("root/socket")).unwrap();
    world.link("root/to-pipe", world.path("root/pipe"));
    world.link("root/null", "/dev/null");
    world.link("root/terminal", "/dev/tty");
    for path in ["pipe", "socket", "to-pipe", "null", "terminal", "pipe/a"] {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing, "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::Nothing, "{path}");
    }
    for root in both(Path::new("/dev")) {
        assert_eq!(see(&root, Path::new("null"), Links::Inside), Seen::Nothing);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_not_even_opened() {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    let world = World::new();
    pipe(&world, "root/pipe");
    let notices = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    add_watch(&notices, world.path("root/pipe"), WatchFlags::OPEN).unwrap();
    for links in [Links::Inside, Links::Anywhere] {
        assert_eq!(world.find("pipe", links), Seen::Nothing);
    }
    let read = rustix::io::read(&notices, &mut [0_u8; 64]);
    assert_eq!(read.unwrap_err(), rustix::io::Errno::AGAIN, "there is no notice");
}

#[test]
fn a_file_that_may_not_be_read_is_told_from_none() {
    use std::os::unix::fs::PermissionsExt;

    if rustix::process::geteuid().is_root() {
        // Root may read all files, except those of the kernel that are made for writing only.
        let world = World::new();
        world.link("root/unreadable", "/sys/bus/platform/drivers_probe");
        if Path::new("/sys/bus/platform/drivers_probe").exists() {
            for root in both(Path::new("/sys/bus")) {
                let path = Path::new("platform/drivers_probe");
                assert_eq!(see(&root, path, Links::Inside), Seen::Unreadable);
            }
            assert_eq!(world.find("unreadable", Links::Anywhere), Seen::Unreadable);
            assert_eq!(world.find("unreadable", Links::Inside), Seen::Nothing);
        }
        return;
    }
    let world = World::new();
    let forbid = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    forbid(&world.file("root/unreadable", "secret"), 0o200);
    forbid(&world.file("outside/unreadable", "secret"), 0o200);
    world.link("root/link", world.path("root/unreadable"));
    world.link("root/out", "../outside/unreadable");
    world.file("root/unlisted/a", "A");
    world.file("root/closed/a", "A");
    forbid(&world.path("root/unlisted"), 0o300);
    forbid(&world.path("root/closed"), 0o600);
    for path in ["unreadable", "link"] {
        assert_eq!(world.find(path, Links::Inside), Seen::Unreadable, "{path}");
    }
    assert_eq!(world.find("out", Links::Inside), Seen::Nothing);
    assert_eq!(world.find("closed/a", Links::Inside), Seen::Nothing);
    if cfg!(target_os = "linux") {
        assert_eq!(world.find("unlisted/a", Links::Inside), Seen::file("A"));
        let root = Directory::open(&world.path("root")).unwrap();
        let Found::Directory(unlisted) = root.find(Path::new("unlisted"), Links::Inside).unwrap() else {
            panic!()
        };
        assert_eq!(see(&unlisted, Path::new("a"), Links::Inside), Seen::file("A"));
        assert!(unlisted.entries().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied));
    }
    forbid(&world.path("root/unlisted"), 0o700);
    forbid(&world.path("root/closed"), 0o700);
}

#[cfg(all(target_os = "linux", not(feature = "portable-sys")))]
#[test]
fn the_links_of_proc_into_processes_are_nothing() {
    let world = World::new();
    let file = fs::File::open(world.file("outside/secret", "secret")).unwrap();
    let path = format!("fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    for root in both(Path::new("/proc/self")) {
        assert_eq!(see(&root, Path::new(&path), Links::Inside), Seen::Nothing);
        assert_eq!(see(&root, Path::new("cwd/Cargo.toml"), Links::Inside), Seen::Nothing);
    }
}
