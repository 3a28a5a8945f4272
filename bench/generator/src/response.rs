//! Just enough of HTTP/1.1 to know where a response ends.

use std::io;

use crate::load::Answer;

/// More fields than any of the servers sends.
const FIELDS: usize = 32;
pub(crate) const NOT_MODIFIED: u16 = 304;

/// A response's head, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head itself.
    pub(crate) length: usize,
    /// Bytes of the body. None: it is chunked, or ends with the connection.
    pub(crate) body: Option<usize>,
}

impl Head {
    /// None: the head is not all there yet.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(bytes).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let body = response
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("content-length"))
            .and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
        let status = response.code.unwrap_or(0);
        // These have no body, whatever length they speak of (RFC 9112 §6.3).
        let body = if [204, NOT_MODIFIED].contains(&status) { Some(0) } else { body };
        Ok(Some(Self { status, length, body }))
    }

    /// Whether it is what the client asked for.
    pub(crate) fn is(self, answer: Answer) -> bool {
        let success = (200..300).contains(&self.status);
        match answer {
            Answer::Success => success,
            Answer::Body(length) => success && self.body == Some(length),
            Answer::NotModified => self.status == NOT_MODIFIED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_understood_once_it_is_whole() {
        let bytes = b"HTTP/1.1 503 Busy\r\ncontent-LENGTH: 12\r\n\r\nbody";
        let head = Head { status: 503, length: 41, body: Some(12) };
        assert_eq!(Head::parse(bytes).unwrap(), Some(head));
        assert_eq!(Head::parse(&bytes[..40]).unwrap(), None);
        assert!(Head::parse(b"nonsense").is_err());
        assert!(!head.is(Answer::Success) && !head.is(Answer::NotModified));
    }

    #[test]
    fn an_answer_without_a_body_may_say_how_long_it_would_be() {
        let head = Head::parse(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n").unwrap().unwrap();
        assert_eq!(head.body, Some(0));
        assert!(head.is(Answer::NotModified) && !head.is(Answer::Success));
    }

    #[test]
    fn a_body_of_another_length_is_another_answer() {
        let head = Head::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n").unwrap().unwrap();
        assert!(head.is(Answer::Body(12)) && !head.is(Answer::Body(13)));
    }
}
