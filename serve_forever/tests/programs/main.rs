//! The examples as programs, and the documents that speak of the code.

#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod documents;
mod examples;
mod forms;
mod json;
mod layers;
mod manual;
mod migration;
mod small;
mod streams;
