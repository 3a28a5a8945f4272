//! Bodies that are wanted as a whole.

use std::io::Read;

use crate::Result;

use super::exchange::Exchange;
use super::status_error::StatusError;

impl Exchange<'_> {
    /// The whole body, or what is left of it.
    ///
    /// # Errors
    ///
    /// A [`StatusError`] of 413 beyond [`max_collected_size`](crate::Builder::max_collected_size); of a body that says
    /// its length at once, so that a client that waits for `100 Continue` need not send it. Otherwise as reading.
    pub(crate) fn collect_body(&mut self) -> Result<Vec<u8>> {
        let most = self.context.link.config.max_collected_size;
        let too_large =
            || StatusError::new(413).explain(format!("This resource takes at most {most} octets"));
        if self.rfile.remaining_hint().is_some_and(|left| left > most as u64) {
            return Err(too_large().into());
        }
        let mut octets = Vec::new();
        // One more tells whether there are too many.
        (&mut self.rfile).take((most as u64).saturating_add(1)).read_to_end(&mut octets)?;
        if octets.len() > most { Err(too_large().into()) } else { Ok(octets) }
    }
}
