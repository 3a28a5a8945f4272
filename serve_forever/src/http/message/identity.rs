//! What a handler says of itself.

use std::borrow::Cow;

/// What a handler's overridable attributes said before its request was handled.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) server_version: Cow<'static, str>,
    pub(crate) sys_version: Cow<'static, str>,
    pub(crate) protocol_version: Cow<'static, str>,
    pub(crate) error_message_format: Cow<'static, str>,
    pub(crate) error_content_type: Cow<'static, str>,
}

impl Identity {
    /// What the handler says of the software, as it says it.
    pub(crate) fn append_version(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.server_version.as_bytes());
        if !self.server_version.is_empty() && !self.sys_version.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(self.sys_version.as_bytes());
    }
}
