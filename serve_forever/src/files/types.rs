//! The content type that goes with the name of a file.
//!
//! The table is the same on every machine: neither `/etc/mime.types` nor the registry of Windows, which is known to
//! call scripts plain text so that browsers refuse them, has a say in it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::charset::is_utf8_so_far;

/// The types of files: what its user says, and the table for the rest.
#[derive(Clone, Debug)]
pub(super) struct Types {
    /// By extension, without the dot. That of a name without extension is empty.
    of_user: HashMap<String, String>,
    of_unknown: Cow<'static, str>,
}

impl Types {
    /// Files whose names end in this extension, with or without its dot, have this type. An extension in lower case
    /// stands for those in upper case too, as far as they do not have a type themselves; an empty one for names without.
    pub(super) fn set(&mut self, extension: &str, media_type: impl Into<String>) {
        let extension = extension.strip_prefix('.').unwrap_or(extension);
        self.of_user.insert(extension.to_owned(), media_type.into());
    }

    /// The type of files whose names tell none.
    pub(super) fn set_default(&mut self, media_type: impl Into<String>) {
        self.of_unknown = Cow::Owned(media_type.into());
    }

    /// The type of a file of that name which begins with `first`; without a charset, unless the
    /// user says one. Only of names that stand for two kinds of files does the content decide.
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

/// The type of what nothing is known about.
const UNKNOWN: &str = "application/octet-stream";

fn lower_case(extension: &str) -> Cow<'_, str> {
    if extension.bytes().any(|byte| byte.is_ascii_uppercase()) {
        extension.to_ascii_lowercase().into()
    } else {
        extension.into()
    }
}

/// The type of a file whose content shows that it is the rarer of two kinds that share an
/// extension. `extension` is in lower case.
fn from_content(extension: &str, first: &[u8]) -> Option<&'static str> {
    match extension {
        // HLS puts MPEG transport streams into `.ts`; cameras write them, with four bytes of time
        // before each packet, as `.mts`. Most files of both names are TypeScript.
        "ts" if is_transport_stream(first, 0, 188) => Some("video/mp2t"),
        "mts" if is_transport_stream(first, 0, 188) || is_transport_stream(first, 4, 192) => {
            Some("video/mp2t")
        }
        "plist" if first.starts_with(b"bplist") => Some("application/x-bplist"),
        _ => None,
    }
}

/// Whether these are packets of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3): the first
/// begins at `start`, and the second, if it is there, `length` bytes later. Text may begin with the
/// same letter, twice even, but no stream is text.
fn is_transport_stream(first: &[u8], start: usize, length: usize) -> bool {
    const SYNC: u8 = 0x47;
    first.get(start) == Some(&SYNC)
        && first.get(start + length).is_none_or(|byte| *byte == SYNC)
        && !is_utf8_so_far(first, false)
}

/// `extension` is in lower case.
fn from_table(extension: &str) -> Option<&'static str> {
    corrected(extension).or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// What the table of `mime_guess` lacks, what has been registered since, and what pages fail without, whatever that
/// table says.
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
        // What Apple tells servers to send; without it devices do not install from a manifest.
        "plist" => "text/xml",
        "mobileconfig" => "application/x-apple-aspen-config",
        "yaml" | "yml" => "application/yaml",

        // Sources and notes: to be read, not to be saved. What is a video despite its name shows in
        // its content.
        "adoc" | "ass" | "bash" | "bat" | "clj" | "cmake" | "cts" | "dart" | "diff" | "erl" | "ex"
        | "exs" | "fish" | "fs" | "glsl" | "go" | "gql" | "gradle" | "graphql" | "groovy" | "hs" | "ini"
        | "java" | "jl" | "jsonc" | "kt" | "ksh" | "ml" | "mts" | "nim" | "nix" | "org" | "patch" | "pl"
        | "properties" | "proto" | "ps1" | "py" | "r" | "rb" | "rs" | "scala" | "sh" | "sql" | "srt"
        | "svelte" | "swift" | "tf" | "toml" | "ts" | "tsx" | "vue" | "wat" | "wgsl" | "zig" | "zsh" => {
            "text/plain"
        }
        "rst" => "text/x-rst",

        // `.svgz` is an image only with `Content-Encoding: gzip`; as long as that is not sent the truth is that it
        // is a gzip file.
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
