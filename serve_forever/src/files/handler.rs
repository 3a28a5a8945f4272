//! The handler that serves a directory.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use percent_encoding::percent_decode_str;

use crate::diagnostics;
use crate::http::{Route, Routes, answer_options, not_implemented};
use crate::sealed::Sealed;
use crate::{BaseHttpRequestHandler, Exchange, Result};

use super::builder::SimpleHttpRequestHandlerBuilder;
use super::listing::Listing;
use super::options::Options;
use super::path::{PathError, RequestPath};
use super::reply;
use super::site::{Resource, Site};

/// Serves the files of a directory and its subdirectories, like Python's
/// `SimpleHTTPRequestHandler`.
///
/// A directory is answered with its `index.html` or `index.htm`, otherwise with a listing. The
/// handler answers `GET`, `HEAD` and `OPTIONS`. It supports conditional requests and ranges (RFC
/// 9110 §13, §14).
///
/// Files are served as they are on disk; no restart is needed after a build. (Writes through a
/// memory mapping can appear a second late.) Nothing outside of the directory is served: paths
/// cannot lead there, however they are written, and symbolic links are followed only to targets
/// inside the directory. Names that begin with a dot are neither served nor listed.
/// [`builder`](Self::builder) can change these and many other settings.
///
/// The handler never waits for a client. So any number of slow downloads leave all threads to other
/// handlers.
///
/// ```no_run
/// use serve_forever::{HttpServer, SimpleHttpRequestHandler};
///
/// HttpServer::bind(("localhost", 8000), SimpleHttpRequestHandler::new)?.serve_forever()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimpleHttpRequestHandler {
    /// `None` stands for the current directory. The server looks it up once for all of these
    /// handlers.
    site: Option<Arc<Site>>,
}

impl SimpleHttpRequestHandler {
    /// Creates a handler for the directory that is the current one when the server answers its
    /// first request.
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

    /// Returns a builder, for other directories and all other settings.
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

    pub(super) fn of(site: Arc<Site>) -> Self {
        Self { site: Some(site) }
    }

    /// Answers 405 to a method that is not allowed.
    fn refuse_method(&self, http: &mut Exchange) -> Result {
        self.without_content(http, |http| not_implemented(self.allowed_methods(), http))
    }

    /// Sends a response that is not a file, with the user's header fields.
    fn without_content(&self, http: &mut Exchange, answer: impl FnOnce(&mut Exchange) -> Result) -> Result {
        if let Some(site) = &self.site {
            if is_misdirected(http, site) {
                return reply::misdirected(http, site);
            }
            http.add_prepared(&site.fields_without_content);
        }
        answer(http)
    }
}

/// Returns whether the request is for a host name that is not one of this server's.
fn is_misdirected(http: &Exchange, site: &Site) -> bool {
    site.options.allowed_hosts.as_ref().is_some_and(|hosts| {
        // The file system decides who may connect to a Unix socket, and web pages cannot connect to
        // it.
        !http.context.link.transport.is_unix() && http.host().is_some_and(|host| !hosts.allow(host))
    })
}

/// Implements `GET`, `HEAD` and `OPTIONS`. The other standard methods are answered with 405 (RFC
/// 9110 §15.5.6).
impl BaseHttpRequestHandler for SimpleHttpRequestHandler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        let current;
        let site = if let Some(site) = &self.site {
            site
        } else {
            current = CurrentDirectory::of(http)?;
            &current
        };
        if is_misdirected(http, site) {
            return reply::misdirected(http, site);
        }
        match site.kept(http.url_path_bytes(), http.request.arrived, http.request.began) {
            Some(entry) => reply::file(http, site, &entry),
            None => look_up(site, http),
        }
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        self.refuse_method(http)
    }

    fn do_put(&mut self, http: &mut Exchange) -> Result {
        self.refuse_method(http)
    }

    fn do_delete(&mut self, http: &mut Exchange) -> Result {
        self.refuse_method(http)
    }

    fn do_patch(&mut self, http: &mut Exchange) -> Result {
        self.refuse_method(http)
    }

    fn do_options(&mut self, http: &mut Exchange) -> Result {
        self.without_content(http, |http| answer_options(self.allowed_methods().as_deref(), http))
    }

    fn do_connect(&mut self, http: &mut Exchange) -> Result {
        self.refuse_method(http)
    }

    fn do_trace(&mut self, http: &mut Exchange) -> Result {
        self.refuse_method(http)
    }

    fn do_other(&mut self, http: &mut Exchange) -> Result {
        self.without_content(http, |http| not_implemented(None, http))
    }

    fn allowed_methods(&self) -> Option<Cow<'static, str>> {
        Some("GET, HEAD, OPTIONS".into())
    }

    fn protocol_version(&self) -> Cow<'static, str> {
        self.site.as_ref().map_or(Cow::Borrowed("HTTP/1.1"), |site| site.options.protocol_version.clone())
    }

    fn may_block(&self) -> bool {
        false
    }

    fn routes(&self, _: Sealed) -> Routes {
        Routes::One(Route { blocks: false, only_reads: true, wants_body: false, ..Route::ANY })
    }
}

