//! The handler that serves a directory.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::{BaseHttpRequestHandler, Exchange, Result};

use super::listing::Listing;
use super::path::RequestPath;
use super::reply;
use super::site::{Found, Site, find_index};

/// Serves the files of a directory and what is below it: Python's `SimpleHTTPRequestHandler`.
///
/// A directory is answered with its `index.html` or `index.htm`, else with a listing. Requests are `GET`, `HEAD`
/// and `OPTIONS`.
///
/// The path of a request cannot lead out of the directory, however it is written. Symbolic links are followed
/// wherever they lead, as in Python, and files whose names begin with a dot are served and listed like others: do
/// not serve a directory in which something must stay private.
///
/// It never waits for a client, so any number of slow downloads leave all threads to other handlers.
///
/// ```no_run
/// use serve_forever::{HttpServer, SimpleHttpRequestHandler};
///
/// HttpServer::bind(("localhost", 8000), SimpleHttpRequestHandler::new)?.serve_forever()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimpleHttpRequestHandler {
    /// `None` is the current directory, which the server looks up once for all of its handlers.
    site: Option<Arc<Site>>,
}

impl SimpleHttpRequestHandler {
    /// Serves the directory that is the current one when the server answers its first request.
    ///
    /// ```
    /// use serve_forever::{HttpServer, SimpleHttpRequestHandler};
    ///
    /// let server = HttpServer::bind(("localhost", 0), SimpleHttpRequestHandler::new)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// For other directories.
    ///
    /// ```
    /// use serve_forever::{HttpServer, SimpleHttpRequestHandler};
    ///
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").build()?;
    /// let server = HttpServer::bind(("localhost", 0), handler)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> SimpleHttpRequestHandlerBuilder {
        SimpleHttpRequestHandlerBuilder::default()
    }

    fn site(&self, http: &Exchange) -> io::Result<Arc<Site>> {
        match &self.site {
            Some(site) => Ok(Arc::clone(site)),
            None => http.server().state::<CurrentDirectory>().site(),
        }
    }
}

/// `GET` and what follows from it; the other standard methods are answered 405 (RFC 9110 §15.5.6).
impl BaseHttpRequestHandler for SimpleHttpRequestHandler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        let Some(path) = RequestPath::parse(http.url_path()) else { return reply::not_found(http) };
        match self.site(http)?.find(&path) {
            Ok(Found::File(_)) if path.names_directory() => reply::not_found(http),
            Ok(Found::File(file)) => reply::file(http, file),
            Ok(Found::Directory(_)) if !path.names_directory() => reply::redirect_with_slash(http),
            Ok(Found::Directory(directory)) => directory_contents(http, &path, &directory),
            Ok(Found::Unreadable | Found::Nothing) => reply::not_found(http),
            Err(error) => out_of_order(http, &error),
        }
    }

    fn allowed_methods(&self) -> Option<Cow<'static, str>> {
        Some("GET, HEAD, OPTIONS".into())
    }

    fn may_block(&self) -> bool {
        false
    }
}

/// Makes a [`SimpleHttpRequestHandler`]; see [`SimpleHttpRequestHandler::builder`].
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
}

impl SimpleHttpRequestHandlerBuilder {
    /// The directory to serve. By default it is the current one.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let handler = SimpleHttpRequestHandler::builder().directory("src").build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The handler. It serves the directory that its name stands for now, also when the process changes its current
    /// directory later.
    ///
    /// ```
    /// # use serve_forever::SimpleHttpRequestHandler;
    /// let error = SimpleHttpRequestHandler::builder().directory("no such directory").build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such directory, or it cannot be reached.
    pub fn build(self) -> io::Result<SimpleHttpRequestHandler> {
        let directory = self.directory.as_deref().unwrap_or(Path::new("."));
        Ok(SimpleHttpRequestHandler { site: Some(Arc::new(Site::new(directory)?)) })
    }
}

/// The site of all handlers that `new` made for one server.
#[derive(Debug, Default)]
struct CurrentDirectory(OnceLock<Arc<Site>>);

impl CurrentDirectory {
    fn site(&self) -> io::Result<Arc<Site>> {
        if let Some(site) = self.0.get() {
            return Ok(Arc::clone(site));
        }
        // Only success is kept: the directory may be back for the next request.
        let site = Arc::new(Site::new(Path::new("."))?);
        Ok(Arc::clone(self.0.get_or_init(|| site)))
    }
}

/// The index page of the directory, or its listing.
fn directory_contents(http: &mut Exchange, path: &RequestPath, directory: &Path) -> Result {
    match find_index(directory) {
        Ok(Some(Found::File(page))) => return reply::file(http, page),
        Ok(Some(_)) => return reply::not_found(http),
        Ok(None) => {}
        Err(error) => return out_of_order(http, &error),
    }
    match Listing::read(directory, path.display()) {
        Ok(listing) => reply::listing(http, listing),
        Err(error) if crate::sys::is_out_of_descriptors(&error) => out_of_order(http, &error),
        Err(_) => http.send_error(404, Some("No permission to list directory"), None),
    }
}

/// What was asked for may well be there, but this process cannot open it now. To call that "not found" would let
/// caches and search engines forget it.
fn out_of_order(http: &mut Exchange, error: &io::Error) -> Result {
    log::debug!("a file could not be opened: {error}");
    http.send_error(503, None, None)
}
