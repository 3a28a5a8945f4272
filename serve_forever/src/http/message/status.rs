//! The reason phrase of each status code, and one sentence that explains it.

/// Returns the reason phrase, as in Python's `HTTPStatus`, which follows RFC 9110. Returns `None`
/// for a code without one.
pub(crate) fn reason(code: u16) -> Option<&'static str> {
    texts(code).map(|(reason, _)| reason)
}

/// Returns the sentence that explains the status in an error page, if the handler gives none. It
/// has no full stop at its end.
pub(crate) fn explanation(code: u16) -> Option<&'static str> {
    texts(code).map(|(_, explanation)| explanation)
}

fn texts(code: u16) -> Option<(&'static str, &'static str)> {
    Some(match code {
        100 => ("Continue", "The rest of the request is welcome"),
        101 => ("Switching Protocols", "The connection goes on with the protocol named in Upgrade"),
        102 => ("Processing", "The request is still being worked on"),
        103 => ("Early Hints", "Header fields that the final response is likely to have"),
        200 => ("OK", "The request was carried out"),
        201 => ("Created", "A new resource was made"),
        202 => ("Accepted", "The request was taken in and is carried out later"),
        203 => ("Non-Authoritative Information", "The content was changed on its way by a proxy"),
        204 => ("No Content", "The request was carried out; there is nothing to show"),
        205 => ("Reset Content", "The request was carried out; the form can be cleared"),
        206 => ("Partial Content", "Here is the part that was asked for"),
        207 => ("Multi-Status", "Several results follow, each with a status of its own"),
        208 => ("Already Reported", "These members were listed before in this response"),
        226 => ("IM Used", "The content is the outcome of a delta applied to an earlier one"),
        300 => ("Multiple Choices", "The resource exists in several forms to choose from"),
        301 => ("Moved Permanently", "The resource has a new address for good"),
        302 => ("Found", "The resource is for now at another address"),
        303 => ("See Other", "The answer is at another address, to be fetched with GET"),
        304 => ("Not Modified", "The copy that the client holds is still current"),
        305 => ("Use Proxy", "The resource is to be asked for through a proxy"),
        307 => ("Temporary Redirect", "The resource is for now at another address; the method stays"),
        308 => ("Permanent Redirect", "The resource has a new address for good; the method stays"),
        400 => ("Bad Request", "Bad request syntax or unsupported method"),
        401 => ("Unauthorized", "This resource is only for those who identify themselves"),
        402 => ("Payment Required", "This resource has to be paid for"),
        403 => ("Forbidden", "The request was understood and is not permitted"),
        404 => ("Not Found", "Nothing matches the given URI"),
        405 => ("Method Not Allowed", "This resource does not take that method"),
        406 => ("Not Acceptable", "The resource has no form that the client accepts"),
        407 => ("Proxy Authentication Required", "The proxy only serves those who identify themselves"),
        408 => ("Request Timeout", "The request did not arrive in time"),
        409 => ("Conflict", "The request contradicts the present state of the resource"),
        410 => ("Gone", "The resource was removed for good"),
        411 => ("Length Required", "The request needs a Content-Length"),
        412 => ("Precondition Failed", "A condition in the request header does not hold"),
        413 => ("Content Too Large", "The request body is larger than this server accepts"),
        414 => ("URI Too Long", "URI is too long"),
        415 => ("Unsupported Media Type", "The body is in a format that this resource does not take"),
        416 => ("Range Not Satisfiable", "The resource has none of the bytes that were asked for"),
        417 => ("Expectation Failed", "This server cannot do what the Expect field asks for"),
        418 => ("I'm a Teapot", "A teapot does not brew coffee"),
        421 => ("Misdirected Request", "This server does not answer for that host"),
        422 => ("Unprocessable Content", "The body is well formed but makes no sense here"),
        423 => ("Locked", "The resource is locked"),
        424 => ("Failed Dependency", "A request that this one depends on has failed"),
        425 => ("Too Early", "The request might be a replay and is refused until the handshake is over"),
        426 => ("Upgrade Required", "The request needs another protocol"),
        428 => ("Precondition Required", "The request has to be conditional"),
        429 => ("Too Many Requests", "Too many requests came in too short a time"),
        431 => ("Request Header Fields Too Large", "The request header is larger than this server accepts"),
        451 => ("Unavailable For Legal Reasons", "The law does not permit this resource to be shown"),
        500 => ("Internal Server Error", "The server failed while it worked on the request"),
        501 => ("Not Implemented", "Server does not support this operation"),
        502 => ("Bad Gateway", "A server behind this one gave an invalid answer"),
        503 => ("Service Unavailable", "The server is busy or being maintained; try again later"),
        504 => ("Gateway Timeout", "A server behind this one did not answer in time"),
        505 => ("HTTP Version Not Supported", "Cannot fulfill request"),
        506 => ("Variant Also Negotiates", "The server's content negotiation refers to itself"),
        507 => ("Insufficient Storage", "There is no room to store what was sent"),
        508 => ("Loop Detected", "The server found an infinite loop while it worked on the request"),
        510 => ("Not Extended", "The request lacks an extension that the server needs"),
        511 => ("Network Authentication Required", "The network only serves those who identify themselves"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_those_of_rfc_9110() {
        assert_eq!(reason(200), Some("OK"));
        assert_eq!(reason(413), Some("Content Too Large"));
        assert_eq!(reason(418), Some("I'm a Teapot"));
        assert_eq!(reason(431), Some("Request Header Fields Too Large"));
        assert_eq!(reason(999), None);
    }

    #[test]
    fn explanations_that_clients_of_python_see_are_kept() {
        assert_eq!(explanation(400), Some("Bad request syntax or unsupported method"));
        assert_eq!(explanation(404), Some("Nothing matches the given URI"));
        assert_eq!(explanation(414), Some("URI is too long"));
        assert_eq!(explanation(501), Some("Server does not support this operation"));
        assert_eq!(explanation(505), Some("Cannot fulfill request"));
        assert_eq!(explanation(306), None);
    }

    #[test]
    fn every_phrase_fits_a_status_line_and_no_explanation_ends_in_a_stop() {
        for (reason, explanation) in (0..=999).filter_map(texts) {
            assert!(reason.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{reason}");
            assert!(!explanation.ends_with('.'), "{explanation}");
        }
    }
}
