//! One part of a form, as a handler reads it.

use std::fmt;
use std::io::{self, BufRead, Read};

use crate::Result;

use super::part_head::PartHead;
use super::reader::malformed;
use crate::http::message::fields::Headers;
use crate::http::message::status_error::StatusError;

/// One part of a [`Multipart`](crate::forms::Multipart) form: a field with its text, or a file.
///
/// Reading a part yields its content and ends where the part ends. A part need not be read. If the
/// body turns out to be malformed, reading fails with [`InvalidData`](io::ErrorKind::InvalidData)
/// that contains a [`StatusError`] of 400. A handler that passes this error on with `?` answers
/// with that status.
///
/// ```
/// use std::fs::File;
/// use std::io;
/// use serve_forever::{Exchange, Result};
///
/// fn save(http: &mut Exchange) -> Result {
///     let mut form = http.multipart()?;
///     while let Some(mut part) = form.next_part()? {
///         if part.name() == "photo" && part.file_name().is_some() {
///             io::copy(&mut part, &mut File::create("photo.jpg")?)?;
///         }
///     }
///     http.send_response(204).end_headers()
/// }
/// ```
pub struct Part<'m> {
    head: PartHead,
    content: &'m mut (dyn BufRead + Send + 'm),
    /// How many bytes further texts may have.
    text_left: &'m mut u64,
}

impl<'m> Part<'m> {
    pub(super) fn new(
        head: PartHead,
        content: &'m mut (dyn BufRead + Send + 'm),
        text_left: &'m mut u64,
    ) -> Self {
        Self { head, content, text_left }
    }

    /// The name of the form field (RFC 7578 §4.2), as it was sent. Several parts may have the same
    /// name.
    ///
    /// In names, browsers write `%22` for a quote, `%0D` for a CR and `%0A` for an LF. As they do
    /// not escape `%`, the original cannot be restored, so the name is not decoded.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn names(http: &mut Exchange) -> Result<Vec<String>> {
    ///     let mut names = Vec::new();
    ///     let mut form = http.multipart()?;
    ///     while let Some(part) = form.next_part()? {
    ///         names.push(part.name().to_owned());
    ///     }
    ///     Ok(names)
    /// }
    /// ```
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The file name that the client sent, if the part is a file. It is unchanged, so never use it
    /// as a path. It may be empty: browsers send an empty name if no file was chosen. `filename*`
    /// is ignored (RFC 7578 §4.2).
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn show(http: &mut Exchange) -> Result {
    ///     let mut form = http.multipart()?;
    ///     while let Some(part) = form.next_part()? {
    ///         println!("{:?} becomes {:?}", part.file_name(), part.safe_file_name());
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn file_name(&self) -> Option<&str> {
        self.head.file_name.as_deref()
    }

    /// The last component of [`file_name`](Self::file_name), after its last `/` or `\`, if it can
    /// only be the name of a file in a directory: not empty, not `.` or `..`, without control
    /// characters, at most 255 bytes long, and on Windows neither a device nor a stream.
    ///
    /// A file with this name may already exist, and the name may start with a dot.
    ///
    /// ```
    /// # use std::io;
    /// # use std::path::Path;
    /// # use serve_forever::{Exchange, Result, StatusError};
    /// fn save(http: &mut Exchange, folder: &Path) -> Result {
    ///     let mut form = http.multipart()?;
    ///     while let Some(mut part) = form.next_part()? {
    ///         let name = part.safe_file_name().ok_or_else(|| StatusError::new(400).explain("Which file?"))?;
    ///         let mut file = std::fs::File::create_new(folder.join(name))?;
    ///         io::copy(&mut part, &mut file)?;
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn safe_file_name(&self) -> Option<&str> {
        safe(self.file_name()?, cfg!(windows))
    }

    /// The content type that the client claims. `None` means `text/plain` (RFC 7578 §4.4). The
    /// claim is not verified.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result, StatusError};
    /// fn photo(http: &mut Exchange) -> Result {
    ///     let mut form = http.multipart()?;
    ///     while let Some(part) = form.next_part()? {
    ///         if part.content_type() != Some("image/jpeg") {
    ///             return Err(StatusError::new(415).into());
    ///         }
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn content_type(&self) -> Option<&str> {
        self.headers().get("Content-Type")
    }

    /// All header fields of the part.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn ids(http: &mut Exchange) -> Result {
    ///     let mut form = http.multipart()?;
    ///     while let Some(part) = form.next_part()? {
    ///         println!("{:?}", part.headers().get("Content-ID"));
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn headers(&self) -> Headers<'_> {
        self.head.headers()
    }

    /// Reads the content, or what is left of it, as text.
    ///
    /// # Errors
    ///
    /// Fails with a [`StatusError`]: of 413 if the texts of the body are longer than
    /// [`max_text_size`](crate::forms::Multipart::max_text_size), of 400 if this text is not UTF-8.
    /// Also fails with every error of reading.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn title(http: &mut Exchange) -> Result<Option<String>> {
    ///     let mut form = http.multipart()?;
    ///     while let Some(mut part) = form.next_part()? {
    ///         if part.name() == "title" {
    ///             return Ok(Some(part.text()?));
    ///         }
    ///     }
    ///     Ok(None)
    /// }
    /// ```
    pub fn text(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        // One byte more than allowed shows that the text is too long.
        let most = self.text_left.saturating_add(1);
        let count = (&mut *self.content).take(most).read_to_end(&mut bytes).map_err(super::unwrapped)? as u64;
        *self.text_left = self
            .text_left
            .checked_sub(count)
            .ok_or_else(|| StatusError::new(413).explain("The text fields of the form are too long"))?;
        Ok(String::from_utf8(bytes).map_err(|_| malformed("A text field of the form is not UTF-8"))?)
    }
}

impl BufRead for Part<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.content.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.content.consume(amount);
    }
}

impl Read for Part<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.content.read(out)
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.head.name)
            .field("file_name", &self.head.file_name)
            .finish_non_exhaustive()
    }
}

/// The maximum length of a file name in bytes on most systems.
const FILE_NAME_LIMIT: usize = 255;

/// Returns the last component, if it can name a file.
pub(super) fn safe(file_name: &str, windows: bool) -> Option<&str> {
    let name = file_name.rsplit(['/', '\\']).next()?;
    let is_bad = matches!(name, "" | "." | "..")
        || name.len() > FILE_NAME_LIMIT
        || name.contains(char::is_control)
        || windows && is_special_on_windows(name);
    (!is_bad).then_some(name)
}

/// Whether Windows would not take `name` for the name of an ordinary file: it has characters with a
/// special meaning, an end that Windows drops, or the name of a device. A device name with an
/// extension still means the device.
fn is_special_on_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_port = |digit: &str| {
        matches!(digit, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    };
    name.contains(['<', '>', ':', '"', '|', '?', '*'])
        || name.ends_with(['.', ' '])
        || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || ["COM", "LPT"].iter().any(|device| stem.strip_prefix(device).is_some_and(is_port))
}
