//! Programs that get their food over HTTP: pip, git and aria2.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::tools::{assert_content, bytes, client, output, skip, success, tool};
use crate::support::{Directory, Serving};

#[test]
fn pip_installs_from_a_listing() {
    let Some(python) = tool(&["python3"]) else { return };
    let place = Directory::new();
    let run = |arguments: &[&str]| output(client(&python, place.path()).args(arguments));
    if !run(&["-m", "pip", "--version"]).status.success() {
        return skip("pip");
    }
    let directory = Directory::new();
    wheel(&python, directory.path());
    let serving = Serving::files(directory.path());
    success(
        client(&python, place.path())
            .args(["-m", "pip", "--isolated", "--disable-pip-version-check", "--timeout=30", "--retries=0"])
            .args(["install", "--quiet", "--no-index", "--no-cache-dir", "--target=here", "--find-links"])
            .arg(serving.url("/wheels/"))
            .arg("tiny"),
    );
    assert_content(place.path().join("here/tiny/__init__.py"), b"ANSWER = 42\n");
    let requests = serving.requests();
    for request in ["GET /wheels/", "GET /wheels/tiny-1.0-py3-none-any.whl"] {
        assert!(requests.contains(&(request.into(), 200)), "{request} is not in {requests:?}");
    }
}

/// Makes the smallest wheel that can be installed, in the directory `wheels`.
fn wheel(python: &Path, directory: &Path) {
    let source = Directory::new();
    let information = "tiny-1.0.dist-info";
    fs::create_dir(source.path().join("tiny")).expect("a directory");
    fs::create_dir(source.path().join(information)).expect("a directory");
    fs::create_dir(directory.join("wheels")).expect("a directory");
    let write = |name: &str, content: &str| {
        fs::write(source.path().join(name), content).expect("a file");
    };
    write("tiny/__init__.py", "ANSWER = 42\n");
    write(
        "tiny-1.0.dist-info/WHEEL",
        "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    );
    write("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n");
    write(
        "tiny-1.0.dist-info/RECORD",
        "tiny/__init__.py,,\ntiny-1.0.dist-info/WHEEL,,\ntiny-1.0.dist-info/METADATA,,\n\
         tiny-1.0.dist-info/RECORD,,\n",
    );
    success(
        client(python, source.path())
            .args(["-m", "zipfile", "--create"])
            .arg(directory.join("wheels/tiny-1.0-py3-none-any.whl"))
            .args(["tiny", information]),
    );
}

/// git, without what the user or this machine has told it.
fn git(tool: &Path, place: &Path) -> Command {
    let mut command = client(tool, place);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") && name != "GIT_EXEC_PATH" {
            command.env_remove(name);
        }
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_TERMINAL_PROMPT", "0");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]);
    command
}

#[test]
fn git_clones_a_repository_that_is_a_mere_directory() {
    let Some(tool) = tool(&["git"]) else { return };
    let (directory, place) = (Directory::new(), Directory::new());
    let run = |at: &Path, arguments: &str| success(git(&tool, at).args(arguments.split(' ')));
    let work = directory.path().join("work");
    let bare = directory.path().join("repo.git");
    run(directory.path(), "init --quiet work");
    let content = bytes(100_000);
    for (name, message) in [("a.bin", "First"), ("b.bin", "Second")] {
        fs::write(work.join(name), &content).expect("a file");
        run(&work, &format!("add {name}"));
        run(&work, &format!("commit --quiet -m {message}"));
    }
    run(directory.path(), "clone --quiet --bare --no-hardlinks work repo.git");
    let serving = Serving::files(directory.path());
    // First the objects are files of their own, then all are in one.
    for copy in ["loose", "packed"] {
        if copy == "packed" {
            run(&bare, "repack -a -d -q");
        }
        run(&bare, "update-server-info");
        success(git(&tool, place.path()).args(["clone", "--quiet"]).arg(serving.url("/repo.git")).arg(copy));
        let copy = place.path().join(copy);
        for name in ["a.bin", "b.bin"] {
            assert_content(copy.join(name), &content);
        }
        run(&copy, "fsck --strict");
        assert_eq!(run(&copy, "rev-parse HEAD"), run(&work, "rev-parse HEAD"));
    }

    // What is hidden is not given away, also where it would be all that is needed.
    run(&work, "update-server-info");
    let stolen = output(git(&tool, place.path()).args(["clone", "--quiet"]).arg(serving.url("/work/.git")));
    assert!(!stolen.status.success());
    let requests = serving.requests();
    let given = requests.iter().find(|(request, status)| request.contains("/.git/") && *status != 404);
    assert_eq!(given, None);
    assert!(requests.iter().any(|(request, status)| request.contains("/pack/") && *status == 200));
}

#[test]
fn aria2_gets_the_parts_of_a_file_at_the_same_time() {
    let Some(tool) = tool(&["aria2c"]) else { return };
    let content = bytes((24 << 20) + 12_345);
    let directory = Directory::new().with("large.bin", &content);
    let serving = Serving::files(directory.path());
    let place = Directory::new();
    success(
        client(&tool, place.path())
            .args(["--no-conf", "--quiet", "--file-allocation=none", "--timeout=30", "--max-tries=1"])
            .args(["--max-connection-per-server=8", "--split=8", "--min-split-size=1M"])
            .arg(serving.url("/large.bin")),
    );
    assert_content(place.path().join("large.bin"), &content);
    let requests = serving.requests();
    let parts = requests.iter().filter(|(_, status)| *status == 206).count();
    assert!(parts >= 2, "{requests:?}");
}
