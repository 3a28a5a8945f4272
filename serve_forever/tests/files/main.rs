//! The handler for files.

#[path = "../support/mod.rs"]
mod support;

mod as_they_are;
mod conditions;
mod content;
mod directories;
mod faults;
mod fields;
mod fresh;
mod kinds;
mod long_listings;
mod options;
mod paths;
mod python;
mod ranges;
mod rebuild;
mod shared_look;
