//! Atomics whose every access is a switch point towards every other access.
//!
//! `loom` (0.7) looks for races only with the last access of an atomic. A load that follows another
//! thread's load hides that one from the next store: with `a.load()` here and `a.load(); a.store()`
//! there, it never tries the first after the last. [`LoopState`](crate::handover::state::LoopState)
//! is used in just this way. Therefore every access first changes a shadow of its atomic, relaxed,
//! so that it orders nothing: all accesses conflict, and all their orders are tried. What a load
//! then sees of weak memory is not touched by this.

pub(crate) use loom::sync::atomic::{Ordering, fence};

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name {
            shadow: loom::sync::atomic::AtomicU8,
            atomic: loom::sync::atomic::$name,
        }

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self {
                    shadow: loom::sync::atomic::AtomicU8::new(0),
                    atomic: loom::sync::atomic::$name::new(value),
                }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.meet();
                self.atomic.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.meet();
                self.atomic.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.meet();
                self.atomic.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.meet();
                self.atomic.compare_exchange(current, new, success, failure)
            }

            fn meet(&self) {
                self.shadow.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);

impl AtomicUsize {
    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.meet();
        self.atomic.fetch_add(value, order)
    }

    pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        self.meet();
        self.atomic.fetch_sub(value, order)
    }

    pub(crate) fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        let mut seen = self.load(failure);
        while let Some(new) = change(seen) {
            match self.compare_exchange(seen, new, success, failure) {
                Ok(before) => return Ok(before),
                Err(now) => seen = now,
            }
        }
        Err(seen)
    }
}
