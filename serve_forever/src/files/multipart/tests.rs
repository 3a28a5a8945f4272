//! Makes multipart contents and parses them again.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;
use crate::sys;

/// A file that has changed once the flag is set.
struct Watched(Arc<File>, Arc<AtomicU32>);

impl Bytes for Watched {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.1.load(Ordering::Relaxed) {
            0 => sys::read_at(&self.0, buffer, offset),
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }
}

/// A file that is removed at the end of its test.
struct Temporary {
    path: PathBuf,
    file: Arc<File>,
}

impl Temporary {
    fn with(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("serve_forever-multipart-{}-{count}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self { file: Arc::new(File::open(&path).unwrap()), path }
    }

    fn truncate(&self, length: u64) {
        File::options().write(true).open(&self.path).unwrap().set_len(length).unwrap();
    }

    fn multipart(&self, length: u64, parts: &[Range<u64>]) -> Multipart<Watched> {
        let boundary = Boundary("b".to_owned());
        let file = Watched(Arc::clone(&self.file), Arc::default());
        Multipart::new(file, Some("text/plain"), length, parts.to_vec(), boundary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

fn pull_all(source: &mut impl Source) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut piece = Vec::new();
        let more = source.pull(&mut piece)?;
        assert!(piece.len() < PIECE as usize + 1000, "{} at once", piece.len());
        all.append(&mut piece);
        if !more {
            return Ok(all);
        }
    }
}

/// Returns the `Content-Range` and the bytes of each part. Reads as a client that only relies on
/// the boundary.
fn taken_apart(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let find =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes());
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(delimiter.as_bytes()).expect("a first boundary").to_vec();
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let part = rest.strip_prefix(b"\r\n").expect("an end of the line");
        let end = find(part, &delimiter).expect("another boundary");
        let head = find(part, "\r\n\r\n").expect("an empty line");
        let fields = String::from_utf8(part[..head].to_vec()).unwrap();
        let range = fields.split("\r\n").find_map(|line| line.strip_prefix("Content-Range: ")).unwrap();
        parts.push((range.to_owned(), part[head + 4..end].to_vec()));
        rest = part[end + delimiter.len()..].to_vec();
    }
    parts
}

#[test]
fn a_body_is_written_as_the_rfc_has_it() {
    let file = Temporary::with(b"0123456789");
    let mut multipart = file.multipart(10, &[0..2, 9..10]);
    assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=b");
    let expected = "\r\n--b\r\n\
        Content-Type: text/plain\r\n\
        Content-Range: bytes 0-1/10\r\n\
        \r\n\
        01\r\n\
        --b\r\n\
        Content-Type: text/plain\r\n\
        Content-Range: bytes 9-9/10\r\n\
        \r\n\
        9\r\n\
        --b--\r\n";
    assert_eq!(multipart.len(), expected.len() as u64);
    assert_eq!(String::from_utf8(pull_all(&mut multipart).unwrap()).unwrap(), expected);
}

#[test]
fn a_part_of_unknown_type_has_none() {
    let file = Temporary::with(b"0123456789");
    let boundary = Boundary("b".to_owned());
    let part = std::iter::once(3..5).collect();
    let mut multipart =
        Multipart::new(Watched(Arc::clone(&file.file), Arc::default()), None, 10, part, boundary);
    let body = pull_all(&mut multipart).unwrap();
    assert_eq!(body, b"\r\n--b\r\nContent-Range: bytes 3-4/10\r\n\r\n34\r\n--b--\r\n");
    assert_eq!(multipart.len(), body.len() as u64);
}

#[test]
fn long_parts_come_in_pieces() {
    let all = bytes(3 * PIECE as usize + 5);
    let file = Temporary::with(&all);
    let mut multipart = file.multipart(all.len() as u64, &[1..2 * PIECE + 7, 2 * PIECE + 500..3 * PIECE]);
    let body = pull_all(&mut multipart).unwrap();
    assert_eq!(multipart.len(), body.len() as u64);
    let parts = taken_apart(&body, "b");
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].1, all[1..2 * PIECE as usize + 7]);
    assert_eq!(parts[1].1, all[2 * PIECE as usize + 500..3 * PIECE as usize]);
}

#[test]
fn the_length_is_known_without_reading() {
    let file = Temporary::with(b"");
    let length = u64::MAX;
    let multipart = file.multipart(length, &[0..1, length - 1_000_000..length]);
    // The framing of each part: the end of the line before, the boundary line, the type, the range,
    // and an empty line. In addition, there is the last boundary.
    let heads =
        "\r\n--b\r\n\r\n".len() * 2 + "Content-Type: text/plain\r\n".len() * 2 + "\r\n--b--\r\n".len();
    let ranges = format!(
        "Content-Range: bytes 0-0/{length}\r\nContent-Range: bytes {}-{}/{length}\r\n",
        length - 1_000_000,
        length - 1
    );
    assert_eq!(multipart.len(), 1_000_001 + heads as u64 + ranges.len() as u64);
}

#[test]
fn a_file_that_became_shorter_is_an_error() {
    let all = bytes(2 * PIECE as usize);
    let file = Temporary::with(&all);
    let mut multipart = file.multipart(all.len() as u64, &[0..10, 1000..2 * PIECE]);
    let mut out = Vec::new();
    assert!(multipart.pull(&mut out).unwrap());
    file.truncate(1010);
    assert!(multipart.pull(&mut out).unwrap());
    assert_eq!(out[out.len() - 10..], all[1000..1010]);
    assert_eq!(multipart.pull(&mut out).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn nothing_of_a_file_that_changed_is_handed_on() {
    let file = Temporary::with(&bytes(1000));
    let changes = Arc::new(AtomicU32::new(0));
    let watched = Watched(Arc::clone(&file.file), Arc::clone(&changes));
    let parts = vec![0..10, 500..510];
    let boundary = Boundary("b".to_owned());
    let mut multipart = Multipart::new(watched, None, 1000, parts, boundary);
    assert!(multipart.pull(&mut Vec::new()).unwrap());
    changes.store(1, Ordering::Relaxed);
    let mut out = Vec::new();
    assert_eq!(multipart.pull(&mut out).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn boundaries_are_legal_and_never_the_same() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let boundary = Boundary::new().to_string();
        // RFC 2046 allows 70 characters. These characters need no quotes either.
        assert_eq!(boundary.len(), 32);
        assert!(boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{boundary}");
        assert!(seen.insert(boundary));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_put_together_can_be_taken_apart(
        ranges in prop::collection::vec((0_u64..200_000, 1_u64..150_000), 1..6),
    ) {
        let all = bytes(200_000);
        let file = Temporary::with(&all);
        let parts: Vec<Range<u64>> =
            ranges.iter().map(|(start, count)| *start..(start + count).min(200_000)).collect();
        let boundary = Boundary::new();
        let text = boundary.to_string();
        let watched = Watched(Arc::clone(&file.file), Arc::default());
        let mut multipart = Multipart::new(watched, Some("a/b"), 200_000, parts.clone(), boundary);
        let body = pull_all(&mut multipart).unwrap();
        prop_assert_eq!(multipart.len(), body.len() as u64);
        let got = taken_apart(&body, &text);
        prop_assert_eq!(got.len(), parts.len());
        for (part, (range, bytes)) in parts.iter().zip(got) {
            prop_assert_eq!(range, format!("bytes {}-{}/200000", part.start, part.end - 1));
            prop_assert_eq!(&bytes, &all[part.start as usize..part.end as usize]);
        }
    }
}
