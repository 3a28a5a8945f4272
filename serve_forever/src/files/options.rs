//! What a file handler can be told; `builder.rs` is where it is told.

use std::borrow::Cow;

use super::entity_tag::EntityTags;
use super::hosts::AllowedHosts;
use super::types::Types;

/// How a directory is served.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// What stands for a directory, in the order in which they are looked for.
    pub(super) index_pages: Vec<String>,
    /// Whether names that begin with a dot are served and listed.
    pub(super) hidden: bool,
    /// Whether links are followed out of the directory.
    pub(super) follow_symlinks: bool,
    /// Whether directories without an index page are listed.
    pub(super) listing: bool,
    pub(super) types: Types,
    pub(super) entity_tags: EntityTags,
    /// The value of `Cache-Control`; empty: none is sent.
    pub(super) cache_control: String,
    /// Fields that are added to what is sent, or replace it.
    pub(super) extra_response_headers: Vec<(String, Vec<u8>)>,
    /// What requests may call this server; `None`: whatever they like.
    pub(super) allowed_hosts: Option<AllowedHosts>,
    pub(super) protocol_version: Cow<'static, str>,
    /// Bytes that the cache of small files may take.
    pub(super) cache_size: u64,
    /// Bytes that the names in long listings may take.
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

/// Python's.
const INDEX_PAGES: [&str; 2] = ["index.html", "index.htm"];
/// Always fresh, and still 304 for who has it: what is served is often being worked on.
const CACHE_CONTROL: &str = "no-cache";
/// 8 MiB.
const CACHE_SIZE: u64 = 8 * 1024 * 1024;
/// 64 MiB.
const LISTING_MEMORY: u64 = 64 * 1024 * 1024;
