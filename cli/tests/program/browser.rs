//! A browser reads this project's own documentation, served by the program, and misses nothing.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tools::{BROWSERS, output_within, tool};
use crate::support::{Directory, LONG_FAILSAFE, Serving};

#[test]
fn a_browser_reads_the_documentation_without_a_failed_request() {
    let Some(browser) = tool(&BROWSERS) else { return };
    let documentation = documentation();
    let serving = Serving::files(&documentation);
    let profile = Directory::new();
    let pages = [
        ("serve_forever/index.html", "Crate serve_forever"),
        ("serve_forever/struct.Exchange.html", "pub struct Exchange"),
        ("serve_forever/all.html", "List of all items"),
        // A directory: the browser is sent to its index.
        ("serve_forever", "Crate serve_forever"),
        // The search loads its index by scripts.
        ("serve_forever/index.html?search=send_response", "send_response_only"),
    ];
    for (page, text) in pages {
        let seen = look_at(&browser, profile.path(), &format!("http://{}/{page}", serving.address()));
        // What the page shows, without the tags between.
        assert!(plain(&seen).contains(text), "{page}: {text:?} is missing in {seen}");
    }

    serving.signal(rustix::process::Signal::TERM);
    let (_, _, log) = serving.end();
    let requests = log.lines().filter(|line| line.contains(" - - ["));
    let failed: Vec<&str> = requests.filter(|line| !has_status(line, &["200", "301", "304"])).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for kind in [".html", ".css", ".js", ".woff2"] {
        assert!(log.contains(kind), "no {kind} was asked for:\n{log}");
    }
}

/// Makes the documentation of the library; where it is.
fn documentation() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve_forever/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documentation");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["doc", "--quiet", "--no-deps", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target);
    let output = output_within(LONG_FAILSAFE, &mut cargo);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("doc")
}

/// What a page has become after its scripts have run.
fn look_at(browser: &Path, profile: &Path, url: &str) -> String {
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(url);
    String::from_utf8_lossy(&output_within(LONG_FAILSAFE, &mut command).stdout).into_owned()
}

fn plain(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    text
}

fn has_status(line: &str, statuses: &[&str]) -> bool {
    let after = line.rsplit_once("\" ").map_or("", |(_, after)| after);
    statuses.contains(&after.split(' ').next().unwrap_or(""))
}
