//! What other threads tell a loop.

use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::{Mutex, lock};

use super::state::LoopState;

/// The mail of one loop: connections that come back, new ones, wake-ups, the order to stop.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    mail: Mutex<Vec<M>>,
    /// Lets the driver look for mail without taking the lock, under which alone it changes.
    full: AtomicBool,
}

impl<M> Inbox<M> {
    pub(crate) fn new() -> Self {
        Self { mail: Mutex::new(Vec::new()), full: AtomicBool::new(false) }
    }

    /// Leaves a message. True: the loop is (or is about to be) blocked in its poll, and the caller must
    /// interrupt that.
    #[must_use]
    pub(crate) fn post(&self, message: M, state: &LoopState) -> bool {
        let mut mail = lock(&self.mail);
        mail.push(message);
        self.full.store(true, Ordering::Relaxed);
        drop(mail);
        // Between the mail and the look at the loop; its counterpart is in `LoopState::enter_poll`.
        fence(Ordering::SeqCst);
        state.is_polling()
    }

    /// Whether there is mail. After [`LoopState::enter_poll`] this sees all mail whose sender did not see that.
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
