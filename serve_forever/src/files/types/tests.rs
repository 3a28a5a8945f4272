//! Content types by name. Python's table is listed here: its users find the same types, or a reason
//! for the difference.

use std::collections::HashMap;
use std::path::Path;

use super::*;

fn of(name: &str) -> String {
    Types::default().media_type(Path::new(name), b"").to_owned()
}

/// The table of `mimetypes` of Python 3.14.
const PYTHON: &[(&str, &str)] = &[
    ("text/javascript", "js mjs"),
    ("text/css", "css"),
    ("text/csv", "csv"),
    ("text/html", "html htm"),
    ("text/markdown", "md markdown"),
    ("text/n3", "n3"),
    ("text/plain", "txt bat c h ksh pl srt"),
    ("text/richtext", "rtx"),
    ("text/rtf", "rtf"),
    ("text/tab-separated-values", "tsv"),
    ("text/vtt", "vtt"),
    ("text/x-python", "py"),
    ("text/x-rst", "rst"),
    ("text/x-setext", "etx"),
    ("text/x-sgml", "sgm sgml"),
    ("text/x-vcard", "vcf"),
    ("text/xml", "xml"),
    ("application/epub+zip", "epub"),
    ("application/gzip", "gz"),
    ("application/json", "json"),
    ("application/manifest+json", "webmanifest"),
    ("application/msword", "doc dot wiz"),
    ("application/n-quads", "nq"),
    ("application/n-triples", "nt"),
    ("application/octet-stream", "bin a dll exe o obj so"),
    ("application/oda", "oda"),
    ("application/ogg", "ogx"),
    ("application/pdf", "pdf"),
    ("application/pkcs7-mime", "p7c"),
    ("application/postscript", "ps ai eps"),
    ("application/trig", "trig"),
    ("application/vnd.apple.mpegurl", "m3u m3u8"),
    ("application/vnd.ms-excel", "xls xlb"),
    ("application/vnd.ms-fontobject", "eot"),
    ("application/vnd.ms-powerpoint", "ppt pot ppa pps pwz"),
    ("application/vnd.oasis.opendocument.graphics", "odg"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.rar", "rar"),
    ("application/wasm", "wasm"),
    ("application/x-7z-compressed", "7z"),
    ("application/x-bcpio", "bcpio"),
    ("application/x-cpio", "cpio"),
    ("application/x-csh", "csh"),
    ("application/x-debian-package", "deb"),
    ("application/x-dvi", "dvi"),
    ("application/x-gtar", "gtar"),
    ("application/x-hdf", "hdf"),
    ("application/x-hdf5", "h5"),
    ("application/x-latex", "latex"),
    ("application/x-mif", "mif"),
    ("application/x-netcdf", "cdf nc"),
    ("application/x-pkcs12", "p12 pfx"),
    ("application/x-httpd-php", "php"),
    ("application/x-pn-realaudio", "ram"),
    ("application/x-python-code", "pyc pyo"),
    ("application/x-rpm", "rpm"),
    ("application/x-sh", "sh"),
    ("application/x-shar", "shar"),
    ("application/x-shockwave-flash", "swf"),
    ("application/x-sv4cpio", "sv4cpio"),
    ("application/x-sv4crc", "sv4crc"),
    ("application/x-tar", "tar"),
    ("application/x-tcl", "tcl"),
    ("application/x-tex", "tex"),
    ("application/x-texinfo", "texi texinfo"),
    ("application/x-troff", "roff t tr"),
    ("application/x-troff-man", "man"),
    ("application/x-troff-me", "me"),
    ("application/x-troff-ms", "ms"),
    ("application/x-ustar", "ustar"),
    ("application/x-wais-source", "src"),
    ("application/xml", "xsl rdf wsdl xpdl"),
    ("application/yaml", "yaml yml"),
    ("application/zip", "zip"),
    ("audio/3gpp", "3gp 3gpp"),
    ("audio/3gpp2", "3g2 3gpp2"),
    ("audio/aac", "aac adts loas ass"),
    ("audio/basic", "au snd"),
    ("audio/flac", "flac"),
    ("audio/matroska", "mka"),
    ("audio/mp4", "m4a"),
    ("audio/mpeg", "mp3 mp2"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/x-aiff", "aif aifc aiff"),
    ("audio/x-pn-realaudio", "ra"),
    ("audio/vnd.wave", "wav"),
    ("audio/webm", "weba"),
    ("font/otf", "otf"),
    ("font/ttf", "ttf"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/emf", "emf"),
    ("image/fits", "fits"),
    ("image/g3fax", "g3"),
    ("image/gif", "gif"),
    ("image/ief", "ief"),
    ("image/jp2", "jp2"),
    ("image/jpeg", "jpg jpe jpeg"),
    ("image/jpm", "jpm"),
    ("image/jpx", "jpx"),
    ("image/heic", "heic"),
    ("image/heif", "heif"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/t38", "t38"),
    ("image/tiff", "tiff tif"),
    ("image/tiff-fx", "tfx"),
    ("image/vnd.microsoft.icon", "ico"),
    ("image/webp", "webp"),
    ("image/wmf", "wmf"),
    ("image/x-cmu-raster", "ras"),
    ("image/x-portable-anymap", "pnm"),
    ("image/x-portable-bitmap", "pbm"),
    ("image/x-portable-graymap", "pgm"),
    ("image/x-portable-pixmap", "ppm"),
    ("image/x-rgb", "rgb"),
    ("image/x-xbitmap", "xbm"),
    ("image/x-xpixmap", "xpm"),
    ("image/x-xwindowdump", "xwd"),
    ("message/rfc822", "eml mht mhtml nws"),
    ("model/gltf+json", "gltf"),
    ("model/gltf-binary", "glb"),
    ("model/stl", "stl"),
    ("video/matroska", "mkv"),
    ("video/matroska-3d", "mk3d"),
    ("video/mp4", "mp4"),
    ("video/mpeg", "mpeg m1v mpa mpe mpg"),
    ("video/ogg", "ogv"),
    ("video/quicktime", "mov qt"),
    ("video/webm", "webm"),
    ("video/vnd.avi", "avi"),
    ("video/x-m4v", "m4v"),
    ("video/x-ms-wmv", "wmv"),
    ("video/x-sgi-movie", "movie"),
];

/// The types that differ from Python's, with the reason.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("rtf", "application/rtf", "Registered as well, and no text to be shown."),
    ("py", "text/plain", "To be read, like all sources."),
    ("sh", "text/plain", "To be read, like all sources."),
    ("sgm", "text/sgml", "The registered name."),
    ("sgml", "text/sgml", "The registered name."),
    ("obj", "model/obj", "SharedNames are on the web, object files are not."),
    ("deb", "application/vnd.debian.binary-package", "The registered name."),
    ("mif", "application/vnd.mif", "The registered name."),
    ("ram", "audio/x-pn-realaudio", "What players have registered for with browsers."),
    ("rdf", "application/rdf+xml", "The registered name (RFC 3870)."),
    ("3gp", "video/3gpp", "Nearly all have a picture, and a player of videos plays sound too."),
    ("3gpp", "video/3gpp", "As 3gp."),
    ("3g2", "video/3gpp2", "As 3gp."),
    ("3gpp2", "video/3gpp2", "As 3gp."),
    ("ass", "text/plain", "Subtitles, far more often than audio."),
    ("mka", "audio/x-matroska", "Browsers know this name, the registered one came decades later."),
    ("mkv", "video/x-matroska", "As mka."),
    ("mk3d", "video/x-matroska", "As mka."),
    (
        "opus",
        "audio/ogg",
        "These are Ogg files (RFC 7845 §9); audio/opus is for packets on a wire (RFC 7587).",
    ),
    ("aif", "audio/aiff", "The name in the MIME Sniffing standard of browsers."),
    ("aifc", "audio/aiff", "As aif."),
    ("aiff", "audio/aiff", "As aif."),
    ("wav", "audio/wav", "The name that browsers use."),
    ("ico", "image/x-icon", "The name that browsers use."),
    ("avi", "video/x-msvideo", "Players know this name; the registered one is new."),
];

#[test]
fn every_type_of_python_is_here_or_there_is_a_reason() {
    let mut different: HashMap<_, _> =
        DIFFERENT.iter().map(|&(extension, ours, _)| (extension, ours)).collect();
    for (theirs, extensions) in PYTHON {
        for extension in extensions.split(' ') {
            let expected = different.remove(extension).unwrap_or(theirs);
            assert_eq!(of(&format!("a.{extension}")), expected, "{extension}");
        }
    }
    assert!(different.is_empty(), "{different:?}");
    for (extension, ours, reason) in DIFFERENT {
        let theirs = PYTHON.iter().find(|(_, all)| all.split(' ').any(|one| one == *extension));
        assert!(theirs.is_some_and(|(theirs, _)| theirs != ours) && !reason.is_empty(), "{extension}");
    }
}

#[test]
fn what_pages_consist_of_has_the_types_that_browsers_want() {
    for (name, media_type) in [
        ("index.html", "text/html"),
        ("a.htm", "text/html"),
        ("a.xhtml", "application/xhtml+xml"),
        ("a.css", "text/css"),
        ("a.js", "text/javascript"),
        ("a.mjs", "text/javascript"),
        ("a.cjs", "text/javascript"),
        ("a.wasm", "application/wasm"),
        ("a.json", "application/json"),
        ("a.js.map", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.xml", "text/xml"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.apng", "image/apng"),
        ("a.jpg", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.jxl", "image/jxl"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.mp3", "audio/mpeg"),
        ("a.flac", "audio/flac"),
        ("a.vtt", "text/vtt"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("a.mpd", "application/dash+xml"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.glb", "model/gltf-binary"),
        ("a.geojson", "application/geo+json"),
        ("a.jsonld", "application/ld+json"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.arrow", "application/vnd.apache.arrow.file"),
        ("a.pmtiles", "application/vnd.pmtiles"),
    ] {
        assert_eq!(of(name), media_type, "{name}");
    }
}

#[test]
fn sources_and_notes_are_text() {
    for name in
        ["a.txt", "a.log", "a.rs", "a.ts", "a.tsx", "a.toml", "a.c", "a.hpp", "a.go", "a.sh", "a.cfg", "a.hs"]
    {
        assert_eq!(of(name), "text/plain", "{name}");
    }
    assert_eq!(of("README.md"), "text/markdown");
    assert_eq!(of("a.csv"), "text/csv");
}

/// Returns `count` packets of a transport stream: each has `before` bytes, a header that is not
/// text, and content.
fn packets(count: usize, before: usize) -> Vec<u8> {
    let packet = [&vec![0; before][..], &[0x47, 0x40, 0, 0x10], &[0xff; 184]].concat();
    packet.repeat(count)
}

fn with_content(name: &str, first: &[u8]) -> String {
    Types::default().media_type(Path::new(name), first).to_owned()
}

#[test]
fn a_transport_stream_is_told_from_typescript() {
    for (name, before) in [("a.ts", 0), ("A.TS", 0), ("a.mts", 0), ("a.mts", 4)] {
        for count in 1..4 {
            assert_eq!(with_content(name, &packets(count, before)), "video/mp2t", "{name} {count}");
        }
    }
    let whole = packets(2, 0);
    for length in [4, 100, 187, 188, 189] {
        assert_eq!(with_content("a.ts", &whole[..length]), "video/mp2t", "{length}");
    }
    let mut broken = whole.clone();
    broken[188] = 0x46;
    let mut text = "G".repeat(400);
    for program in [
        &b""[..],
        b"G",
        b"Global.answer = 42;\n",
        b"import { a } from './a';\n",
        b"\xff\xfeG\0",
        text.as_bytes(),
        &broken,
        &whole[1..],
    ] {
        assert_eq!(with_content("a.ts", program), "text/plain", "{}", program.escape_ascii());
        assert_eq!(with_content("a.mts", program), "text/plain", "{}", program.escape_ascii());
    }
    // A character that is cut off at the end does not matter.
    text.push('\u{e9}');
    assert_eq!(with_content("a.ts", &text.as_bytes()[..401]), "text/plain");
    for name in ["a.cts", "a.tsx", "a.txt"] {
        assert_eq!(with_content(name, &whole), "text/plain", "{name}");
    }
    let mut types = Types::default();
    types.set("ts", "text/x-typescript");
    assert_eq!(types.media_type(Path::new("a.ts"), &whole), "text/x-typescript");
}

#[test]
fn a_property_list_is_xml_or_binary() {
    for first in ["", "<?xml version=\"1.0\"?><!DOCTYPE plist>", "<plist/>", "\u{feff}<?xml?>", "bp"] {
        assert_eq!(with_content("Info.plist", first.as_bytes()), "text/xml", "{first}");
    }
    assert_eq!(with_content("Info.plist", b"bplist00\xd4\x01"), "application/x-bplist");
    assert_eq!(with_content("a.xml", b"bplist00\xd4\x01"), "text/xml");
    assert_eq!(of("a.mobileconfig"), "application/x-apple-aspen-config");
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
        ("a.tar.zst", "application/zstd"),
        ("a.zip", "application/zip"),
        ("a.css.br", UNKNOWN),
    ] {
        assert_eq!(of(name), media_type, "{name}");
    }
}

#[test]
fn the_case_of_an_extension_does_not_matter() {
    assert_eq!(of("A.HTML"), "text/html");
    assert_eq!(of("A.Jpeg"), "image/jpeg");
    assert_eq!(of("A.RS"), "text/plain");
}

#[test]
fn what_has_no_known_extension_is_bytes() {
    for name in ["Makefile", ".html", "a.", "a.unheard-of", "a.\u{e9}", ""] {
        assert_eq!(of(name), UNKNOWN, "{name}");
    }
}

#[test]
fn the_user_has_the_last_word() {
    let mut types = Types::default();
    types.set(".ts", "video/mp2t");
    types.set("foo", "text/x-foo; charset=latin1");
    types.set("Z", "application/x-compress");
    types.set("z", "application/x-other");
    types.set("", "text/plain");
    types.set_default("application/x-unheard-of");
    for (name, media_type) in [
        ("a.ts", "video/mp2t"),
        ("a.TS", "video/mp2t"),
        ("a.b.foo", "text/x-foo; charset=latin1"),
        ("a.Z", "application/x-compress"),
        ("a.z", "application/x-other"),
        ("Makefile", "text/plain"),
        (".html", "text/plain"),
        ("a.html", "text/html"),
        ("a.unheard-of", "application/x-unheard-of"),
    ] {
        assert_eq!(types.media_type(Path::new(name), b""), media_type, "{name}");
    }
}

#[test]
fn an_extension_in_upper_case_is_for_those_alone() {
    let mut types = Types::default();
    types.set("R", "text/x-r");
    assert_eq!(types.media_type(Path::new("a.R"), b""), "text/x-r");
    assert_eq!(types.media_type(Path::new("a.r"), b""), "text/plain");
}

#[cfg(unix)]
#[test]
fn an_extension_may_be_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let of = |name: &[u8]| Types::default().media_type(Path::new(OsStr::from_bytes(name)), b"").to_owned();
    assert_eq!(of(b"a.\xff"), UNKNOWN);
    assert_eq!(of(b"\xff.txt"), "text/plain");
}
