//! The answers that a file server gives. Names and order of their header fields are Python's, as scripts have seen
//! them for decades.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::date::http_date;
use crate::{Exchange, Result, Source, sys};

use super::charset::content_type;
use super::conditions::{self, Outcome, Validators};
use super::listing::Listing;
use super::listing::page::{self, Page};
use super::path::with_slash;
use super::site::FoundFile;
use super::types::Types;

/// The largest file that is read into memory, so that it leaves in one write with its head: 64 KiB, as much as the
/// server holds back. For these a read and one write cost less than a write and a `sendfile`.
const SMALL_FILE: u64 = 64 * 1024;

/// A listing up to this length leaves in one write with its head: 64 KiB, as for files. A longer one is sent while it
/// is made.
const SHORT_LISTING: usize = 64 * 1024;

/// 200 with the file, or 304 to a client that has it already.
pub(super) fn file(http: &mut Exchange, found: FoundFile) -> Result {
    let FoundFile { path, file, metadata } = found;
    // Never later than `Date` (RFC 9110 §8.8.2.1), so it is taken before that and from the same clock.
    let now = UNIX_EPOCH + Duration::from_secs(sys::unix_time());
    let last_modified = metadata.modified().ok().map(|time| time.min(now));
    match conditions::evaluate(http.headers().lines(), &validators(last_modified)) {
        Outcome::Proceed => {}
        Outcome::NotModified => return http.send_response(304).end_headers(),
        Outcome::PreconditionFailed => return http.send_error(412, None, None),
    }
    let wants_content = http.command() != "HEAD";
    let small =
        if wants_content && metadata.len() <= SMALL_FILE { Some(read(&file, metadata.len())?) } else { None };
    // A file that was cut meanwhile has the length that was read.
    let length = small.as_ref().map_or(metadata.len(), |octets| octets.len() as u64);
    http.send_response(200)
        .send_header("Content-type", content_type(Types::default().media_type(&path), b"", false))
        .send_header("Content-Length", length);
    if let Some(time) = last_modified {
        http.send_header("Last-Modified", String::from_utf8_lossy(&http_date(time)));
    }
    http.end_headers()?;
    match small {
        Some(octets) => Ok(http.wfile().write_all(&octets)?),
        None if wants_content => http.send_file(file, 0..length),
        None => Ok(()),
    }
}

/// 200 with the page of the listing.
pub(super) fn listing(http: &mut Exchange, listing: Listing) -> Result {
    let mut page = Page::new(listing);
    let mut octets = Vec::new();
    let mut is_more = true;
    while is_more && octets.len() <= SHORT_LISTING {
        is_more = page.pull(&mut octets)?;
    }
    http.send_response(200).send_header("Content-type", page::CONTENT_TYPE);
    if !is_more {
        http.send_header("Content-Length", octets.len());
    }
    http.end_headers()?;
    if octets.len() <= SHORT_LISTING {
        Ok(http.wfile().write_all(&octets)?)
    } else {
        // Writing so much would wait for the client.
        http.send_source(Beginning { octets, rest: is_more.then_some(page) })
    }
}

/// 301 to the same path with a slash at the end, without which the relative links of the page would go astray.
pub(super) fn redirect_with_slash(http: &mut Exchange) -> Result {
    let location = with_slash(http.url_path(), http.query());
    http.send_response(301).send_header("Location", location).send_header("Content-Length", 0).end_headers()
}

/// 404, whatever the reason: that something is there but may not be read is nobody's business.
pub(super) fn not_found(http: &mut Exchange) -> Result {
    http.send_error(404, Some("File not found"), None)
}

/// What a file is known by: its time only, as it has no entity tag yet.
fn validators(last_modified: Option<SystemTime>) -> Validators<'static> {
    let last_modified =
        last_modified.map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    Validators { last_modified, ..Validators::default() }
}

/// The first `length` octets of the file, or all if it has become shorter.
fn read(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; usize::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?];
    let mut filled = 0;
    while let Some(rest) = octets.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match sys::read_at(file, rest, filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    octets.truncate(filled);
    Ok(octets)
}

/// A page, the first part of which was made already, and perhaps the rest as well.
struct Beginning {
    octets: Vec<u8>,
    rest: Option<Page>,
}

impl Source for Beginning {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if !self.octets.is_empty() {
            out.append(&mut mem::take(&mut self.octets));
            return Ok(self.rest.is_some());
        }
        self.rest.as_mut().map_or(Ok(false), |rest| rest.pull(out))
    }
}
