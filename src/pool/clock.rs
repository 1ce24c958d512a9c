//! The pool's own time: [`Clock`], which a checkout can read without asking the system.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two readings.
const SHORTEST_TICK: Duration = Duration::from_millis(10);
/// The longest time between two readings.
const LONGEST_TICK: Duration = Duration::from_secs(5);

/// Milliseconds since the pool was built, as of the last tick of the pool's upkeep.
///
/// A checkout that reads the system's clock twice is measurably slower, and the pool's deadlines
/// for idle and aged connections need no more than a twentieth of their length in precision.
pub(super) struct Clock {
    built: Instant,
    tick: Duration,
    last: AtomicU64,
}

impl Clock {
    /// A clock precise enough for deadlines of this length.
    pub(super) fn for_deadline(shortest: Duration) -> Self {
        let tick = (shortest / 20).clamp(SHORTEST_TICK, LONGEST_TICK);
        Self {
            built: Instant::now(),
            tick,
            last: AtomicU64::new(0),
        }
    }

    /// The time between two readings.
    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    /// The last reading: at most one tick old.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// The first reading that is certainly not before this moment.
    pub(super) fn next(&self) -> u64 {
        self.last().saturating_add(millis(self.tick))
    }

    /// The system's time.
    pub(super) fn now(&self) -> u64 {
        millis(self.built.elapsed())
    }

    /// Takes a reading.
    pub(super) fn advance(&self) -> u64 {
        let now = self.now();
        self.last.store(now, Ordering::Relaxed);
        now
    }
}

/// Whole milliseconds; a duration too long for them is as good as for ever.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
