//! The content type of a file by its name.
//!
//! The table is the same on every machine. `/etc/mime.types` and the registry of Windows do not
//! affect it: the registry is known to give scripts the type of plain text, so that browsers refuse
//! them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::charset::is_utf8_so_far;

/// The content types of files: those that the user has set, and the table for all others.
#[derive(Clone, Debug)]
pub(super) struct Types {
    /// The types that the user has set, by extension without the dot. The key for names without an
    /// extension is the empty string.
    of_user: HashMap<String, String>,
    of_unknown: Cow<'static, str>,
}

impl Types {
    /// Sets the type of files whose names end in this extension, which may be given with or without
    /// its dot. An extension in lower case also applies to spellings with upper case that have no
    /// type of their own. An empty extension stands for names without one.
    pub(super) fn set(&mut self, extension: &str, media_type: impl Into<String>) {
        let extension = extension.strip_prefix('.').unwrap_or(extension);
        self.of_user.insert(extension.to_owned(), media_type.into());
    }

    /// Sets the type of files whose names tell no type.
    pub(super) fn set_default(&mut self, media_type: impl Into<String>) {
        self.of_unknown = Cow::Owned(media_type.into());
    }

    /// Returns the type of a file with this name whose content begins with `first`. It has no
    /// charset unless the user has set one. The content only matters for extensions that stand for
    /// two kinds of files.
    pub(super) fn media_type(&self, file: &Path, first: &[u8]) -> &str {
        let Some(extension) = file.extension().unwrap_or_default().to_str() else { return &self.of_unknown };
        let lower_case = lower_case(extension);
        let of_user = || {
            let exact = self.of_user.get(extension);
            exact.or_else(|| self.of_user.get(lower_case.as_ref())).map(String::as_str)
        };
        of_user()
            .or_else(|| from_content(&lower_case, first))
            .or_else(|| from_table(&lower_case))
            .unwrap_or(&self.of_unknown)
    }
}

impl Default for Types {
    fn default() -> Self {
        Self { of_user: HashMap::new(), of_unknown: UNKNOWN.into() }
    }
}

/// The type of files whose type is unknown.
const UNKNOWN: &str = "application/octet-stream";

fn lower_case(extension: &str) -> Cow<'_, str> {
    if extension.bytes().any(|byte| byte.is_ascii_uppercase()) {
        extension.to_ascii_lowercase().into()
    } else {
        extension.into()
    }
}

/// Returns the type if the content shows that the file is the rarer of two kinds that share an
/// extension. `extension` is in lower case.
fn from_content(extension: &str, first: &[u8]) -> Option<&'static str> {
    match extension {
        // HLS puts MPEG transport streams into `.ts` files. Cameras write them as `.mts` files,
        // with four bytes of time before each packet. Most files with either extension are
        // TypeScript.
        "ts" if is_transport_stream(first, 0, 188) => Some("video/mp2t"),
        "mts" if is_transport_stream(first, 0, 188) || is_transport_stream(first, 4, 192) => {
            Some("video/mp2t")
        }
        "plist" if first.starts_with(b"bplist") => Some("application/x-bplist"),
        _ => None,
    }
}

/// Whether these bytes are packets of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3). The first
/// packet begins at `start`, and the second, if it is there, `length` bytes later. Text may happen
/// to have the same letter at both places, so bytes that are valid text are not taken for a stream.
fn is_transport_stream(first: &[u8], start: usize, length: usize) -> bool {
    const SYNC: u8 = 0x47;
    first.get(start) == Some(&SYNC)
        && first.get(start + length).is_none_or(|byte| *byte == SYNC)
        && !is_utf8_so_far(first, false)
}

/// Returns the type in the table. `extension` is in lower case.
fn from_table(extension: &str) -> Option<&'static str> {
    corrected(extension).or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// Returns the types that take precedence over the table of `mime_guess`: types that it lacks,
/// types that have been registered since, and types without which web pages fail.
fn corrected(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "js" | "mjs" | "cjs" | "jsx" => "text/javascript",
        "css" => "text/css",
        "html" | "htm" => "text/html",
        "md" | "markdown" | "mdx" => "text/markdown",
        "json" | "map" | "har" | "topojson" => "application/json",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "json5" => "application/json5",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "cbor" => "application/cbor",
        "xsl" | "xpdl" | "wsdl" => "application/xml",
        // This is what Apple tells servers to send. With another type, devices do not install apps
        // from a manifest.
        "plist" => "text/xml",
        "mobileconfig" => "application/x-apple-aspen-config",
        "yaml" | "yml" => "application/yaml",

        // Sources and notes are to be read in the browser, not saved. `from_content` recognizes
        // videos with such names by their content.
        "adoc" | "ass" | "bash" | "bat" | "clj" | "cmake" | "cts" | "dart" | "diff" | "erl" | "ex"
        | "exs" | "fish" | "fs" | "glsl" | "go" | "gql" | "gradle" | "graphql" | "groovy" | "hs" | "ini"
        | "java" | "jl" | "jsonc" | "kt" | "ksh" | "ml" | "mts" | "nim" | "nix" | "org" | "patch" | "pl"
        | "properties" | "proto" | "ps1" | "py" | "r" | "rb" | "rs" | "scala" | "sh" | "sql" | "srt"
        | "svelte" | "swift" | "tf" | "toml" | "ts" | "tsx" | "vue" | "wat" | "wgsl" | "zig" | "zsh" => {
            "text/plain"
        }
        "rst" => "text/x-rst",

        // `.svgz` is an image only if `Content-Encoding: gzip` is sent. We do not send that, so the
        // correct type is gzip.
        "gz" | "tgz" | "taz" | "svgz" | "crate" => "application/gzip",
        "bz2" | "tbz" | "tbz2" => "application/x-bzip2",
        "xz" | "txz" => "application/x-xz",
        "zst" | "tzst" => "application/zstd",
        "whl" => "application/zip",
        "rar" => "application/vnd.rar",
        "deb" => "application/vnd.debian.binary-package",
        "rpm" => "application/x-rpm",
        "h5" | "hdf5" => "application/x-hdf5",

        "arrow" => "application/vnd.apache.arrow.file",
        "parquet" => "application/vnd.apache.parquet",
        "pmtiles" => "application/vnd.pmtiles",
        "mvt" => "application/vnd.mapbox-vector-tile",
        "sqlite" | "sqlite3" => "application/vnd.sqlite3",
        "ipynb" => "application/x-ipynb+json",
        "cdf" => "application/x-netcdf",
        "xlb" => "application/vnd.ms-excel",
        "pyc" | "pyo" => "application/x-python-code",

        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "emf" => "image/emf",
        "wmf" => "image/wmf",
        "fits" => "image/fits",
        "ktx2" => "image/ktx2",
        "jxl" => "image/jxl",
        "t38" => "image/t38",
        "tfx" => "image/tiff-fx",
        "loas" => "audio/aac",
        "3gpp2" => "video/3gpp2",
        "m3u" | "m3u8" => "application/vnd.apple.mpegurl",
        "m4a" => "audio/mp4",
        "m4s" => "video/iso.segment",
        "otf" => "font/otf",
        "woff" => "font/woff",
        "stl" => "model/stl",
        "obj" => "model/obj",
        "usdz" => "model/vnd.usdz+zip",
        "a" | "bin" | "dll" | "exe" | "o" | "so" => UNKNOWN,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