/// The site that all handlers from [`SimpleHttpRequestHandler::new`] share within one server.
#[derive(Debug, Default)]
struct CurrentDirectory(OnceLock<Arc<Site>>);

impl CurrentDirectory {
    #[inline(never)]
    fn of(http: &Exchange) -> io::Result<Arc<Site>> {
        http.server().state::<Self>().site()
    }

    fn site(&self) -> io::Result<Arc<Site>> {
        if let Some(site) = self.0.get() {
            return Ok(Arc::clone(site));
        }
        // Failures are not stored: the directory may be back for the next request.
        let site = Arc::new(Site::new(Path::new("."), Options::default())?);
        Ok(Arc::clone(self.0.get_or_init(|| site)))
    }
}

/// Looks the path up and answers the request. This is not inlined, so that the code for cached
/// files stays short.
#[inline(never)]
fn look_up(site: &Site, http: &mut Exchange) -> Result {
    let path = match RequestPath::parse(http.url_path()) {
        Ok(path) => path,
        Err(PathError::Malformed) => return reply::malformed_path(http, site),
        Err(PathError::NoName) => return reply::not_found(http, site),
    };
    let mut answered = answer(site, http, &path);
    if answered.as_ref().is_err_and(crate::sys::is_out_of_descriptors) {
        site.drop_kept_files();
        answered = answer(site, http, &path);
    }
    answered.unwrap_or_else(|error| answer_io_error(http, site, &error))
}

/// Looks the path up and answers the request. The outer error concerns this process, and nothing
/// has been sent then.
fn answer(site: &Site, http: &mut Exchange, path: &RequestPath) -> io::Result<Result> {
    let url_path = http.url_path_bytes();
    let directory = match site.find(url_path, path)? {
        Resource::File(entry) => return Ok(reply::file(http, site, &entry)),
        Resource::Directory(directory) => directory,
        Resource::Nothing => return Ok(reply::not_found(http, site)),
    };
    if !path.ends_in_slash() {
        return Ok(reply::redirect_with_slash(http, site));
    }
    match site.find_index(url_path, path, &directory)? {
        Some(Resource::File(entry)) => return Ok(reply::file(http, site, &entry)),
        Some(_) => return Ok(reply::not_found(http, site)),
        None if !site.options.listing => return Ok(reply::not_found(http, site)),
        None => {}
    }
    let mut shown = percent_decode_str(http.mount_path()).decode_utf8_lossy().into_owned();
    shown.push_str(&path.display());
    match Listing::read(&directory, shown, site.options.hidden, &site.shared_names) {
        Ok(listing) => Ok(reply::listing(http, site, directory, listing)),
        Err(error) => match error.kind() {
            ErrorKind::PermissionDenied => {
                let message = "No permission to list directory";
                Ok(reply::error(http, site, 404, Some(message), None, &[]))
            }
            // The directory was removed in the meantime.
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(reply::not_found(http, site)),
            // A listing with a part of the names would look complete.
            _ => Err(error),
        },
    }
}

