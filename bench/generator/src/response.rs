//! Just enough of HTTP/1.1 to know where a response ends.

use std::io;

/// More fields than any of the servers sends.
const FIELDS: usize = 32;

/// A response's head, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Octets of the head itself.
    pub(crate) length: usize,
    /// Octets of the body. None: it is chunked, or ends with the connection.
    pub(crate) body: Option<usize>,
}

impl Head {
    /// None: the head is not all there yet.
    pub(crate) fn parse(octets: &[u8]) -> io::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(octets).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let body = response
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("content-length"))
            .and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
        Ok(Some(Self { status: response.code.unwrap_or(0), length, body }))
    }

    pub(crate) fn is_success(self) -> bool {
        (200..300).contains(&self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_understood_once_it_is_whole() {
        let octets = b"HTTP/1.1 503 Busy\r\ncontent-LENGTH: 12\r\n\r\nbody";
        let head = Head { status: 503, length: 41, body: Some(12) };
        assert_eq!(Head::parse(octets).unwrap(), Some(head));
        assert_eq!(Head::parse(&octets[..40]).unwrap(), None);
        assert!(Head::parse(b"nonsense").is_err());
    }
}
