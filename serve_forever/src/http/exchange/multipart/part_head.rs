//! The head of a part of a form (RFC 7578 §4).

use super::reader::malformed;
use crate::http::message::fields::{self, FieldRange, Headers, Section};
use crate::http::message::parameters::WithParameters;
use crate::http::message::status_error::StatusError;

/// The head of a part, with the name of its form field.
#[derive(Debug)]
pub(super) struct PartHead {
    bytes: Vec<u8>,
    fields: Vec<FieldRange>,
    pub(super) name: String,
    pub(super) file_name: Option<String>,
}

impl PartHead {
    /// Parses a head. `bytes` must end with the empty line.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, StatusError> {
        let mut fields = Vec::new();
        // The size of the head is bounded, and so is the number of its fields.
        match fields::parse_fields(&bytes, 0, usize::MAX, &mut fields) {
            Ok(Section::Complete { end }) if end == bytes.len() => {}
            Ok(_) => return Err(malformed("The head of a part is malformed")),
            Err(refusal) => {
                return Err(malformed(
                    refusal.explain.as_deref().unwrap_or("The head of a part is malformed"),
                ));
            }
        }
        let headers = Headers::new(&bytes, &fields);
        let disposition = only(headers, "Content-Disposition")?
            .and_then(|value| WithParameters::parse(value).ok())
            .filter(|disposition| disposition.is("form-data"))
            .ok_or_else(|| malformed("A part needs a well-formed Content-Disposition of form-data"))?;
        let text = |name| match disposition.get(name) {
            Ok(value) => {
                value.map(|value| String::from_utf8(value.to_vec())).transpose().map_err(|_| not_utf8())
            }
            Err(_) => Err(malformed("A part has two names")),
        };
        let name = text("name")?.ok_or_else(|| malformed("A part has no name"))?;
        // `filename*` must not be used (RFC 7578 §4.2), so it is ignored.
        let file_name = text("filename")?;
        // Parts are not encoded any more (RFC 7578 §4.7). If a sender still does so, the encoded
        // bytes must not be taken for the content.
        if let Some(encoding) = only(headers, "Content-Transfer-Encoding")?
            && !["7bit", "8bit", "binary"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain.as_bytes()))
        {
            return Err(StatusError::new(415).explain("A part has a Content-Transfer-Encoding"));
        }
        only(headers, "Content-Type")?;
        Ok(Self { bytes, fields, name, file_name })
    }

    pub(super) fn headers(&self) -> Headers<'_> {
        Headers::new(&self.bytes, &self.fields)
    }
}

/// Returns the value of a field that may occur only once.
fn only<'a>(headers: Headers<'a>, name: &str) -> Result<Option<&'a [u8]>, StatusError> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(malformed("A part has two fields where one is allowed")),
    }
}

fn not_utf8() -> StatusError {
    malformed("The name of a part is not UTF-8")
}
