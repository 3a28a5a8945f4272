//! The responses of a file server. Their header fields have the same order as Python's. The names
//! of the fields have their usual spelling, because some small clients compare names with regard to
//! case.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::http::message::percent;
use crate::sys::Directory;
use crate::{Exchange, Result, Source};

use super::conditions::{Verdict, evaluate, if_range_allows};
use super::entry::{Content, Entry, Reading};
use super::hosts;
use super::listing::page::Page;
use super::listing::{Listed, Listing};
use super::multipart::{Boundary, Bytes, Multipart};
use super::path::with_slash;
use super::range::{self, Wanted};
use super::site::Site;

/// The longest listing that is sent in one write together with its head: 64 KiB, as for files. A
/// longer listing is sent while it is made, and so is one that is longer than what the server holds
/// back.
const SHORT_LISTING: usize = 64 * 1024;
/// How many bytes are read at once from a file that may be being written to.
const COPIED_PIECE: u64 = 64 * 1024;
/// The smallest piece that is copied from a file in memory for a client that reads slowly.
const LEAST_PIECE: u64 = 4 * 1024;

/// Sends the file, or the parts of it that the client asks for. Sends 304 if the client has the
/// file already, and 412 if the file does not fulfil a precondition of the request.
pub(super) fn file(http: &mut Exchange, site: &Site, entry: &Arc<Entry>) -> Result {
    let lines = http.headers().lines();
    match evaluate(&lines, &entry.validators()) {
        Verdict::Proceed => {}
        Verdict::NotModified => return http.send_prepared(304, &entry.not_modified),
        Verdict::PreconditionFailed => return error(http, site, 412, None, None, &[]),
    }
    // Only GET has ranges (RFC 9110 §14.2).
    if http.headers().contains("Range")
        && !http.is_head()
        && entry.has_parts()
        && if_range_allows(lines, &entry.strong_validators())
    {
        match range::parse(http.headers().get_all("Range"), entry.len()) {
            Wanted::Whole => {}
            Wanted::Unsatisfiable => return unsatisfiable(http, site, entry),
            Wanted::Parts(parts) => return partial(http, entry, parts),
        }
    }
    http.send_prepared(200, &entry.whole)?;
    content(http, entry, 0..entry.len())
}

/// Sends 206 (RFC 9110 §15.3.7).
fn partial(http: &mut Exchange, entry: &Arc<Entry>, parts: Vec<Range<u64>>) -> Result {
    let [part] = parts.as_slice() else { return several_parts(http, entry, parts) };
    let content_range = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), entry.len());
    http.begin_prepared(206, &entry.partial)
        .send_header("Content-Type", &entry.content_type)
        .send_header("Content-Length", part.end - part.start)
        .send_header("Content-Range", content_range)
        .end_headers()?;
    content(http, entry, part.clone())
}

fn several_parts(http: &mut Exchange, entry: &Arc<Entry>, parts: Vec<Range<u64>>) -> Result {
    let (content_type, boundary) = (Some(entry.content_type.as_str()), Boundary::new());
    let multipart = Multipart::new(Reading::new(entry), content_type, entry.len(), parts, boundary);
    http.begin_prepared(206, &entry.partial)
        .send_header("Content-Type", multipart.content_type())
        .send_header("Content-Length", multipart.len())
        .end_headers()?;
    http.send_source(multipart)
}

/// Sends 416 (RFC 9110 §15.5.17).
fn unsatisfiable(http: &mut Exchange, site: &Site, entry: &Entry) -> Result {
    let content_range = format!("bytes */{}", entry.len());
    error(http, site, 416, None, None, &[("Content-Range", &content_range)])
}

/// Sends an error page with the user's fields.
#[inline(never)]
pub(super) fn error(
    http: &mut Exchange,
    site: &Site,
    code: u16,
    message: Option<&str>,
    explain: Option<&str>,
    fields: &[(&str, &str)],
) -> Result {
    http.add_prepared(&site.fields_without_content);
    http.send_error_with(code, message, explain, fields)
}

fn content(http: &mut Exchange, entry: &Arc<Entry>, range: Range<u64>) -> Result {
    if http.is_head() {
        return Ok(());
    }
    match &entry.content {
        // If the system sends a file directly from its own memory, the data can still change on the
        // way. This is likely if the file is being written to. So such a file is copied.
        Content::File(_) if !entry.is_settled() => {
            http.send_source(Copied { reading: Reading::new(entry), range })
        }
        Content::File(file) => http.send_unchanged_file(Arc::clone(file), range, entry.expected()),
        // A larger write would wait for the client.
        Content::Memory(_) if range.end - range.start > http.context.link.config.buffer_size as u64 => {
            in_pieces(http, entry, range)
        }
        Content::Memory(bytes) => Ok(http.wfile().write_all(part_of(bytes, range))?),
    }
}

#[cold]
fn in_pieces(http: &mut Exchange, entry: &Arc<Entry>, range: Range<u64>) -> Result {
    let piece = (http.context.link.config.buffer_size as u64).max(LEAST_PIECE);
    http.send_source(Pieces { entry: Arc::clone(entry), range, piece })
}

