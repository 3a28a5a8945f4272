//! What the documents print is what the project has.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_readme_prints_the_three_programs_as_they_run() {
    let readme = read("../README.md");
    for name in ["files", "homepage", "upper"] {
        let example = read(&format!("examples/{name}.rs"));
        // Only the first line, which says what the example is, stands in the file alone.
        let (_, program) = example.split_once("\n\n").expect("a line of documentation, then the program");
        assert!(readme.contains(program), "examples/{name}.rs is not in the README word for word");
    }
}

#[test]
fn every_file_that_the_documents_link_to_is_there() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] {
        let text = read(&format!("../{document}"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or(link);
            if file.is_empty() || file.contains("://") {
                continue;
            }
            assert!(at(&format!("../{file}")).exists(), "{document} links to {file}, which is not there");
        }
    }
}

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
