//! The memory that a thread lends to a connection for one request.

use std::sync::Mutex;

use crate::http::bodies::framer::SourceFraming;
use crate::http::bodies::output::Output;
use crate::http::exchange::Record;
use crate::http::handler::slot::HandlerSlot;
use crate::http::log::lines::Lines;
use crate::http::message::response_head::ResponseHead;

/// Memory that a thread lends for one request. The request changes it and gives it back.
pub(crate) struct Lent<H> {
    pub(crate) slot: HandlerSlot<H>,
    pub(crate) output: Mutex<Output>,
    pub(crate) response: ResponseHead,
    pub(crate) records: Vec<Record>,
    /// Memory for responses that are held.
    #[expect(clippy::vec_box, reason = "they go to connections and come back in their boxes")]
    pub(crate) spare: Vec<Box<Held>>,
}

impl<H> Default for Lent<H> {
    fn default() -> Self {
        Self {
            slot: HandlerSlot::default(),
            output: Mutex::default(),
            response: ResponseHead::default(),
            records: Vec::new(),
            spare: Vec::new(),
        }
    }
}

/// All bytes that a run has to send, kept in memory.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: Lines,
    pub(crate) framing: SourceFraming,
}

impl Held {
    /// Exchanges the bytes and log lines of `self` with those of `output`, and with them the memory
    /// that stores them.
    pub(crate) fn swap(&mut self, output: &mut Output) {
        std::mem::swap(&mut self.bytes, &mut output.ready);
        std::mem::swap(&mut self.lines, &mut output.lines);
    }
}
