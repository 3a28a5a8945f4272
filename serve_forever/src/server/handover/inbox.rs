//! The inbox of a loop, for messages from other threads.

use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::{Mutex, lock};

use super::state::LoopState;

/// The mail of one loop: returning connections, new ones, wake-ups, the order to stop.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    mail: Mutex<Vec<M>>,
    /// Lets the driver look for mail without the lock. It changes only under the lock.
    full: AtomicBool,
}

impl<M> Inbox<M> {
    pub(crate) fn new() -> Self {
        Self { mail: Mutex::new(Vec::new()), full: AtomicBool::new(false) }
    }

    /// Leaves a message. Returns true if the loop is blocked in its poll, or about to be, and the
    /// caller must interrupt the poll.
    #[must_use]
    pub(crate) fn post(&self, message: M, state: &LoopState) -> bool {
        let mut mail = lock(&self.mail);
        mail.push(message);
        self.full.store(true, Ordering::Relaxed);
        drop(mail);
        // The fence between the mail and the look at the loop. Its counterpart is in
        // `LoopState::enter_poll`.
        fence(Ordering::SeqCst);
        state.is_polling()
    }

    /// Whether there is mail. After [`LoopState::enter_poll`], this sees all mail of senders that
    /// did not see the loop in its poll.
    pub(crate) fn has_mail(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Takes all mail, in the order in which it was posted.
    pub(crate) fn collect(&self) -> Vec<M> {
        let mut mail = lock(&self.mail);
        self.full.store(false, Ordering::Relaxed);
        std::mem::take(&mut *mail)
    }
}
