//! Takes the parser's production files into this crate, so that their insides can be reached although the library
//! keeps them to itself.

use std::path::Path;
use std::{env, fs, io};

const FILES: [&str; 6] =
    ["body.rs", "escape.rs", "fields.rs", "head.rs", "head/content.rs", "head/target.rs"];

fn main() -> io::Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve_forever/src/http");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let to = Path::new(&out).join("http");
    fs::create_dir_all(to.join("head"))?;
    let mut modules = String::new();
    for file in FILES {
        println!("cargo::rerun-if-changed={}", from.join(file).display());
        // Their own tests are run where they live.
        let code = fs::read_to_string(from.join(file))?.replace("#[cfg(test)]", "#[cfg(any())]");
        fs::write(to.join(file), code)?;
        if let Some(name) = file.strip_suffix(".rs").filter(|name| !name.contains('/')) {
            modules.push_str("pub(crate) mod ");
            modules.push_str(name);
            modules.push_str(";\n");
        }
    }
    fs::write(to.join("mod.rs"), modules)?;
    let include = format!(
        "#[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]\n#[path = {:?}]\nmod http;\n",
        format!("{out}/http/mod.rs")
    );
    fs::write(Path::new(&out).join("http.rs"), include)
}
