//! The conformance table names tests that exist, and all of those that it should name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LEVELS: [&str; 3] = ["must", "should", "choice"];

/// One line of the table.
struct Rule {
    number: u32,
    level: String,
    tests: Vec<String>,
}

fn rules() -> Vec<Rule> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let document = fs::read_to_string(path).expect("the document");
    let rule = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells[0].parse().ok()?;
        // Between back quotes: every second part.
        let tests = cells[4].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some(Rule { number, level: cells[3].to_owned(), tests })
    };
    document.lines().filter(|line| line.starts_with('|')).filter_map(rule).collect()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The names of all functions in a folder of the crate that are marked as tests.
fn tests_in(folder: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for path in sources(folder) {
        let text = fs::read_to_string(path).expect("a source");
        let mut marked = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") {
                marked = true;
            } else if let Some(rest) = line.strip_prefix("fn ") {
                if marked {
                    let end =
                        rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
                    tests.insert(rest[..end].to_owned());
                }
                marked = false;
            }
        }
    }
    tests
}

#[test]
fn every_test_that_the_table_names_exists() {
    let known: BTreeSet<String> = tests_in("tests").into_iter().chain(tests_in("src")).collect();
    let rules = rules();
    let unknown: Vec<&String> =
        rules.iter().flat_map(|rule| &rule.tests).filter(|test| !known.contains(*test)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_wire_test_of_a_rule_is_named_in_its_line() {
    let rules = rules();
    let lost: Vec<String> = tests_in("tests")
        .into_iter()
        .filter(|test| test.starts_with("rule_"))
        .filter(|test| {
            let number: Option<u32> = test.split('_').nth(1).and_then(|number| number.parse().ok());
            !rules.iter().any(|rule| Some(rule.number) == number && rule.tests.contains(test))
        })
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn every_rule_has_a_level_and_a_test_and_stands_in_its_place() {
    let rules = rules();
    assert!(rules.len() > 90, "only {} rules", rules.len());
    assert!(rules.is_sorted_by(|one, next| one.number < next.number), "the numbers do not ascend");
    for rule in &rules {
        assert!(LEVELS.contains(&rule.level.as_str()), "{}: {}", rule.number, rule.level);
        assert!(!rule.tests.is_empty(), "{} has no test", rule.number);
    }
}
