//! Responses that go on after their handler has returned.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex};

use crate::server::unsent::{Charge, Unsent};
use crate::server::waker::OwnedWaker;
use crate::sync::lock;

/// The rest of a response, to be written from any thread after the handler has returned. See
/// [`Exchange::detach`](crate::Exchange::detach).
///
/// Writing never blocks: the writer keeps the bytes, and the loop of the server sends them. A
/// single [`write`](Write::write) is taken as a whole or not at all, so its bytes arrive together
/// or are all missing. It fails
///
/// - with [`WouldBlock`](ErrorKind::WouldBlock) when bytes wait for the client already, and more
///   than [`buffer_size`](crate::Builder::buffer_size) bytes would wait with these: skip this
///   write, or drop the writer. When no bytes wait, a single write may be larger;
/// - with [`BrokenPipe`](ErrorKind::BrokenPipe) when the client is gone or the server stops.
///
/// While bytes wait, the client must take them: the connection is cut after
/// [`write_timeout`](crate::Builder::write_timeout) without progress, or below the [minimum
/// rate](crate::Builder::minimum_rate).
///
/// The response ends when the writer is dropped. It also ends when the server stops; the server
/// still sends what was written before. A client that closes its side of the connection has left,
/// even if it still could read. If the response has no body (HEAD, for example), the server
/// discards what is written while the handler runs. When the handler has returned, the writer is
/// closed, and writing fails with [`BrokenPipe`](ErrorKind::BrokenPipe).
///
/// ```
/// use std::io::Write;
/// use std::sync::Mutex;
/// use serve_forever::Detached;
///
/// /// Tells all subscribers, and forgets those that are gone or too slow.
/// fn broadcast(subscribers: &Mutex<Vec<Detached>>, event: &str) {
///     subscribers.lock().unwrap().retain_mut(|subscriber| subscriber.write_all(event.as_bytes()).is_ok());
/// }
/// ```
pub struct Detached {
    shared: Arc<Shared>,
}

/// The side of a [`Detached`] writer that the connection holds.
pub(crate) struct Feed {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    waker: OwnedWaker,
    /// Bytes that may wait for the client.
    limit: usize,
    /// Bytes that wait for clients in the whole server, and how many may.
    unsent: Unsent,
    most_unsent: usize,
}

struct State {
    waiting: Vec<u8>,
    /// The charge for the memory of these bytes.
    charge: Charge,
    /// The writer is gone.
    ended: bool,
    /// The connection does not read any more.
    closed: bool,
    /// Written bytes are discarded, because the response has no body.
    ignored: bool,
}

/// What [`Feed::take`] finds.
pub(crate) enum Taken {
    Bytes(Vec<u8>),
    /// Nothing for now: the writer wakes the connection.
    Nothing,
    /// The writer is closed, and nothing more will come.
    End,
}

impl Detached {
    /// Makes a writer, and the feed for its connection. At most `limit` bytes may wait for the
    /// client, and `most_unsent` for all clients of the server.
    pub(crate) fn new(waker: OwnedWaker, limit: usize, unsent: &Unsent, most_unsent: usize) -> (Self, Feed) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waiting: Vec::new(),
                charge: unsent.charge(),
                ended: false,
                closed: false,
                ignored: false,
            }),
            unsent: unsent.clone(),
            most_unsent,
            waker,
            limit,
        });
        (Self { shared: Arc::clone(&shared) }, Feed { shared })
    }

    /// Whether written bytes cannot arrive any more, because the client is gone or the server
    /// stops.
    ///
    /// ```
    /// # use std::sync::Mutex;
    /// # use serve_forever::Detached;
    /// fn forget_the_gone(subscribers: &Mutex<Vec<Detached>>) {
    ///     subscribers.lock().unwrap().retain(|subscriber| !subscriber.is_closed());
    /// }
    /// ```
    pub fn is_closed(&self) -> bool {
        lock(&self.shared.state).closed
    }
}

impl Write for Detached {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if bytes.is_empty() || state.ignored {
            return Ok(bytes.len());
        }
        let is_first = state.waiting.is_empty();
        // A piece larger than the limit is taken when no other bytes wait.
        if !is_first && state.waiting.len() + bytes.len() > self.shared.limit {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.waiting.extend_from_slice(bytes);
        let held = state.waiting.capacity();
        state.charge.set(held);
        drop(state);
        // If memory runs short, the loop must notice.
        if is_first || self.shared.unsent.bytes() > self.shared.most_unsent {
            self.shared.waker.wake();
        }
        Ok(bytes.len())
    }

    /// Does nothing: what is written is sent as soon as the client takes it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        lock(&self.shared.state).ended = true;
        self.shared.waker.wake();
    }
}

impl Feed {
    /// Takes the bytes that were written since the last call.
    pub(crate) fn take(&self) -> Taken {
        let mut state = lock(&self.shared.state);
        if !state.waiting.is_empty() {
            state.charge.set(0);
            Taken::Bytes(std::mem::take(&mut state.waiting))
        } else if state.ended || state.closed {
            Taken::End
        } else {
            Taken::Nothing
        }
    }

    /// Returns how many bytes in memory wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.shared.state).waiting.capacity()
    }

    /// From now on, written bytes are discarded, and the writer is not told.
    pub(crate) fn ignore(&self) {
        lock(&self.shared.state).ignored = true;
    }

    /// Closes the writer. The waiting bytes are still sent.
    pub(crate) fn close(&self) {
        lock(&self.shared.state).closed = true;
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // The writer may live on for long.
        let mut state = lock(&self.shared.state);
        state.closed = true;
        state.charge.set(0);
        state.waiting = Vec::new();
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
