//! The content type that goes with the name of a file.
//!
//! The table is the same on every machine: neither `/etc/mime.types` nor the registry of Windows, which is known to
//! call scripts plain text so that browsers refuse them, has a say in it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

/// The type of what nothing is known about.
const UNKNOWN: &str = "application/octet-stream";

/// The value of `Content-Type` for a file of that name.
///
/// Text is said to be UTF-8, as nearly all of it is, because browsers would guess something older. Not XML, which
/// names its encoding itself and would be overruled.
pub(super) fn content_type(file: &Path) -> Cow<'static, str> {
    let media_type = media_type(file);
    if media_type.starts_with("text/") && media_type != "text/xml" {
        format!("{media_type}; charset=utf-8").into()
    } else {
        media_type.into()
    }
}

fn media_type(file: &Path) -> &'static str {
    let Some(extension) = file.extension().and_then(OsStr::to_str) else { return UNKNOWN };
    let extension = extension.to_ascii_lowercase();
    corrected(&extension).or_else(|| mime_guess::from_ext(&extension).first_raw()).unwrap_or(UNKNOWN)
}

/// What the table of `mime_guess` lacks, what has been registered since, and what pages fail without, whatever that
/// table says.
fn corrected(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "js" | "mjs" | "cjs" | "jsx" => "text/javascript",
        "css" => "text/css",
        "html" | "htm" => "text/html",
        "md" | "markdown" => "text/markdown",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "xsl" | "xpdl" => "application/xml",
        "yaml" | "yml" => "application/yaml",

        // Sources and notes: to be read, not to be saved. Video streams end in `.ts` too, but far more files of
        // that name are programs.
        "bash" | "bat" | "cts" | "dart" | "diff" | "fish" | "glsl" | "go" | "gql" | "graphql" | "ini"
        | "java" | "jl" | "kt" | "ksh" | "mts" | "nim" | "org" | "patch" | "pl" | "proto" | "ps1" | "py"
        | "r" | "rb" | "rs" | "scala" | "sh" | "sql" | "srt" | "svelte" | "swift" | "toml" | "ts" | "tsx"
        | "vue" | "wat" | "wgsl" | "zig" | "zsh" => "text/plain",
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

        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "emf" => "image/emf",
        "wmf" => "image/wmf",
        "fits" => "image/fits",
        "ktx2" => "image/ktx2",
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
mod tests {
    use super::*;

    fn of(name: &str) -> Cow<'static, str> {
        content_type(Path::new(name))
    }

    #[test]
    fn text_has_a_charset() {
        for (name, media_type) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a.htm", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.ts", "text/plain; charset=utf-8"),
            ("a.rs", "text/plain; charset=utf-8"),
            ("a.vtt", "text/vtt; charset=utf-8"),
        ] {
            assert_eq!(of(name), media_type, "{name}");
        }
    }

    #[test]
    fn everything_else_has_none() {
        for (name, media_type) in [
            ("a.json", "application/json"),
            ("a.xml", "text/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.gif", "image/gif"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.ico", "image/x-icon"),
            ("a.wasm", "application/wasm"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.pdf", "application/pdf"),
            ("a.zip", "application/zip"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("a.mp3", "audio/mpeg"),
            ("a.woff2", "font/woff2"),
        ] {
            assert_eq!(of(name), media_type, "{name}");
        }
    }

    #[test]
    fn compressed_files_are_what_they_are() {
        for (name, media_type) in [
            ("a.gz", "application/gzip"),
            ("a.tar.gz", "application/gzip"),
            ("a.tgz", "application/gzip"),
            ("a.svgz", "application/gzip"),
            ("a.tar.bz2", "application/x-bzip2"),
            ("a.tar.xz", "application/x-xz"),
            ("a.css.br", "application/octet-stream"),
        ] {
            assert_eq!(of(name), media_type, "{name}");
        }
    }

    #[test]
    fn the_case_of_an_extension_does_not_matter() {
        assert_eq!(of("A.HTML"), "text/html; charset=utf-8");
        assert_eq!(of("A.Jpeg"), "image/jpeg");
    }

    #[test]
    fn what_has_no_known_extension_is_octets() {
        for name in ["Makefile", ".html", "a.", "a.unheard-of", ""] {
            assert_eq!(of(name), UNKNOWN, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_extension_may_be_no_text() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(content_type(Path::new(OsStr::from_bytes(b"a.\xff"))), UNKNOWN);
        assert_eq!(content_type(Path::new(OsStr::from_bytes(b"\xff.txt"))), "text/plain; charset=utf-8");
    }
}
