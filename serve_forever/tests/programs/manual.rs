//! The manual names everything that can be set, with the default that it has.

use std::fs;
use std::path::Path;

/// A setting, and the default that its documentation tells, if that is a number.
struct Setting {
    name: String,
    default: Option<String>,
}

#[test]
fn every_setting_is_in_the_manual_with_its_default() {
    let page = read("src/manual/limits.rs");
    let settings = settings();
    assert!(settings.len() > 25, "only {} settings were found", settings.len());
    for Setting { name, default } in settings {
        let is_named = |line: &&str| line.contains(&format!("`{name}`"));
        // In its table, if it is a limit.
        let mut rows = page.lines().filter(|line| line.starts_with("//! | "));
        let named = rows.find(is_named).or_else(|| page.lines().find(is_named));
        let line = named.unwrap_or_else(|| panic!("`{name}` is not in manual::limits"));
        if let Some(default) = default {
            assert!(
                line.contains(&default),
                "manual::limits does not say that `{name}` is {default}: {line}"
            );
        }
    }
}

/// What the builder's source says: those that its macro makes, and the others.
fn settings() -> Vec<Setting> {
    let source = read("src/server/builder.rs");
    let (mut settings, mut doc) = (Vec::new(), String::new());
    let mut in_table = false;
    for line in source.lines().map(str::trim) {
        in_table = (in_table || line == "settings! {") && line != "}";
        if let Some(text) = line.strip_prefix("///") {
            doc.push_str(text);
            continue;
        }
        let name = if in_table {
            line.split_once(": ").filter(|(_, rest)| rest.contains(" = ")).map(|(name, _)| name)
        } else {
            line.strip_prefix("pub fn ")
                .filter(|rest| rest.contains("(mut self"))
                .and_then(|rest| rest.split('(').next())
        };
        if let Some(name) = name.filter(|name| !name.starts_with('$')) {
            settings.push(Setting { name: name.to_owned(), default: default(&doc) });
        }
        if !line.starts_with("#[") {
            doc.clear();
        }
    }
    settings
}

fn default(doc: &str) -> Option<String> {
    let (_, text) = doc.split_once("Default: ")?;
    let text = text.split(['.', ',', ';']).next()?;
    // `500 after 5 s` is two.
    let text = text.split(" after ").next()?;
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.to_owned())
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