/// Answers a request for a file or directory that may well exist, but that this process cannot open
/// now. A "not found" would let caches and search engines forget the file.
fn answer_io_error(http: &mut Exchange, site: &Site, error: &io::Error) -> Result {
    if error.kind() == ErrorKind::FileTooLarge {
        return reply::too_long(http, site);
    }
    if crate::sys::is_out_of_descriptors(error) {
        // This helps the next request: the server then closes connections whose clients have
        // stopped reading, as these may hold descriptors.
        http.server().counters().short_of_descriptors.store(true, Ordering::Relaxed);
    }
    diagnostics::debug!("a file or directory could not be opened or read: {error}");
    reply::error(http, site, 503, None, None, &[])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::sys::faults::{ALIAS, WHILE_READING};
    use crate::testing;

    /// Returns the answer for a directory of `count` files if reading the directory fails after
    /// `after` of them.
    fn answer_of_failing(count: usize, after: usize, error: fn() -> io::Error) -> String {
        let name = format!("serve_forever-failing-{count}-{after}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        for number in 0..count {
            fs::write(directory.join(format!("a file of some length {number}")), "").unwrap();
        }
        let handler = SimpleHttpRequestHandler::builder().directory(&directory).build().unwrap();
        WHILE_READING.set(Some((after, error)));
        let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        WHILE_READING.set(None);
        fs::remove_dir_all(&directory).unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn rule_119_a_directory_that_cannot_be_read_to_its_end_is_503() {
        // This error is not one of the named kinds.
        let of_disk: fn() -> io::Error = || io::Error::from_raw_os_error(5);
        let of_process: fn() -> io::Error =
            || io::Error::from_raw_os_error(if cfg!(unix) { 24 } else { 10024 });
        let slow: fn() -> io::Error = || ErrorKind::TimedOut.into();
        for (count, after) in [(3, 0), (3, 2), (3, 3), (500, 499)] {
            for error in [of_disk, of_process, slow] {
                let answer = answer_of_failing(count, after, error);
                assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
                assert!(!answer.contains("<li>"), "{answer}");
            }
        }
    }

    #[test]
    fn a_directory_that_may_not_be_read_or_has_gone_is_404() {
        let answer = answer_of_failing(1, 0, || ErrorKind::PermissionDenied.into());
        assert!(answer.starts_with("HTTP/1.1 404 No permission to list directory\r\n"), "{answer}");
        let answer = answer_of_failing(1, 1, || ErrorKind::NotFound.into());
        assert!(answer.starts_with("HTTP/1.1 404 File not found\r\n"), "{answer}");
    }

    /// Returns the statuses of `paths`. The root and its directory `sub` each contain a directory
    /// `name` with a file. A read of the parent directory reports its name as `listed`.
    fn statuses(name: &'static str, listed: &'static str, hidden: bool, paths: &[&str]) -> Vec<u16> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("serve_forever-alias-{}-{count}", std::process::id()));
        fs::create_dir_all(root.join("sub").join(name)).unwrap();
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("config"), "secret").unwrap();
        fs::write(root.join("sub").join(name).join("config"), "secret").unwrap();
        let handler = SimpleHttpRequestHandler::builder().directory(&root).hidden(hidden).build().unwrap();
        ALIAS.set(Some((name, listed)));
        let status = |path: &&str| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            let answer = String::from_utf8(testing::respond(handler.clone(), request.as_bytes())).unwrap();
            assert_eq!(answer.contains("secret"), answer.starts_with("HTTP/1.1 200 "), "{answer}");
            answer[9..12].parse().unwrap()
        };
        let statuses = paths.iter().map(status).collect();
        ALIAS.set(None);
        fs::remove_dir_all(&root).unwrap();
        statuses
    }

    #[test]
    fn rule_28_another_name_of_a_hidden_file_is_404() {
        for (name, coded) in [
            ("GIT~1", "GIT~1"),
            ("_GIT~IBP", "_GIT~IBP"),
            ("\u{200c}.git", "%E2%80%8C.git"),
            ("\u{ff0e}git", "%EF%BC%8Egit"),
        ] {
            let under = |start: &str, end: &str| format!("{start}{coded}{end}");
            let paths =
                [under("/", "/config"), under("/sub/", "/config"), under("/sub/", ""), under("/", "/")];
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            assert_eq!(statuses(name, ".git", false, &paths), [404; 4], "{name}");
            // If hidden files are shown, aliases need no check.
            assert_eq!(statuses(name, ".git", true, &paths[..3]), [200, 200, 301], "{name}");
            // The name may be the real name of the directory.
            assert_eq!(statuses(name, name, false, &paths[..3]), [200, 200, 301], "{name}");
        }
        // Case-insensitive file systems list the spelling with which the directory was created.
        assert_eq!(statuses("GIT~1", "git~1", false, &["/GIT~1/config"]), [200]);
        // No file system makes an alias that looks like this. Then the directory is not searched
        // for the name, because that takes time.
        assert_eq!(statuses("plain", ".git", false, &["/plain/config"]), [200]);
    }
}
