//! How a handler identifies its software, and the form of its error pages.

use std::borrow::Cow;

/// The values of a handler's overridable attributes, read before the handler gets its request.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) server_version: Cow<'static, str>,
    pub(crate) sys_version: Cow<'static, str>,
    pub(crate) protocol_version: Cow<'static, str>,
    pub(crate) error_message_format: Cow<'static, str>,
    pub(crate) error_content_type: Cow<'static, str>,
}

impl Identity {
    /// Appends the versions that the handler gives, unchanged.
    pub(crate) fn append_version(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.server_version.as_bytes());
        if !self.server_version.is_empty() && !self.sys_version.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(self.sys_version.as_bytes());
    }
}
