//! The folders of the library import in one direction only.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files of `src`, each of which may import from those before it.
const LIBRARY: [&str; 8] = ["sys", "transport", "server", "stream", "raw", "http", "router", "files"];

/// The same of `src/http`.
const HTTP: [&str; 8] = ["message", "log", "bodies", "exchange", "handler", "answer", "h1", "protocol"];

#[test]
fn no_folder_of_the_library_imports_from_one_above_it() {
    assert_order(Path::new("src"), "crate", &LIBRARY);
}

#[test]
fn no_folder_of_http_imports_from_one_above_it() {
    assert_order(Path::new("src/http"), "crate::http", &HTTP);
}

#[track_caller]
fn assert_order(root: &Path, path: &str, order: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut files = 0;
    let mut wrong = Vec::new();
    for (place, name) in order.iter().enumerate() {
        for file in sources(&root, name) {
            files += 1;
            let text = fs::read_to_string(&file).expect("a source");
            for import in imports(&text, path) {
                if order[place + 1..].contains(&import.as_str()) {
                    wrong.push(format!("{} imports {path}::{import}", file.display()));
                }
            }
        }
    }
    assert!(files > order.len(), "only {files} files were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The files of a module: its own, and those of its folder. Tests may reach everywhere.
fn sources(root: &Path, name: &str) -> Vec<PathBuf> {
    let own = root.join(name).with_extension("rs");
    let mut files: Vec<PathBuf> = own.is_file().then_some(own).into_iter().collect();
    let mut folders = vec![root.join(name)];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                files.push(path);
            }
        }
    }
    files
}

/// The names behind `path::` in the code of a file, without its tests and comments.
fn imports(text: &str, path: &str) -> Vec<String> {
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect();
    let mut names = Vec::new();
    for (at, start) in code.match_indices(&format!("{path}::")) {
        let rest = &code[at + start.len()..];
        // `path::name`, or `path::{name::..., name}`, where only the outermost names count.
        let end = if rest.starts_with('{') { rest.find(';').unwrap_or(rest.len()) } else { 0 };
        if end == 0 {
            names.push(first_name(rest));
        } else {
            let mut depth = 0;
            for (at, mark) in rest[..end].char_indices() {
                match mark {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 1 && matches!(mark, '{' | ',') {
                    names.push(first_name(rest[at + 1..].trim_start()));
                }
            }
        }
    }
    names
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|next| next.is_alphanumeric() || *next == '_').collect()
}

#[test]
fn imports_are_found_in_all_their_forms() {
    let text = "use crate::http::answer::serve;\nuse crate::http::{h1::{head, scratch}, log};\n\
        // crate::http::comment\nfn f() { crate::http::message::g() }\n\
        #[cfg(test)]\nmod tests { use crate::http::tested; }\n";
    assert_eq!(imports(text, "crate::http"), ["answer", "h1", "log", "message"]);
}
