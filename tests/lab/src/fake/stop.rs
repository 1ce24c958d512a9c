//! The signal that ends every thread of a fake when its owner lets go of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A flag that threads can sleep on.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    raised: Mutex<bool>,
    bell: Condvar,
}

impl Stop {
    /// Raises the flag and wakes every sleeper.
    pub(crate) fn raise(&self) {
        *lock(&self.raised) = true;
        self.bell.notify_all();
    }

    /// Whether the flag is up.
    pub(crate) fn is_raised(&self) -> bool {
        *lock(&self.raised)
    }

    /// Sleeps for `length`, or until the flag goes up, and says whether it is.
    pub(crate) fn pause(&self, length: Duration) -> bool {
        let end = Instant::now() + length;
        let mut raised = lock(&self.raised);
        while !*raised {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            raised = self
                .bell
                .wait_timeout(raised, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *raised
    }
}

/// Locks `mutex` even when a thread died holding it: the data here is counters and records, which
/// stay readable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
