//! wget: a whole tree by its listings, and downloads that are taken up again.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tools::{assert_content, bytes, client, success, tool};
use crate::support::{Directory, Serving};

fn wget(tool: &Path, place: &Directory) -> Command {
    let mut command = client(tool, place.path());
    command.args(["--no-config", "--no-verbose", "--tries=1", "--timeout=30"]);
    command
}

/// Names that need care in listings and URLs.
const FILES: [&str; 11] = [
    "a.txt",
    "two words.txt",
    "ä ö €.txt",
    "50% of it.txt",
    "what?.txt",
    "#1.txt",
    "a&b<c>\"d'.txt",
    "a:b",
    "sub/b.bin",
    "sub/deep er/c.txt",
    "sub/deep er/+;=,@[1].txt",
];

#[test]
fn a_tree_is_copied_and_every_file_asked_for_once() {
    let Some(tool) = tool(&["wget"]) else { return };
    let directory = Directory::new();
    for (index, name) in FILES.iter().enumerate() {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory");
        fs::write(path, bytes(1000 * index)).expect("a file");
    }
    fs::create_dir(directory.path().join("sub/empty")).expect("a directory");
    let serving = Serving::files(directory.path());
    let place = Directory::new();
    // Its own names for files would hide what it was told.
    success(
        wget(&tool, &place)
            .args(["--recursive", "--level=inf", "--no-parent", "--no-host-directories"])
            .args(["--execute=robots=off", "--restrict-file-names=nocontrol"])
            .arg(serving.url("/")),
    );

    let mut copy = tree(place.path());
    // These are the listings.
    copy.retain(|path, _| !path.ends_with("index.html"));
    let original = tree(directory.path());
    assert_eq!(copy.keys().collect::<Vec<_>>(), original.keys().collect::<Vec<_>>());
    for (path, content) in &original {
        assert!(copy.get(path) == Some(content), "{} is not what it was", path.display());
    }

    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for (request, status) in serving.requests() {
        assert_eq!(status, 200, "{request}");
        *times.entry(request).or_default() += 1;
    }
    let several: Vec<_> = times.iter().filter(|&(_, &count)| count > 1).collect();
    assert!(several.is_empty(), "{several:?}");
    let listings = 4;
    assert_eq!(times.len(), FILES.len() + listings, "{times:?}");
}

/// The files below a directory, with their content.
fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else {
            let name = path.strip_prefix(directory).expect("it is below").to_owned();
            found.insert(name, fs::read(&path).expect("a file"));
        }
    }
    found
}

#[test]
fn a_download_that_broke_off_is_continued() {
    let Some(tool) = tool(&["wget"]) else { return };
    let content = bytes(300_001);
    let directory = Directory::new().with("a.bin", &content);
    let serving = Serving::files(directory.path());
    let place = Directory::new().with("a.bin", &content[..100_003]);
    let copy = place.path().join("a.bin");
    // The second time there is nothing left to get, which is a success, too.
    for _ in 0..2 {
        success(wget(&tool, &place).arg("--continue").arg(serving.url("/a.bin")));
        assert_content(&copy, &content);
    }
    let mut statuses: Vec<u16> = serving.requests().into_iter().map(|(_, status)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [206, 416]);
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let Some(tool) = tool(&["wget"]) else { return };
    let directory = Directory::new().with("a.txt", "text\n").dated("a.txt");
    let serving = Serving::files(directory.path());
    serving.settled("/a.txt");
    let place = Directory::new();
    for _ in 0..2 {
        success(wget(&tool, &place).arg("--timestamping").arg(serving.url("/a.txt")));
        assert_content(place.path().join("a.txt"), b"text\n");
    }
    let mut requests = serving.requests();
    requests.retain(|(request, _)| request.starts_with("GET "));
    requests.sort_unstable();
    assert_eq!(requests, [("GET /a.txt".to_owned(), 200), ("GET /a.txt".to_owned(), 304)]);
}
