//! Finding files beneath a directory, by the call that the system has for it and step by step.

#[cfg(unix)]
mod links;
#[cfg(unix)]
mod model;
#[cfg(all(target_os = "linux", not(feature = "portable-sys")))]
mod races;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::{Directory, Found, FileKind, Links, Stamp};

/// A directory with a directory `root` in it, the one that is served, and another one, `outside`.
/// Removed at the end of its test.
struct World(PathBuf);

impl World {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("serve_forever-find-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        for directory in ["root", "outside"] {
            fs::create_dir_all(path.join(directory)).unwrap();
        }
        Self(path)
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.join(relative)
    }

    fn directory(&self, relative: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Makes the directories on the way, too.
    fn file(&self, relative: &str, content: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    #[cfg(unix)]
    fn link(&self, relative: &str, target: impl AsRef<Path>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    /// `root`, opened in both ways.
    fn roots(&self) -> [Directory; 2] {
        both(&self.path("root"))
    }

    /// What is found in `root` in both ways, which must be the same.
    fn find(&self, relative: impl AsRef<Path>, links: Links) -> Seen {
        let [seen, seen_by_steps] = self.roots().map(|root| see(&root, relative.as_ref(), links));
        assert_eq!(seen, seen_by_steps, "{}", relative.as_ref().display());
        seen
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// With its content.
    File(String),
    Directory(Stamp),
    Unreadable,
    Nothing,
}

impl Seen {
    fn file(content: &str) -> Self {
        Self::File(content.into())
    }

    fn directory(path: impl AsRef<Path>) -> Self {
        Self::Directory(Stamp::at(path.as_ref()).unwrap())
    }
}

fn both(root: &Path) -> [Directory; 2] {
    [Directory::open(root).unwrap(), Directory::open_for_steps(root).unwrap()]
}

fn see(directory: &Directory, relative: &Path, links: Links) -> Seen {
    match directory.find(relative, links).unwrap() {
        Found::File(mut file, stamp) => {
            assert!(stamp.is_file() && !stamp.is_directory());
            let mut content = String::new();
            file.read_to_string(&mut content).unwrap();
            assert_eq!(stamp.size(), content.len() as u64);
            Seen::File(content)
        }
        Found::Directory(directory) => {
            let stamp = directory.stamp().unwrap();
            assert!(stamp.is_directory() && !stamp.is_file());
            Seen::Directory(stamp)
        }
        Found::Unreadable => Seen::Unreadable,
        Found::Nothing => Seen::Nothing,
    }
}

fn entries(directory: &Directory) -> BTreeMap<String, FileKind> {
    let entries = directory.entries().unwrap().map(|entry| entry.unwrap());
    entries.map(|(name, kind)| (name.into_string().unwrap(), kind)).collect()
}

#[test]
fn files_and_directories_are_found() {
    let world = World::new();
    world.file("root/a", "A");
    world.file("root/b/c/d", "D");
    assert_eq!(world.find("a", Links::Inside), Seen::file("A"));
    assert_eq!(world.find("b/c/d", Links::Inside), Seen::file("D"));
    assert_eq!(world.find("b/c/d", Links::Anywhere), Seen::file("D"));
    assert_eq!(world.find("b/c", Links::Inside), Seen::directory(world.path("root/b/c")));
    assert_eq!(world.find("b", Links::Anywhere), Seen::directory(world.path("root/b")));
}

#[test]
fn a_file_comes_with_its_stamp() {
    let world = World::new();
    let path = world.file("root/a", "abc");
    for root in world.roots() {
        let Found::File(file, stamp) = root.find(Path::new("a"), Links::Inside).unwrap() else { panic!() };
        assert_eq!(stamp, Stamp::of(&file).unwrap());
        assert_eq!(stamp, Stamp::at(&path).unwrap());
    }
}

#[test]
fn an_empty_path_is_the_directory_itself() {
    let world = World::new();
    for links in [Links::Inside, Links::Anywhere] {
        assert_eq!(world.find("", links), Seen::directory(world.path("root")));
    }
}

#[test]
fn where_nothing_is_nothing_is_found() {
    let world = World::new();
    world.file("root/a", "A");
    for path in ["b", "b/c", "a/b", "a/b/c"] {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing, "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::Nothing, "{path}");
    }
}

#[test]
fn no_path_leads_out() {
    let world = World::new();
    world.file("root/a/b", "B");
    world.file("outside/secret", "secret");
    let absolute = world.path("outside/secret");
    let paths = ["..", "../outside/secret", "a/../../outside/secret", "../root/a/b", "/", "/etc/passwd"];
    for path in paths.into_iter().chain(absolute.to_str()) {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing, "{path}");
        assert_eq!(world.find(path, Links::Anywhere), Seen::Nothing, "{path}");
    }
}

#[test]
fn a_slash_at_the_end_asks_for_a_directory() {
    let world = World::new();
    world.file("root/a/b", "B");
    assert_eq!(world.find("a/", Links::Inside), Seen::directory(world.path("root/a")));
    assert_eq!(world.find("a/b/", Links::Inside), Seen::Nothing);
    assert_eq!(world.find("a/b/", Links::Anywhere), Seen::Nothing);
}

#[test]
fn no_name_has_a_nul_or_is_endless() {
    let world = World::new();
    world.file("root/a", "A");
    for path in ["a\0", "a\0b", &"a".repeat(300), &"a/".repeat(3000)] {
        assert_eq!(world.find(path, Links::Inside), Seen::Nothing);
        assert_eq!(world.find(path, Links::Anywhere), Seen::Nothing);
    }
}

#[test]
fn a_deep_path_is_found() {
    let world = World::new();
    let directories = "d/".repeat(60);
    world.file(&format!("root/{directories}f"), "F");
    assert_eq!(world.find(format!("{directories}f"), Links::Inside), Seen::file("F"));
    assert_eq!(world.find(format!("{directories}d"), Links::Inside), Seen::Nothing);
}

#[cfg(target_os = "linux")]
#[test]
fn names_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;

    let world = World::new();
    let name = OsStr::from_bytes(b"\xff\xfe\n\\");
    fs::write(world.path("root").join(name), "F").unwrap();
    assert_eq!(world.find(name, Links::Inside), Seen::file("F"));
    for root in world.roots() {
        let entries: Vec<_> = root.entries().unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(entries, [(name.to_owned(), FileKind::File)]);
        assert!(root.stamp_of(name, Links::Inside).unwrap().is_file());
    }
}

#[test]
fn what_was_found_can_be_searched_too() {
    let world = World::new();
    world.file("root/a/b/c", "C");
    world.file("root/d", "D");
    for root in world.roots() {
        let Found::Directory(a) = root.find(Path::new("a"), Links::Inside).unwrap() else { panic!() };
        assert_eq!(see(&a, Path::new("b/c"), Links::Inside), Seen::file("C"));
        assert_eq!(see(&a, Path::new("d"), Links::Inside), Seen::Nothing);
        assert_eq!(see(&a, Path::new("../d"), Links::Inside), Seen::Nothing);
        let Found::Directory(b) = a.find(Path::new("b"), Links::Inside).unwrap() else { panic!() };
        assert_eq!(see(&b, Path::new("c"), Links::Inside), Seen::file("C"));
        assert_eq!(see(&b, Path::new(""), Links::Inside), Seen::directory(world.path("root/a/b")));
    }
}

#[test]
fn the_entries_are_listed_as_often_as_one_asks() {
    let world = World::new();
    world.file("root/a/b", "");
    for number in 0..1000 {
        world.file(&format!("root/{number}"), "");
    }
    for root in world.roots() {
        let all = entries(&root);
        assert_eq!(all.len(), 1001);
        assert_eq!((all["a"], all["999"]), (FileKind::Directory, FileKind::File));
        let (mut one, two) = (root.entries().unwrap(), root.entries().unwrap());
        assert!(one.next().is_some());
        assert_eq!((one.count(), two.count()), (1000, 1001), "each goes its own way");
        let Found::Directory(a) = root.find(Path::new("a"), Links::Inside).unwrap() else { panic!() };
        assert_eq!(entries(&a), BTreeMap::from([("b".into(), FileKind::File)]));
    }
}

#[test]
fn an_entry_is_looked_at_without_opening_it() {
    let world = World::new();
    let file = world.file("root/a", "abc");
    let directory = world.directory("root/b");
    for root in world.roots() {
        let stamp = |name: &str| root.stamp_of(OsStr::new(name), Links::Inside);
        assert_eq!(stamp("a").unwrap(), Stamp::at(&file).unwrap());
        assert_eq!(stamp("a").unwrap().size(), 3);
        assert_eq!(stamp("b").unwrap(), Stamp::at(&directory).unwrap());
        for name in ["c", "", ".", "..", "b/..", "../root", "/"] {
            assert_eq!(stamp(name).unwrap_err().kind(), ErrorKind::NotFound, "{name}");
        }
    }
}

#[test]
fn only_a_directory_can_be_a_root() {
    let world = World::new();
    let file = world.file("root/a", "A");
    assert!(Directory::open(&file).is_err());
    assert_eq!(Directory::open(&world.path("none")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_stamp_changes_with_the_file() {
    let world = World::new();
    let path = world.file("root/a", "abc");
    let before = Stamp::at(&path).unwrap();
    assert_eq!(Stamp::at(&path).unwrap(), before);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let since_1970 = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(before.modified(), (since_1970.as_secs().cast_signed(), since_1970.subsec_nanos()));

    world.file("root/a", "abcd");
    assert_ne!(Stamp::at(&path).unwrap(), before, "another size");

    let replacement = world.file("root/b", "ABC");
    fs::File::options().write(true).open(&replacement).unwrap().set_modified(modified).unwrap();
    fs::rename(&replacement, &path).unwrap();
    let after = Stamp::at(&path).unwrap();
    assert_eq!((after.size(), after.modified()), (before.size(), before.modified()));
    if cfg!(all(unix, not(feature = "portable-sys"))) {
        assert_eq!(after.device(), before.device());
        assert_ne!(after.inode(), before.inode());
        assert_ne!(after.changed(), (0, 0));
    }
    assert_eq!(Stamp::at(&world.path("root/c")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_has_its_content_when_its_name_is_gone_but_not_when_it_is_written_to() {
    if cfg!(not(unix)) {
        return; // elsewhere what is open cannot be removed
    }
    let world = World::new();
    let path = world.file("root/a", "abc");
    let file = fs::File::options().write(true).open(&path).unwrap();
    let before = Stamp::of(&file).unwrap();
    fs::hard_link(&path, world.path("root/b")).unwrap();
    assert!(Stamp::of(&file).unwrap().has_content_of(&before), "another name");
    fs::remove_file(world.path("root/b")).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(Stamp::of(&file).unwrap().has_content_of(&before), "no name");
    file.set_len(2).unwrap();
    assert!(!Stamp::of(&file).unwrap().has_content_of(&before), "another size");
    file.set_len(3).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert!(!Stamp::of(&file).unwrap().has_content_of(&before), "another time");
}

#[test]
fn a_root_stays_what_it_was_when_another_takes_its_place() {
    if cfg!(any(not(unix), feature = "portable-sys")) {
        return;
    }
    let world = World::new();
    world.file("root/a", "old");
    world.file("outside/a", "new");
    for root in world.roots() {
        assert_eq!(Stamp::at(&world.path("root")).unwrap(), root.stamp().unwrap());
        fs::rename(world.path("root"), world.path("former")).unwrap();
        fs::rename(world.path("outside"), world.path("root")).unwrap();
        assert_eq!(see(&root, Path::new("a"), Links::Inside), Seen::file("old"));
        assert_ne!(Stamp::at(&world.path("root")).unwrap(), root.stamp().unwrap());
        fs::rename(world.path("root"), world.path("outside")).unwrap();
        fs::rename(world.path("former"), world.path("root")).unwrap();
    }
}
