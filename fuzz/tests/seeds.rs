//! The seeds, whole and cut off at any place, break no promise.

use std::fs;
use std::path::Path;

#[track_caller]
fn with_seeds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("there are seeds") {
        let bytes = fs::read(entry.expect("the folder can be read").path()).expect("a seed is a file");
        for length in 0..=bytes.len() {
            check(&bytes[..length]);
        }
        count += 1;
    }
    assert!(count > 0, "there is no seed for {target}");
}

#[test]
fn heads() {
    with_seeds("head", serve_forever::fuzzing::head);
}

#[test]
fn bodies() {
    with_seeds("body", serve_forever::fuzzing::body);
}

#[test]
fn connections() {
    with_seeds("connection", serve_forever::fuzzing::connection);
}

#[test]
fn forms_in_parts() {
    with_seeds("multipart", serve_forever::fuzzing::multipart);
}

#[test]
fn urlencoded_forms() {
    with_seeds("form", serve_forever::fuzzing::form);
}

#[test]
fn ranges() {
    with_seeds("range", serve_forever::fuzzing::range);
}

#[test]
fn paths_and_queries() {
    with_seeds("query", serve_forever::fuzzing::query);
}

#[test]
fn heads_as_httparse_reads_them() {
    with_seeds("head_vs_httparse", serve_forever::fuzzing::head_vs_httparse);
}

#[test]
fn proxy_headers() {
    with_seeds("proxy_header", serve_forever::fuzzing::proxy_header);
}