fn part_of(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(at(range.start)..at(range.end)).unwrap_or_default()
}

/// Sends 200 with the page of the listing. The page shows the directory at this moment and is not
/// meant to be kept.
pub(super) fn listing(http: &mut Exchange, site: &Site, directory: Directory, listing: Listing) -> Result {
    let short = SHORT_LISTING.min(http.context.link.config.buffer_size);
    let mut page = Page::new(listing, Listed::new(directory, site.links(), site.options.hidden));
    let mut bytes = Vec::new();
    let mut is_more = true;
    while is_more && bytes.len() <= short {
        is_more = page.pull(&mut bytes)?;
    }
    http.begin_prepared(200, &site.listing_fields);
    if !is_more {
        http.send_header("Content-Length", bytes.len());
    }
    http.end_headers()?;
    if bytes.len() <= short {
        Ok(http.wfile().write_all(&bytes)?)
    } else {
        // A write of this size would wait for the client, and a waiting response must not take much
        // memory.
        page.keep(&site.shared_names);
        http.send_source(Beginning { bytes, rest: is_more.then_some(page) })
    }
}

/// Sends 301 to the same path with a slash at the end. Without the slash, the relative links of the
/// page would lead to the wrong place.
pub(super) fn redirect_with_slash(http: &mut Exchange, site: &Site) -> Result {
    http.add_prepared(&site.fields_without_content);
    let here = [http.mount_path(), http.url_path()].concat();
    let location = with_slash(&here, http.query());
    http.send_response(301).send_header("Location", location);
    // Without `Cache-Control`, caches may keep a 301 for ever, and tomorrow there may be a file of
    // that name.
    if !http.response.has_persistent("Cache-Control") {
        http.send_header("Cache-Control", "no-cache");
    }
    http.send_header("Content-Length", 0).end_headers()
}

/// Sends 400 for a path that is not part of a valid URI.
pub(super) fn malformed_path(http: &mut Exchange, site: &Site) -> Result {
    error(http, site, 400, None, Some(percent::MALFORMED), &[])
}

/// Sends 404, whatever the reason. It does not tell whether there is something that may not be
/// read.
pub(super) fn not_found(http: &mut Exchange, site: &Site) -> Result {
    error(http, site, 404, Some("File not found"), None, &[])
}

/// Sends 500 for a file whose size the system does not tell, if it is longer than what the server
/// reads into memory to find out the size.
#[cold]
pub(super) fn too_long(http: &mut Exchange, site: &Site) -> Result {
    let explain = "The size of the file is unknown and exceeds 1 MiB";
    error(http, site, 500, None, Some(explain), &[])
}

/// Sends 421 for a request to a host name that is not one of this server's.
pub(super) fn misdirected(http: &mut Exchange, site: &Site) -> Result {
    let name: String = hosts::name_of(http.host().unwrap_or_default()).chars().take(SHOWN_NAME).collect();
    let shown = if name.is_empty() { "NAME" } else { &name };
    let accept =
        format!("To accept it, start serve-forever with --allow-host {shown} (in Rust: allowed_hosts)");
    http.log_error(format_args!("the host {name:?} is not allowed. {accept}"));
    let explain = format!("This server is not known by the name '{name}'. {accept}");
    error(http, site, 421, None, Some(&explain), &[])
}

/// A part of an open file that may be written to meanwhile. The file is checked for changes after
/// each piece that is read.
struct Copied {
    reading: Reading,
    range: Range<u64>,
}

impl Source for Copied {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let left = self.range.end.saturating_sub(self.range.start);
        let filled = out.len();
        out.resize(filled + left.min(COPIED_PIECE) as usize, 0);
        let count = self.reading.read_at(out.get_mut(filled..).unwrap_or_default(), self.range.start)?;
        if count == 0 && left > 0 {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            ));
        }
        out.truncate(filled + count);
        self.range.start += count as u64;
        Ok(self.range.start < self.range.end)
    }
}

/// A part of a file in memory. Only as much is copied as the client takes.
struct Pieces {
    entry: Arc<Entry>,
    range: Range<u64>,
    piece: u64,
}

impl Source for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Content::Memory(bytes) = &self.entry.content {
            let next = self.range.end.min(self.range.start.saturating_add(self.piece));
            out.extend_from_slice(part_of(bytes, self.range.start..next));
            self.range.start = next;
        }
        Ok(self.range.start < self.range.end)
    }
}

/// How many characters of a refused host name are shown: as many as a name can have (RFC 1035
/// §2.3.4).
const SHOWN_NAME: usize = 255;

/// A page whose first part has been made already. `rest` is `None` if this was the whole page.
struct Beginning<P> {
    bytes: Vec<u8>,
    rest: Option<P>,
}

impl<P: Source> Source for Beginning<P> {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if !self.bytes.is_empty() {
            out.append(&mut mem::take(&mut self.bytes));
            return Ok(self.rest.is_some());
        }
        self.rest.as_mut().map_or(Ok(false), |rest| rest.pull(out))
    }
}
