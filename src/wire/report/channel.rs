//! The way of reports to one place: a bounded queue and a task that empties it, [`Channel`].

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::breach::{Key, Report};
use super::metrics::{Outcome, count};
use super::recent::{Novelty, Recent};

/// How many reports wait at most. One holds two chains of certificates, which OpenSSL bounds to
/// 100 KB each.
const QUEUE: usize = 32;
/// How often one report is tried.
const ATTEMPTS: u32 = 5;
/// The pause after the first attempt; it doubles after each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Where reports go in the end.
pub(super) trait Sink: Send + Sync + 'static {
    /// What the metrics call it.
    const NAME: &'static str;
    /// The variable that names it.
    const VARIABLE: &'static str;

    /// Delivers one report, within a time that the sink bounds.
    ///
    /// # Cancel Safety
    /// A future that is dropped may have delivered the report or not.
    fn deliver(&self, report: &Report) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

/// Why a report was not delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// Another attempt may deliver it.
    Perhaps(String),
    /// No other attempt would.
    Never(String),
}

/// The way to one sink. A clone leads to the same one.
///
/// There is a task only while there is something to deliver, on the runtime of whoever reported it.
pub(super) struct Channel<S>(Arc<Shared<S>>);

impl<S> Clone for Channel<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<S> {
    sink: S,
    state: Mutex<State>,
    /// Wakes whoever waits for the task to end.
    ended: Notify,
    /// Whether it was said that reports are not delivered, and that some were dropped: once, until
    /// one is delivered again.
    told_failed: AtomicBool,
    told_dropped: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Report>>,
    recent: Recent,
    is_running: bool,
    lost: Option<LostReports>,
}

/// Reports that came nowhere since this was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostReports {
    /// The variable that names where they were to go.
    pub variable: &'static str,
    /// How many there are.
    pub count: usize,
    /// Why the last one was lost: lower case, no full stop.
    pub why: String,
}

impl<S: Sink> Channel<S> {
    /// The way to this sink, with nothing on it.
    pub(super) fn new(sink: S) -> Self {
        Self(Arc::new(Shared {
            sink,
            state: Mutex::default(),
            ended: Notify::new(),
            told_failed: AtomicBool::new(false),
            told_dropped: AtomicBool::new(false),
        }))
    }

    /// Takes a report and returns at once. One that was sent of late is passed over; one too many
    /// is dropped.
    pub(super) fn send(&self, report: &Arc<Report>) {
        let Ok(runtime) = Handle::try_current() else {
            self.0.dropped(report, "there is no runtime to send it");
            return;
        };
        let key = report.key();
        let verdict = {
            let mut state = self.0.state();
            if state.queue.len() >= QUEUE {
                Err("too many others wait to be sent")
            } else {
                match state.recent.note(key) {
                    Novelty::New => {
                        state.queue.push_back(Arc::clone(report));
                        Ok(true)
                    }
                    Novelty::Repeated => Ok(false),
                    Novelty::OneTooMany => Err("too many different ones came within an hour"),
                }
            }
        };
        match verdict {
            Ok(true) => self.run(&runtime),
            Ok(false) => count::<S>(report, Outcome::Suppressed),
            Err(why) => self.0.dropped(report, why),
        }
    }

    /// Waits until nothing is on the way any more.
    pub(super) async fn idle(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.0.is_idle() {
                return;
            }
            // Reports may have been left behind by a runtime that is gone.
            self.run(&Handle::current());
            ended.await;
        }
    }

    /// What was lost since the last time. What is still on its way counts too: `late` says why it
    /// is given up.
    pub(super) fn lost(&self, late: &str) -> Option<LostReports> {
        let mut state = self.0.state();
        let on_its_way = state.queue.len() + usize::from(state.is_running);
        state.lose::<S>(on_its_way, late);
        state.lost.take()
    }

    /// Has a task empty the queue, unless one does already.
    fn run(&self, runtime: &Handle) {
        {
            let mut state = self.0.state();
            if state.is_running {
                return;
            }
            state.is_running = true;
        }
        // Not under the lock: a runtime that is shutting down drops the task, and with it the turn,
        // right here.
        let turn = Turn(Some(Arc::clone(&self.0)));
        drop(runtime.spawn(turn.work()));
    }
}

impl State {
    fn lose<S: Sink>(&mut self, count: usize, why: &str) {
        if count == 0 {
            return;
        }
        let before = self.lost.as_ref().map_or(0, |lost| lost.count);
        self.lost = Some(LostReports {
            variable: S::VARIABLE,
            count: before + count,
            why: why.to_owned(),
        });
    }
}

impl<S: Sink> Shared<S> {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one step: a panic leaves none half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        let state = self.state();
        state.queue.is_empty() && !state.is_running
    }

    /// The next report; where there is none, the turn is over.
    fn next(&self) -> Option<Arc<Report>> {
        let mut state = self.state();
        let next = state.queue.pop_front();
        if next.is_none() {
            state.is_running = false;
        }
        next
    }

    async fn deliver(&self, report: &Arc<Report>) {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        let why = loop {
            match self.sink.deliver(report).await {
                Ok(()) => {
                    count::<S>(report, Outcome::Sent);
                    self.told_failed.store(false, Ordering::Relaxed);
                    self.told_dropped.store(false, Ordering::Relaxed);
                    return;
                }
                Err(Undelivered::Never(why)) => break why,
                Err(Undelivered::Perhaps(why)) if attempt == ATTEMPTS => break why,
                Err(Undelivered::Perhaps(why)) => {
                    tracing::debug!(attempt, "report not delivered: {why}");
                }
            }
            // Jitter keeps many services that saw the same from knocking in step.
            let jitter = rand::rng().random_range(0.75..1.25);
            sleep(pause.mul_f64(jitter)).await;
            pause *= 2;
            attempt += 1;
        };
        self.give_up(&report.key(), &why);
        count::<S>(report, Outcome::Failed);
        let variable = S::VARIABLE;
        if self.told_failed.swap(true, Ordering::Relaxed) {
            tracing::debug!("{variable}: a report was not delivered: {why}");
        } else {
            tracing::warn!("{variable}: a report was not delivered: {why}");
        }
    }

    /// Lets the next connection report it anew.
    fn give_up(&self, key: &Key, why: &str) {
        let mut state = self.state();
        state.recent.forget(key);
        state.lose::<S>(1, why);
    }

    fn dropped(&self, report: &Report, why: &str) {
        count::<S>(report, Outcome::Dropped);
        self.state().lose::<S>(1, why);
        let variable = S::VARIABLE;
        if self.told_dropped.swap(true, Ordering::Relaxed) {
            tracing::debug!("{variable}: a report was dropped: {why}");
        } else {
            tracing::warn!("{variable}: a report was dropped: {why}");
        }
    }
}

/// The right to empty the queue. There is one at a time; when it is dropped, also by the end of a
/// runtime in the middle of a delivery, another may be given.
struct Turn<S: Sink>(Option<Arc<Shared<S>>>);

impl<S: Sink> Turn<S> {
    async fn work(mut self) {
        if let Some(shared) = &self.0 {
            while let Some(report) = shared.next() {
                shared.deliver(&report).await;
            }
        }
        // Given back by `next`, together with the look at the empty queue.
        if let Some(shared) = self.0.take() {
            shared.ended.notify_waiters();
        }
    }
}

impl<S: Sink> Drop for Turn<S> {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.state().is_running = false;
            shared.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
