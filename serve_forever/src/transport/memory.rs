//! A connection without sockets: what the peer sent is all there from the start, what it gets is
//! collected.

use std::fs::File;
use std::io;
use std::sync::Mutex;

use crate::sync::lock;
use crate::sys::SEND_FILE_PIECE;

use super::Received;

#[derive(Debug)]
pub(crate) struct Memory {
    input: Mutex<(Vec<u8>, usize)>,
    output: Mutex<Vec<u8>>,
}

impl Memory {
    /// A peer that sends `input` and then closes its side.
    pub(crate) fn new(input: Vec<u8>) -> Self {
        Self { input: Mutex::new((input, 0)), output: Mutex::new(Vec::new()) }
    }

    /// What was sent to the peer.
    pub(crate) fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.output))
    }

    pub(super) fn recv(&self, buffer: &mut [u8]) -> Received {
        let mut input = lock(&self.input);
        let (bytes, at) = &mut *input;
        let count = buffer.len().min(bytes.len() - *at);
        buffer[..count].copy_from_slice(&bytes[*at..*at + count]);
        *at += count;
        Received { count, more: count == buffer.len() }
    }

    pub(super) fn send(&self, bytes: &[u8]) -> usize {
        lock(&self.output).extend_from_slice(bytes);
        bytes.len()
    }

    pub(super) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        let mut piece = vec![0; length.min(SEND_FILE_PIECE) as usize];
        let count = crate::sys::read_at(file, &mut piece, offset)?;
        self.send(&piece[..count]);
        Ok(count as u64)
    }

    pub(super) fn at_end(&self) -> bool {
        let input = lock(&self.input);
        input.1 == input.0.len()
    }
}
