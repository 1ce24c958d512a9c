//! When a target is looked at: spread over the interval, jittered, and less often where a server holds looks
//! against us: [`Schedule`].

use std::time::Duration;

use crate::code::Stage;

/// How far a look may be from its place in the interval, as a share of the interval.
pub(super) const JITTER: f64 = 0.1;
/// How far apart the first looks at several targets are at most, so that all are seen soon.
const FIRST_STEP: Duration = Duration::from_secs(1);
/// The most that a target which fails is looked at less often.
const LONGEST_FACTOR: u32 = 10;
/// No pause is made longer than this for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// When one of several targets is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    interval: Duration,
    index: u32,
    count: u32,
}

impl Schedule {
    /// The schedule of a target, by its place among all.
    pub(super) fn new(interval: Duration, index: usize, count: usize) -> Self {
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            interval,
            index: number(index),
            count: number(count).max(1),
        }
    }

    /// How long after the start the first look is.
    pub(super) fn first(&self) -> Duration {
        (self.interval / self.count).min(FIRST_STEP) * self.index
    }

    /// How long after the start the next look is, `now` being how long ago the start was. `jitter` is
    /// between -1 and 1.
    pub(super) fn next(&self, now: Duration, refusals: u32, jitter: f64) -> Duration {
        let phase = self.interval / self.count * self.index;
        let pause = self.pause(refusals);
        let rounds = now.checked_sub(phase).map_or(0, |since| {
            let whole = since.as_nanos() / self.interval.as_nanos().max(1);
            u32::try_from(whole).unwrap_or(u32::MAX).saturating_add(1)
        });
        let longer = pause.saturating_sub(self.interval);
        let mut next = phase + self.interval.saturating_mul(rounds) + longer;
        // Two looks are never closer than half of it.
        if next < now + self.interval / 2 {
            next += self.interval;
        }
        let shift = self.interval.mul_f64(JITTER * jitter.abs().min(1.0));
        if jitter < 0.0 {
            next.saturating_sub(shift)
        } else {
            next + shift
        }
    }

    /// From one look to the next after so many refusals in a row.
    pub(super) fn pause(&self, refusals: u32) -> Duration {
        let factor = 1_u32 << refusals.min(LONGEST_FACTOR.ilog2() + 1);
        let longer = self.interval * factor.min(LONGEST_FACTOR);
        longer.min(LONGEST_PAUSE.max(self.interval))
    }
}

/// Whether a failure is one that a server counts against whoever comes: a handshake that was broken off and a
/// login that was refused. Too many of them, and MySQL blocks the host (`max_connect_errors`), or a policy
/// locks the account.
pub(super) fn is_held_against_us(failed: Option<Stage>) -> bool {
    matches!(failed, Some(Stage::Tls | Stage::Authenticate))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn first_looks_come_soon_and_one_after_the_other() {
        for (interval, index, count, first) in [
            (INTERVAL, 0, 1, 0),
            (INTERVAL, 0, 2, 0),
            (INTERVAL, 1, 2, 1),
            (INTERVAL, 3, 4, 3),
        ] {
            let schedule = Schedule::new(interval, index, count);
            assert_eq!(schedule.first(), seconds(first), "{index} of {count}");
        }
        let dense = Schedule::new(seconds(1), 3, 4);
        assert_eq!(dense.first(), Duration::from_millis(750));
    }

    #[test]
    fn later_looks_are_spread_over_the_interval() {
        for (index, now, next) in [(0, 0, 30), (0, 31, 60), (1, 1, 40), (1, 41, 70), (2, 2, 20)] {
            let schedule = Schedule::new(INTERVAL, index, 3);
            assert_eq!(
                schedule.next(seconds(now), 0, 0.0),
                seconds(next),
                "{index} at {now}"
            );
        }
    }

    #[test]
    fn two_looks_are_never_closer_than_two_fifths_of_the_interval() {
        let schedule = Schedule::new(INTERVAL, 1, 3);
        for now in 0..600 {
            for jitter in [-1.0, 0.0, 1.0] {
                let next = schedule.next(seconds(now), 0, jitter);
                let pause = next.saturating_sub(seconds(now));
                assert!(
                    pause >= seconds(12) && pause <= seconds(48),
                    "{now} {pause:?}"
                );
            }
        }
    }

    #[test]
    fn refusals_make_pauses_longer_up_to_a_bound() {
        for (interval, refusals, pause) in [
            (30, 0, 30),
            (30, 1, 60),
            (30, 3, 240),
            (30, 4, 300),
            (30, 99, 300),
            (1, 99, 10),
            (600, 99, 600),
        ] {
            let schedule = Schedule::new(seconds(interval), 0, 1);
            assert_eq!(
                schedule.pause(refusals),
                seconds(pause),
                "{interval} {refusals}"
            );
        }
        let schedule = Schedule::new(INTERVAL, 0, 1);
        assert_eq!(schedule.next(seconds(1), 2, 0.0), seconds(120));
    }

    #[test]
    fn only_what_a_server_counts_against_us_is_held_against_us() {
        for stage in Stage::ALL {
            let held = matches!(stage, Stage::Tls | Stage::Authenticate);
            assert_eq!(is_held_against_us(Some(stage)), held, "{stage}");
        }
        assert!(!is_held_against_us(None));
    }
}
