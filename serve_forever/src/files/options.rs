//! The settings of a file handler. `builder.rs` has their setters.

use std::borrow::Cow;

use super::entity_tag::EntityTags;
use super::hosts::AllowedHosts;
use super::types::Types;

/// How a directory is served.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The names of pages that stand for a directory, in the order in which they are tried.
    pub(super) index_pages: Vec<String>,
    /// Whether names that begin with a dot are served and listed.
    pub(super) hidden: bool,
    /// Whether symbolic links that lead out of the directory are followed.
    pub(super) follow_symlinks: bool,
    /// Whether directories without an index page are listed.
    pub(super) listing: bool,
    pub(super) types: Types,
    pub(super) entity_tags: EntityTags,
    /// The value of `Cache-Control`. If it is empty, the field is not sent.
    pub(super) cache_control: String,
    /// Header fields that are added to responses, or that replace ours of the same name.
    pub(super) extra_response_headers: Vec<(String, Vec<u8>)>,
    /// The host names by which clients may address this server. `None` allows any name.
    pub(super) allowed_hosts: Option<AllowedHosts>,
    pub(super) protocol_version: Cow<'static, str>,
    /// The memory limit of the cache of small files, in bytes.
    pub(super) cache_size: u64,
    /// The memory limit of the names in long listings, in bytes.
    pub(super) listing_memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            index_pages: INDEX_PAGES.map(String::from).to_vec(),
            hidden: false,
            follow_symlinks: false,
            listing: true,
            types: Types::default(),
            entity_tags: EntityTags::default(),
            cache_control: CACHE_CONTROL.into(),
            extra_response_headers: Vec::new(),
            allowed_hosts: None,
            protocol_version: Cow::Borrowed("HTTP/1.1"),
            cache_size: CACHE_SIZE,
            listing_memory: LISTING_MEMORY,
        }
    }
}

/// The same pages as in Python.
const INDEX_PAGES: [&str; 2] = ["index.html", "index.htm"];
/// Clients always get the present state, and 304 if they have it already: the files that are served
/// are often being worked on.
const CACHE_CONTROL: &str = "no-cache";
/// 8 MiB.
const CACHE_SIZE: u64 = 8 * 1024 * 1024;
/// 64 MiB.
const LISTING_MEMORY: u64 = 64 * 1024 * 1024;
