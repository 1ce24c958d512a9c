//! Who may open a connection while the server is away: [`Gate`].
//!
//! While all is well the gate is open and costs one atomic load: as many connections as the pool
//! may hold are opened at once. After a failure one task at a time tries, after a pause that doubles
//! from 50 ms to 1 s with ±50 % of jitter, and those who come meanwhile wait for its result: with
//! its success the gate is open again, and its failure is theirs too. A thousand tasks after an
//! outage therefore make one handshake at a time, and never more than `WA_DB_POOL_MAX_SIZE`.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The pause after the first failure, before jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Lets everyone through while connections succeed, and one at a time while they fail.
pub(super) struct Gate<E> {
    /// Whether the last attempt failed. Read without the lock on the way in.
    shut: AtomicBool,
    outage: Mutex<Outage<E>>,
    /// Told when an attempt ends.
    turned: Notify,
}

/// What is known of an outage. `failures == 0` means there is none.
struct Outage<E> {
    failures: u32,
    last: Option<E>,
    not_before: Instant,
    probing: bool,
    /// Grows with every verdict, so that those who wait know whose they got.
    round: u64,
}

impl<E: Clone> Gate<E> {
    /// An open gate.
    pub(super) fn new() -> Self {
        Self {
            shut: AtomicBool::new(false),
            outage: Mutex::new(Outage {
                failures: 0,
                last: None,
                not_before: Instant::now(),
                probing: false,
                round: 0,
            }),
            turned: Notify::new(),
        }
    }

    /// Waits until this task may try. An error is that of another task that tried meanwhile.
    ///
    /// # Cancel safety
    ///
    /// A task that is dropped while it waits, or while it tries, leaves its place to the next.
    pub(super) async fn enter(&self) -> Result<Pass<'_, E>, E> {
        if !self.shut.load(Ordering::Acquire) {
            return Ok(Pass {
                gate: self,
                probe: false,
                settled: false,
            });
        }
        let mut joined = None;
        loop {
            let mut turned = pin!(self.turned.notified());
            // Enabled before the look, so that a verdict in between is not missed.
            turned.as_mut().enable();
            {
                let mut outage = self.outage();
                if outage.failures == 0 {
                    return Ok(Pass {
                        gate: self,
                        probe: false,
                        settled: false,
                    });
                }
                if joined.is_some_and(|round| round != outage.round)
                    && let Some(error) = &outage.last
                {
                    return Err(error.clone());
                }
                if !outage.probing {
                    outage.probing = true;
                    break;
                }
                joined.get_or_insert(outage.round);
            }
            turned.await;
        }
        let pass = Pass {
            gate: self,
            probe: true,
            settled: false,
        };
        let not_before = self.outage().not_before;
        sleep_until(not_before).await;
        Ok(pass)
    }

    /// Why the last attempt failed, if none has succeeded since.
    pub(super) fn last_failure(&self) -> Option<E> {
        if self.shut.load(Ordering::Acquire) {
            self.outage().last.clone()
        } else {
            None
        }
    }

    fn outage(&self) -> MutexGuard<'_, Outage<E>> {
        // Nothing panics while it holds the lock, and every state of the fields is a sound one.
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make one attempt. Its verdict opens or shuts the gate.
pub(super) struct Pass<'a, E: Clone> {
    gate: &'a Gate<E>,
    /// Whether the gate was shut and others wait for this attempt.
    probe: bool,
    settled: bool,
}

impl<E: Clone> Pass<'_, E> {
    /// The attempt succeeded.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        if !self.probe && !self.gate.shut.load(Ordering::Acquire) {
            return;
        }
        let mut outage = self.gate.outage();
        outage.failures = 0;
        outage.last = None;
        outage.round += 1;
        if self.probe {
            outage.probing = false;
        }
        self.gate.shut.store(false, Ordering::Release);
        drop(outage);
        self.gate.turned.notify_waiters();
    }

    /// The attempt failed.
    pub(super) fn failed(mut self, error: E) {
        self.settled = true;
        let mut outage = self.gate.outage();
        outage.last = Some(error);
        // The failures of one burst that was under way together count once.
        if self.probe || outage.failures == 0 {
            outage.failures = outage.failures.saturating_add(1);
            outage.not_before = Instant::now() + pause(outage.failures);
            outage.round += 1;
        }
        if self.probe {
            outage.probing = false;
        }
        self.gate.shut.store(true, Ordering::Release);
        drop(outage);
        self.gate.turned.notify_waiters();
    }
}

impl<E: Clone> Drop for Pass<'_, E> {
    fn drop(&mut self) {
        if self.probe && !self.settled {
            self.gate.outage().probing = false;
            self.gate.turned.notify_waiters();
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let pause = FIRST_PAUSE
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE);
    pause.mul_f64(rand::random_range(0.5..1.5))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::{Gate, pause};

    #[test]
    fn pauses_double_up_to_the_longest_with_jitter() {
        for (failures, shortest, longest) in [
            (1, 25, 75),
            (2, 50, 150),
            (3, 100, 300),
            (6, 500, 1500),
            (60, 500, 1500),
        ] {
            let mut seen = Vec::new();
            for _ in 0..64 {
                let pause = pause(failures);
                assert!(
                    pause >= Duration::from_millis(shortest)
                        && pause <= Duration::from_millis(longest)
                );
                seen.push(pause);
            }
            seen.dedup();
            assert!(seen.len() > 1, "no jitter after {failures} failures");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_leaves_its_place_to_the_next() {
        let gate: Gate<&str> = Gate::new();
        gate.enter().await.unwrap().failed("down");
        let probe = gate.enter().await.unwrap();
        let second = gate.enter();
        tokio::pin!(second);
        assert!(
            tokio::time::timeout(Duration::from_secs(5), &mut second)
                .await
                .is_err()
        );
        drop(probe);
        let probe = second.await.unwrap();
        probe.succeeded();
        assert!(gate.last_failure().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_a_probe_share_its_failure() {
        let gate: Gate<&str> = Gate::new();
        gate.enter().await.unwrap().failed("first");
        let probe = gate.enter().await.unwrap();
        let waiting = gate.enter();
        tokio::pin!(waiting);
        assert!(
            tokio::time::timeout(Duration::from_millis(1), &mut waiting)
                .await
                .is_err()
        );
        probe.failed("second");
        assert_eq!(waiting.await.err(), Some("second"));
        assert_eq!(gate.last_failure(), Some("second"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_that_fails_together_counts_as_one_failure() {
        let gate: Gate<&str> = Gate::new();
        let mut burst = Vec::new();
        for _ in 0..16 {
            burst.push(gate.enter().await.unwrap());
        }
        for pass in burst {
            pass.failed("down");
        }
        let begin = tokio::time::Instant::now();
        gate.enter().await.unwrap().succeeded();
        assert!(
            begin.elapsed() <= Duration::from_millis(76),
            "waited {:?}",
            begin.elapsed()
        );
    }
}
