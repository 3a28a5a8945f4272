//! Takes the parser's production files into this crate, so that their insides can be reached although the library
//! keeps them to itself.

use std::path::Path;
use std::{env, fs, io};

const FILES: [&str; 6] =
    ["body.rs", "escape.rs", "fields.rs", "head.rs", "head/content.rs", "head/target.rs"];

fn main() -> io::Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve_forever/src/http");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let to = Path::new(&out).join("http");
    fs::create_dir_all(to.join("head"))?;
    let mut modules = String::new();
    for file in FILES {
        println!("cargo::rerun-if-changed={}", from.join(file).display());
        fs::copy(from.join(file), to.join(file))?;
        if let Some(name) = file.strip_suffix(".rs").filter(|name| !name.contains('/')) {
            modules += &format!("pub(crate) mod {name};\n");
        }
    }
    fs::write(to.join("mod.rs"), modules)?;
    let path = to.join("mod.rs");
    fs::write(
        Path::new(&out).join("http.rs"),
        format!("#[allow(dead_code, unreachable_pub)]\n#[path = {path:?}]\nmod http;\n"),
    )
}
