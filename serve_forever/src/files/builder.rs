//! How a file handler is set up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::http::PreparedFields;

use super::entity_tag::EntityTags;
use super::error::BuildError;
use super::handler::SimpleHttpRequestHandler;
use super::hosts::AllowedHosts;
use super::options::Options;
use super::site::Site;

/// Builder of a [`SimpleHttpRequestHandler`]; see [`SimpleHttpRequestHandler::builder`].
///
/// ```
/// use serve_forever::{testing, SimpleHttpRequestHandler};
///
/// let handler = SimpleHttpRequestHandler::builder().directory("src").build()?;
/// let answer = testing::respond(handler, b"GET /lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it makes a handler only when `build` is called"]
pub struct SimpleHttpRequestHandlerBuilder {
    directory: Option<PathBuf>,
    options: Options,
    /// The first setting that cannot be sent as a header field.
    error: Option<String>,
}

impl SimpleHttpRequestHandlerBuilder {
    /// Sets the directory to serve. Default: the current directory. If this is a single file, the
    /// handler serves only this file, both at `/` and by its name.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src/lib.rs").build()?;
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the names of the pages that stand for their directory, in the order in which they are
    /// tried. Default: `index.html` and `index.htm`.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").index_pages(["lib.rs"]).build()?;
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("forbid(unsafe_code)"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn index_pages(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.index_pages = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether files and directories whose names begin with a dot are served and listed. By
    /// default they are not, because people and programs keep private data there. `.well-known`
    /// (RFC 8615) is always served. A link whose own name has no dot is followed even if its
    /// target's name has one. An alternative name that a file system has for a hidden file, such as
    /// `GIT~1` for `.git`, is not served either.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let builder = SimpleHttpRequestHandler::builder().directory("..");
    /// let get = b"GET /.gitignore HTTP/1.1\r\nHost: a\r\n\r\n";
    /// assert!(testing::respond(builder.clone().build()?, get).starts_with(b"HTTP/1.1 404 "));
    /// # if std::path::Path::new("../.gitignore").exists() {
    /// assert!(testing::respond(builder.hidden(true).build()?, get).starts_with(b"HTTP/1.1 200 "));
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.options.hidden = hidden;
        self
    }

    /// Sets whether symbolic links are followed wherever they lead. By default, only links to
    /// something inside the directory are followed.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").follow_symlinks(true).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn follow_symlinks(mut self, follow: bool) -> Self {
        self.options.follow_symlinks = follow;
        self
    }

    /// Sets whether a directory without an index page is answered with a listing of its contents
    /// (the default) or with 404.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").listing(false).build()?;
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 404 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn listing(mut self, listing: bool) -> Self {
        self.options.listing = listing;
        self
    }

