//! Opening and reading files.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
#[cfg(unix)]
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::{open_for_reading, read_at};

/// A directory that is removed at the end of its test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("serve_forever-open-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether it opened as a regular file.
fn is_file(file: io::Result<File>) -> bool {
    file.is_ok_and(|file| file.metadata().unwrap().is_file())
}

#[test]
fn a_file_opens_and_is_read_at_any_offset() {
    let directory = Directory::new();
    let file = open_for_reading(&directory.file("a", b"0123456789")).unwrap();
    let mut buffer = [0; 4];
    assert_eq!((read_at(&file, &mut buffer, 3).unwrap(), &buffer), (4, b"3456"));
    assert_eq!(read_at(&file, &mut buffer, 8).unwrap(), 2);
    assert_eq!(&buffer[..2], b"89");
    assert_eq!(read_at(&file, &mut buffer, 10).unwrap(), 0);
    assert_eq!(read_at(&file, &mut buffer, u64::from(u32::MAX) + 1).unwrap(), 0);
    assert_eq!(read_at(&file, &mut [], 0).unwrap(), 0);
    assert!((&file).write_all(b"x").is_err(), "it is open for reading only");
}

#[test]
fn what_is_not_there_is_not_found() {
    let directory = Directory::new();
    assert_eq!(open_for_reading(&directory.0.join("a")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_directory_is_no_file() {
    assert!(!is_file(open_for_reading(&Directory::new().0)));
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    let directory = Directory::new();
    let link = directory.0.join("link");
    std::os::unix::fs::symlink(directory.file("a", b""), &link).unwrap();
    assert!(is_file(open_for_reading(&link)));
}

#[cfg(unix)]
#[test]
fn a_pipe_a_socket_and_a_device_stop_nobody() {
    let directory = Directory::new();
    let pipe = directory.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let socket = directory.0.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [pipe, socket, "/dev/null".into(), "/dev/tty".into()] {
        assert!(!is_file(open_for_reading(&path)), "{}", path.display());
    }
}
