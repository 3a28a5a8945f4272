//! The body of an error response: by default an HTML page, or JSON or plain text for clients that
//! prefer it.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::http::message::escape;
use crate::http::message::preferences::preferred;

/// The media type of the page, if the handler gives no other. It is spelled exactly as in Python.
pub(crate) const DEFAULT_CONTENT_TYPE: &str = "text/html;charset=utf-8";

/// A body and its media type.
pub(crate) struct ErrorBody {
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) content: String,
    /// Whether the client got this form of the body because of its `Accept` field.
    pub(crate) varies: bool,
}

/// Returns the error body for a handler that has no page of its own. It is HTML, or JSON or plain
/// text for clients that prefer it according to the lines of `Accept`.
pub(crate) fn negotiated<'a>(
    accept: impl Iterator<Item = &'a [u8]>,
    code: u16,
    message: &str,
    explain: &str,
) -> ErrorBody {
    let (content_type, content) = match preferred(accept, &["text/html", JSON, "text/plain"]) {
        Some(JSON) => {
            let mut content = format!("{{\"error\":{{\"code\":{code},\"message\":");
            escape::json(&mut content, message);
            content.push_str(",\"explain\":");
            escape::json(&mut content, explain);
            content.push_str("}}\n");
            (JSON, content)
        }
        Some("text/plain") => {
            // Plain text needs no escaping of markup. But a terminal would take control characters
            // as commands.
            let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
            let (message, explain) = (clean(message), clean(explain));
            let content = format!(
                "Error response\n\nError code: {code}\nMessage: {message}.\nError code explanation: {code} - {explain}.\n"
            );
            ("text/plain;charset=utf-8", content)
        }
        _ => (DEFAULT_CONTENT_TYPE, render(DEFAULT_FORMAT, code, message, explain)),
    };
    ErrorBody { content_type: content_type.into(), content, varies: content_type != DEFAULT_CONTENT_TYPE }
}

const JSON: &str = "application/json";

/// The page of a handler that has none of its own: a template in Python's `%` style.
pub(crate) const DEFAULT_FORMAT: &str = "\
<!DOCTYPE HTML>
<html lang=\"en\">
<head>
    <meta charset=\"utf-8\">
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
    <title>Error response</title>
    <style>
        :root { color-scheme: light dark; }
        body {
            max-width: 40rem; margin: 3rem auto; padding: 0 1rem;
            font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
        }
    </style>
</head>
<body>
    <h1>Error response</h1>
    <p>Error code: %(code)d</p>
    <p>Message: %(message)s.</p>
    <p>Error code explanation: %(code)d - %(explain)s.</p>
</body>
</html>
";

/// Fills in a template: `%(code)d` (or `s`), `%(message)s`, `%(explain)s`, and `%%` for a percent
/// sign.
///
/// Everything else stays as it is. So a stray percent sign, for example in a style sheet, does not
/// break the page.
pub(crate) fn render(format: &str, code: u16, message: &str, explain: &str) -> String {
    let mut page = String::with_capacity(format.len() + 2 * message.len() + 2 * explain.len());
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        page.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('%') {
            page.push('%');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("(code)d").or_else(|| rest.strip_prefix("(code)s")) {
            // Writing to a String cannot fail.
            let _ = write!(page, "{code}");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("(message)s") {
            escape::html(&mut page, message);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("(explain)s") {
            escape::html(&mut page, explain);
            rest = after;
        } else {
            page.push('%');
        }
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_page_says_what_pythons_says() {
        let page = render(DEFAULT_FORMAT, 404, "File not found", "Nothing matches the given URI");
        assert!(page.starts_with("<!DOCTYPE HTML>\n"));
        assert!(page.contains("<title>Error response</title>"));
        assert!(page.contains("<p>Error code: 404</p>"));
        assert!(page.contains("<p>Message: File not found.</p>"));
        assert!(page.contains("<p>Error code explanation: 404 - Nothing matches the given URI.</p>"));
        assert!(page.ends_with("</html>\n"));
        assert!(!page.contains('%'));
    }

    #[test]
    fn client_text_cannot_bring_markup() {
        let page = render("%(message)s|%(explain)s", 501, "Unsupported method ('<script>')", "a & b");
        assert_eq!(page, "Unsupported method ('&lt;script&gt;')|a &amp; b");
    }

    #[test]
    fn text_that_looks_like_a_placeholder_is_not_filled_in() {
        assert_eq!(render("%(message)s", 400, "%(explain)s", "x"), "%(explain)s");
    }

    #[test]
    fn own_templates_may_use_every_form_and_stray_percent_signs() {
        assert_eq!(
            render("%(code)s %(code)d 100%% 50% %(other)s %", 418, "", ""),
            "418 418 100% 50% %(other)s %"
        );
    }
}
