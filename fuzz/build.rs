//! Takes the parsers' production files into this crate, so that their insides can be reached although the library
//! keeps them to itself.

use std::path::Path;
use std::{env, fs, io};

/// By folder, each of which becomes a module, and with what its own `mod.rs` says to the others.
const FOLDERS: [(&str, &[&str], &str); 4] = [
    (
        "http",
        &["body.rs", "escape.rs", "fields.rs", "head.rs", "head/content.rs", "head/target.rs", "percent.rs"],
        "",
    ),
    ("files", &["path.rs", "range.rs"], ""),
    ("server", &["proxy_header.rs"], ""),
    ("sys", &["names.rs"], "pub(crate) use names::name_from_octets;\n"),
];

fn main() -> io::Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve_forever/src");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let mut include = String::new();
    for (folder, files, uses) in FOLDERS {
        let (from, to) = (source.join(folder), Path::new(&out).join(folder));
        let mut modules = uses.to_owned();
        for file in files {
            println!("cargo::rerun-if-changed={}", from.join(file).display());
            let target = to.join(file);
            fs::create_dir_all(target.parent().expect("it is in a folder"))?;
            fs::write(target, opened(&fs::read_to_string(from.join(file))?))?;
            if let Some(name) = file.strip_suffix(".rs").filter(|name| !name.contains('/')) {
                modules.push_str("pub(crate) mod ");
                modules.push_str(name);
                modules.push_str(";\n");
            }
        }
        fs::write(to.join("mod.rs"), modules)?;
        let path = format!("{out}/{folder}/mod.rs");
        include.push_str("#[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]\n");
        include.extend([format!("#[path = {path:?}]\n"), format!("mod {folder};\n")]);
    }
    fs::write(Path::new(&out).join("production.rs"), include)
}

/// The code with what is there for its own tests, but without these, which are run where they live; and open to all of
/// this crate.
fn opened(code: &str) -> String {
    code.replace("#[cfg(test)]\nmod tests", "#[cfg(any())]\nmod tests")
        .replace("#[cfg(test)]", "")
        .replace("pub(super)", "pub(crate)")
}