    /// Sets the content type of files with this extension, like Python's `extensions_map`. The
    /// extension of a file is looked up as it is written, then in lower case. Text types get
    /// `charset=utf-8` if the file is UTF-8.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").content_type("rs", "text/x-rust").build()?;
    /// let answer = testing::respond(handler, b"GET /lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nContent-Type: text/x-rust; charset=utf-8\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn content_type(mut self, extension: &str, media_type: impl Into<String>) -> Self {
        let media_type = self.checked("Content-Type", media_type.into());
        self.options.types.set(extension, media_type);
        self
    }

    /// Sets the content type of files whose type is unknown. Default: `application/octet-stream`.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let handler = SimpleHttpRequestHandler::builder().default_content_type("text/plain").build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn default_content_type(mut self, media_type: impl Into<String>) -> Self {
        let media_type = self.checked("Content-Type", media_type.into());
        self.options.types.set_default(media_type);
        self
    }

    /// Sets the value of `Cache-Control` (RFC 9111 §5.2). Default: `no-cache`, with which clients
    /// ask each time whether their copy is still good, and get 304 if it is. If the value is empty,
    /// the field is not sent.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").cache_control("max-age=60").build()?;
    /// let answer = testing::respond(handler, b"GET /lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nCache-Control: max-age=60\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.options.cache_control = self.checked("Cache-Control", value.into());
        self
    }

    /// Adds a field to every response of the handler: files and listings, 206, 304, redirects,
    /// errors and the answer to `OPTIONS`. It replaces our field of the same name. Fields that
    /// determine where a message ends cannot be set. The answer to `OPTIONS *` and the answers to
    /// requests that are refused before the handler sees them (malformed requests) do not get the
    /// field. There are these exceptions:
    ///
    /// - A field that describes a file, such as `Content-Language`, is only sent with the content
    ///   of a file. A 304 has no such field (RFC 9110 §15.4.5), except `Content-Disposition`,
    ///   `Content-Location` and `ETag`.
    /// - Errors, redirects and the answer to `OPTIONS` never have your `Age`, `Allow`, `Date`,
    ///   `Expires` and `Location`. They have your `Cache-Control` only if it contains `no-store` or
    ///   `no-cache`, because the time for which a file may be kept does not apply to them. The same
    ///   is true of fields whose names end in `Cache-Control`, such as `CDN-Cache-Control`.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder()
    ///     .directory("src")
    ///     .extra_response_header("Access-Control-Allow-Origin", "*")
    ///     .build()?;
    /// let answer = testing::respond(handler.clone(), b"GET /lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nAccess-Control-Allow-Origin: *\r\n"));
    /// let answer = testing::respond(handler, b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nAccess-Control-Allow-Origin: *\r\n"));
    ///
    /// let wrong = SimpleHttpRequestHandler::builder().extra_response_header("X", "a\r\nb").build();
    /// assert_eq!(wrong.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn extra_response_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            self.fail(format!("the field {name} is the server's own affair and cannot be set"));
        }
        let value = self.checked(&name, value.into()).into_bytes();
        self.options.extra_response_headers.push((name, value));
        self
    }

    /// Sets how files get their entity tags.
    ///
    /// [`EntityTags::SizeAndTime`] trusts the times of files. A change that restores the old time
    /// and size keeps the tag. The tag also stays if a directory is swapped for another one whose
    /// files have the same times.
    ///
    /// ```
    /// # use serve_forever::{files::EntityTags, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().entity_tags(EntityTags::SizeAndTime).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn entity_tags(mut self, recipe: EntityTags) -> Self {
        self.options.entity_tags = recipe;
        self
    }

    /// Sets the host names by which clients may address the server, without ports. A request for
    /// another host is answered with 421 (RFC 9110 §15.5.20), whatever its method. Requests over a
    /// Unix socket are not checked, because the file system decides who may connect to it. The
    /// names are whole names; there are no wildcards. `localhost`, names below it and IP addresses
    /// are always allowed, because no name server decides where these lead. The error page and the
    /// log tell which name was refused.
    ///
    /// Without this call, any name is allowed. Then web pages can read from a server even if only
    /// this computer can reach it: a page can make its own host name lead to this computer.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").allowed_hosts(["build.example"]).build()?;
    /// let ask = |host: &str| {
    ///     let request = format!("GET /lib.rs HTTP/1.1\r\nHost: {host}\r\n\r\n");
    ///     String::from_utf8_lossy(&testing::respond(handler.clone(), request.as_bytes()))[9..12].to_owned()
    /// };
    /// assert_eq!([ask("localhost:8000"), ask("build.example"), ask("evil.example")], ["200", "200", "421"]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn allowed_hosts(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.allowed_hosts = Some(AllowedHosts::new(names));
        self
    }

    /// Sets the version that responses name: `HTTP/1.1`, or `HTTP/1.0` for a server that closes the
    /// connection after each response, as Python's does.
    ///
    /// ```
    /// # use serve_forever::{testing, SimpleHttpRequestHandler};
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").protocol_version("HTTP/1.0").build()?;
    /// let answer = testing::respond(handler, b"GET /lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.0 200 OK\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn protocol_version(mut self, version: impl Into<String>) -> Self {
        let version = version.into();
        if !matches!(version.as_str(), "HTTP/1.0" | "HTTP/1.1") {
            self.fail(format!("the protocol version {version:?} is neither HTTP/1.0 nor HTTP/1.1"));
        }
        self.options.protocol_version = version.into();
        self
    }

    /// Sets the memory limit of the cache of files, in bytes. Default: 8 MiB. The cache holds the
    /// content of files up to 64 KiB. For files from 64 KiB to 1 MiB, it holds an open descriptor,
    /// which counts as 32 KiB. The server closes this descriptor 5 to 8 seconds after the last
    /// request, and uses at most 1/16 of its descriptors for the cache.
    ///
    /// For each request, the server asks the system whether the file has changed. The system does
    /// not report writes through a memory mapping. They can appear up to a second late, when the
    /// content is read again.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let handler = SimpleHttpRequestHandler::builder().cache_size(256 * 1024 * 1024).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cache_size(mut self, bytes: u64) -> Self {
        self.options.cache_size = bytes;
        self
    }

    /// Sets the memory limit of the names that listings still have to show, in bytes. Default: 64
    /// MiB, which is enough for 600 000 names.
    ///
    /// A listing is sent as fast as its client reads. Until it is sent, it needs some 100 bytes per
    /// name. Clients whose directories have the same names share this memory. Above the limit, the
    /// names that were used least recently are dropped. When the client of such a listing reads on,
    /// the directory is read again, and the listing continues after the last name that was sent.
    /// The names that were used last are never dropped, however many they are.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let handler = SimpleHttpRequestHandler::builder().listing_memory(16 * 1024 * 1024).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn listing_memory(mut self, bytes: u64) -> Self {
        self.options.listing_memory = bytes;
        self
    }

    /// Builds the handler. Resolves the path of the directory against the present current
    /// directory. If the path is a link that later points elsewhere, or if the directory is created
    /// again, the handler serves the new directory.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let error = SimpleHttpRequestHandler::builder().directory("no such directory").build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the directory does not exist or cannot be reached, or if a setting cannot be sent
    /// as a header field.
    pub fn build(self) -> Result<SimpleHttpRequestHandler, BuildError> {
        if let Some(error) = self.error {
            return Err(BuildError::setting(error));
        }
        let directory = self.directory.as_deref().unwrap_or(Path::new("."));
        let site = Site::new(directory, self.options).map_err(BuildError::directory)?;
        Ok(SimpleHttpRequestHandler::of(Arc::new(site)))
    }

    /// Returns the value. If it cannot be sent under that name, also remembers the error.
    fn checked(&mut self, name: &str, value: String) -> String {
        if let Err(error) = PreparedFields::new([(name, value.as_bytes())]) {
            self.fail(error);
        }
        value
    }

    fn fail(&mut self, error: String) {
        self.error.get_or_insert(error);
    }
}

/// The fields that say where a message ends, which part of a file it holds, or what becomes of the
/// connection.
const FRAMING: [&str; 7] = [
    "Connection",
    "Content-Length",
    "Content-Range",
    "Keep-Alive",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];
