//! How long connecting took over the last hour, in bounded room: [`History`].

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

/// What is looked back on.
pub(super) const SPAN: Duration = Duration::from_secs(3600);
/// How many points that is at most, however often there is a probe.
const SLOTS: u64 = 120;
/// What one of them stands for.
const SLOT: Duration = Duration::from_secs(SPAN.as_secs() / SLOTS);

/// The probes of the last hour, those of each half minute taken together.
#[derive(Clone, Debug, Default)]
pub(super) struct History(VecDeque<Slot>);

#[derive(Clone, Copy, Debug)]
struct Slot {
    number: u64,
    slowest: Option<f64>,
    failed: bool,
}

/// The probes of one half minute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Point {
    /// How long ago it began.
    pub(super) seconds_ago: u64,
    /// The longest time from name resolution to a ready session; `None` where none succeeded.
    pub(super) connect_ms: Option<f64>,
    /// Whether a probe failed.
    pub(super) failed: bool,
}

impl History {
    /// Adds a probe: how many milliseconds connecting took, or `None` where it failed. `now` is any clock
    /// that only goes forward.
    pub(super) fn add(&mut self, now: Duration, millis: Option<f64>) {
        let number = number(now);
        if let Some(last) = self.0.back_mut().filter(|last| last.number == number) {
            last.slowest = match (last.slowest, millis) {
                (Some(before), Some(now)) => Some(before.max(now)),
                (before, now) => before.or(now),
            };
            last.failed |= millis.is_none();
            return;
        }
        self.0.push_back(Slot {
            number,
            slowest: millis,
            failed: millis.is_none(),
        });
        while self.0.front().is_some_and(|first| is_over(*first, number)) {
            self.0.pop_front();
        }
    }

    /// The points of the last hour, oldest first.
    pub(super) fn points(&self, now: Duration) -> Vec<Point> {
        let current = number(now);
        let recent = self.0.iter().filter(|slot| !is_over(**slot, current));
        recent
            .map(|slot| Point {
                seconds_ago: current.saturating_sub(slot.number) * SLOT.as_secs(),
                connect_ms: slot.slowest,
                failed: slot.failed,
            })
            .collect()
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / SLOT.as_secs()
}

fn is_over(slot: Slot, current: u64) -> bool {
    slot.number + SLOTS <= current
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn probes_of_one_half_minute_are_one_point_of_the_slowest_and_of_any_failure() {
        let mut history = History::default();
        for (second, millis) in [(0, Some(2.0)), (10, None), (29, Some(5.0)), (30, Some(1.0))] {
            history.add(at(second), millis);
        }
        let points = history.points(at(31));
        assert_eq!(
            points,
            [
                Point {
                    seconds_ago: 30,
                    connect_ms: Some(5.0),
                    failed: true
                },
                Point {
                    seconds_ago: 0,
                    connect_ms: Some(1.0),
                    failed: false
                },
            ]
        );
    }

    #[test]
    fn room_is_bounded_and_an_hour_is_all_that_is_looked_back_on() {
        let mut history = History::default();
        for second in 0..20_000 {
            history.add(at(second), Some(1.0));
        }
        assert_eq!(history.0.len(), 120);
        let points = history.points(at(20_000));
        assert!(points.iter().all(|point| point.seconds_ago < 3600));
        assert!(history.points(at(30_000)).is_empty());
    }

    #[test]
    fn failure_without_any_success_has_no_time() {
        let mut history = History::default();
        history.add(at(1), None);
        let points = history.points(at(1));
        assert_eq!(points.first().map(|point| point.connect_ms), Some(None));
    }
}
