//! Permits for memory: who wants to hold so many bytes waits until there is room for them.

use std::sync::{Condvar, Mutex, PoisonError};

/// A budget of bytes.
#[derive(Debug)]
pub(super) struct Permits {
    /// Bytes left; as good as endless once closed.
    left: Mutex<u64>,
    returned: Condvar,
    budget: u64,
}

impl Permits {
    pub(super) fn new(budget: u64) -> Self {
        Self { left: Mutex::new(budget), returned: Condvar::new(), budget }
    }

    /// Waits for room for `bytes` and takes it; returns what to give back.
    ///
    /// More than the whole budget is cut to it: such a holder is then alone.
    pub(super) fn take(&self, bytes: u64) -> u64 {
        let bytes = bytes.min(self.budget);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self
            .returned
            .wait_while(left, |left| *left < bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        bytes
    }

    /// Lets everyone in from now on, since nobody is left to give anything back.
    pub(super) fn close(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = u64::MAX / 2;
        self.returned.notify_all();
    }

    /// Gives back what [`take`](Self::take) returned.
    pub(super) fn give(&self, bytes: u64) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_add(bytes);
        drop(left);
        self.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_budget_is_out() {
        let permits = Permits::new(100);
        let out = Mutex::new((0, 0));
        std::thread::scope(|scope| {
            for i in 0..8 {
                let (permits, out) = (&permits, &out);
                scope.spawn(move || {
                    for bytes in [30 + i, 70, 1, 400] {
                        let taken = permits.take(bytes);
                        let mut now = out.lock().unwrap();
                        now.0 += taken;
                        now.1 = now.1.max(now.0);
                        drop(now);
                        std::thread::yield_now();
                        out.lock().unwrap().0 -= taken;
                        permits.give(taken);
                    }
                });
            }
        });
        assert!(out.lock().unwrap().1 <= 100);
        assert_eq!(*permits.left.lock().unwrap(), 100);
    }
}
