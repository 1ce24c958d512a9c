//! One target and all that goes with looking at it: [`Subject`].

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::board::{Board, Target};
use super::meters::Meters;
use super::schedule::{Schedule, is_held_against_us};
use super::snapshot::Finding;
use crate::check::{Limit, TargetReport, probe};
use crate::code::{ErrorCode, Stage};
use crate::settings::Environment;

/// What every look needs.
pub(super) struct Surroundings {
    pub(super) environment: Environment,
    pub(super) board: Arc<Board>,
    pub(super) limit: Limit,
    pub(super) started: Instant,
    /// No further look begins once this is cancelled.
    pub(super) ending: CancellationToken,
    /// Told of each target that may be audited after all.
    pub(super) recovered: Notify,
}

/// What came of the newest look at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newest {
    /// There was none yet.
    Missing,
    Passed,
    Failed(Stage),
}

/// One target and all that goes with looking at it.
pub(super) struct Subject {
    pub(super) target: Target,
    index: usize,
    schedule: Schedule,
    meters: RefCell<Meters>,
    /// Held while somebody is connected to it, so that nobody else is.
    turn: Mutex<()>,
    wake: Notify,
    newest: Cell<Newest>,
    /// Whether an audit of it was put off.
    awaits_audit: Cell<bool>,
}

impl Subject {
    /// One of `count` targets that are looked at every `interval`.
    pub(super) fn new(target: Target, index: usize, count: usize, interval: Duration) -> Self {
        Self {
            meters: RefCell::new(Meters::new(&target)),
            target,
            index,
            schedule: Schedule::new(interval, index, count),
            turn: Mutex::default(),
            wake: Notify::new(),
            newest: Cell::new(Newest::Missing),
            awaits_audit: Cell::new(false),
        }
    }

    /// Looks at it again and again, one look at a time, until the end is near.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(super) async fn keep_looking(&self, around: &Surroundings) {
        let mut next = self.schedule.first();
        let mut refusals = 0;
        loop {
            tokio::select! {
                biased;
                () = around.ending.cancelled() => return,
                () = sleep_until(around.started + next) => {}
                () = self.wake.notified() => {}
            }
            let found = {
                let _turn = self.turn.lock().await;
                let Target { role, endpoint, .. } = &self.target;
                probe(&around.environment, *role, endpoint, around.limit).await
            };
            let failed = found.report.failed_stage();
            refusals = if is_held_against_us(failed) {
                refusals + 1
            } else {
                0
            };
            self.tell(failure(&found.report));
            if self.awaits_audit() && !self.is_turned_away() {
                around.recovered.notify_one();
            }
            self.meters.borrow().looked(&found);
            let now = around.started.elapsed();
            let jitter = rand::rng().random_range(-1.0..=1.0);
            next = self.schedule.next(now, refusals, jitter);
            around
                .board
                .looked(self.index, found, next.saturating_sub(now));
        }
    }

    /// Has it looked at without waiting for its time.
    pub(super) fn look_now(&self) {
        self.wake.notify_one();
    }

    /// Keeps others away from it while this is held.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether it may be audited now. An audit connects and logs in too: where servers hold a failure against
    /// whoever comes, it would bring the account nearer to being locked. It then waits for a look that gets
    /// through the login. Where nobody gets as far as the server, what needs no server is still found.
    pub(super) fn may_be_audited(&self, board: &Board) -> bool {
        let waits = self.is_turned_away();
        self.awaits_audit.set(waits);
        if let (true, Newest::Failed(stage)) = (waits, self.newest.get()) {
            let why = format!(
                "it waits for a probe that gets through the login; the newest failed at {stage}"
            );
            self.not_audited(board, &why);
        }
        !waits
    }

    /// Whether an audit of it was put off.
    pub(super) fn awaits_audit(&self) -> bool {
        self.awaits_audit.get()
    }

    fn is_turned_away(&self) -> bool {
        match self.newest.get() {
            Newest::Missing => true,
            Newest::Passed => false,
            Newest::Failed(stage) => is_held_against_us(Some(stage)),
        }
    }

    /// Takes note of an audit.
    pub(super) fn audited(&self, board: &Board, findings: Vec<Finding>, stopped: Option<&str>) {
        self.meters.borrow_mut().audited(&findings);
        board.audited(self.index, findings, stopped);
    }

    /// Takes note of an audit that came to nothing.
    pub(super) fn not_audited(&self, board: &Board, why: &str) {
        board.not_audited(self.index, why);
    }

    /// Logs what has changed.
    fn tell(&self, failure: Option<(Stage, ErrorCode)>) {
        let Target { role, endpoint, .. } = &self.target;
        let now = failure.map_or(Newest::Passed, |(stage, _)| Newest::Failed(stage));
        match (self.newest.replace(now), failure) {
            (Newest::Failed(_), Some((stage, code))) => {
                tracing::debug!(%role, %endpoint, %stage, %code, "still failing");
            }
            (_, Some((stage, code))) => {
                tracing::warn!(%role, %endpoint, %stage, %code, "failing: see the status page");
            }
            (Newest::Passed, None) => tracing::debug!(%role, %endpoint, "looked"),
            (_, None) => tracing::info!(%role, %endpoint, "every stage passed"),
        }
    }
}

/// Where a look failed, and with what.
fn failure(report: &TargetReport) -> Option<(Stage, ErrorCode)> {
    let mut stages = report.stages().iter();
    stages.find_map(|stage| Some((stage.stage(), stage.error()?.code())))
}
