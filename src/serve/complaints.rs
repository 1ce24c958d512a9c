//! Keeps a flood out of the log: [`Complaints`].

use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far apart the lines about clients that were turned away are.
const COMPLAINTS: Duration = Duration::from_secs(1);

/// Keeps a flood of clients out of the log: one line in a second, and how many were not said.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<(Option<Instant>, u64)>);

impl Complaints {
    /// How many went unsaid before this one, if this one is to be said.
    pub(crate) fn next(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, unsaid) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < COMPLAINTS) {
            *unsaid += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(mem::take(unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::Complaints;

    #[test]
    fn of_a_flood_the_first_is_said_and_the_others_are_counted() {
        let complaints = Complaints::default();
        assert_eq!(complaints.next(), Some(0));
        for _ in 0..3 {
            assert_eq!(complaints.next(), None);
        }
        let (last, unsaid) = *complaints
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(last.is_some());
        assert_eq!(unsaid, 3);
    }
}
