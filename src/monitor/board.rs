//! The newest of everything that was found: [`Board`]. Its room is bounded: one look, one audit and an hour's
//! points for each target.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::describe;
use super::history::History;
use super::judge::{self, Facts};
use super::snapshot::{AuditStatus, Finding, Status, TargetStatus};
use crate::check::Probe;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::Role;

/// One role at one server.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) role: Role,
    pub(super) engine: Engine,
    pub(super) endpoint: Endpoint,
}

/// The newest of everything that was found.
pub(super) struct Board {
    started: (Instant, SystemTime),
    interval: Duration,
    /// How late a look may be before nobody should believe the last one.
    patience: Duration,
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    target: Target,
    newest: Option<Newest>,
    probes: u64,
    failed_probes: u64,
    history: History,
    audit: Option<AuditStatus>,
    /// When the next look must have been taken.
    due: Instant,
}

struct Newest {
    probe: Probe,
    taken: (Instant, SystemTime),
}

impl Board {
    /// A board for these targets, none of which was looked at.
    pub(super) fn new(targets: Vec<Target>, interval: Duration, patience: Duration) -> Self {
        let now = Instant::now();
        let entries = targets.into_iter().map(|target| Entry {
            target,
            newest: None,
            probes: 0,
            failed_probes: 0,
            history: History::default(),
            audit: None,
            due: now + interval + patience,
        });
        Self {
            started: (now, SystemTime::now()),
            interval,
            patience,
            entries: Mutex::new(entries.collect()),
        }
    }

    /// Takes note of a look at a target. The next one begins after `pause`.
    pub(super) fn looked(&self, index: usize, probe: Probe, pause: Duration) {
        let now = Instant::now();
        let since = now - self.started.0;
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(index) else {
            return;
        };
        let millis = describe::connect_ms(&probe.report);
        entry.probes += 1;
        entry.failed_probes += u64::from(!probe.report.ok());
        entry.history.add(since, millis);
        entry.due = now + pause + self.patience;
        entry.newest = Some(Newest {
            probe,
            taken: (now, SystemTime::now()),
        });
    }

    /// Takes note of an audit of a target.
    pub(super) fn audited(&self, index: usize, findings: Vec<Finding>, stopped: Option<&str>) {
        if let Some(entry) = self.entries().get_mut(index) {
            entry.audit = Some(describe::audit(SystemTime::now(), findings, stopped));
        }
    }

    /// Takes note of an audit that came to nothing: what was found before stands, with the reason.
    pub(super) fn not_audited(&self, index: usize, why: &str) {
        if let Some(entry) = self.entries().get_mut(index) {
            let before = entry.audit.take();
            entry.audit = Some(match before {
                Some(audit) => describe::stopped(audit, why),
                None => describe::unaudited(why),
            });
        }
    }

    /// Everything, as it is now.
    pub(super) fn status(&self) -> Status {
        self.status_at(Instant::now(), SystemTime::now())
    }

    /// Targets that were not looked at for too long: whatever looks at them is stuck.
    pub(super) fn overdue(&self) -> Vec<String> {
        let now = Instant::now();
        let entries = self.entries();
        let late = entries.iter().filter(|entry| entry.due < now);
        late.map(|entry| format!("{} at {}", entry.target.role, entry.target.endpoint))
            .collect()
    }

    fn status_at(&self, now: Instant, clock: SystemTime) -> Status {
        let since = now - self.started.0;
        let targets: Vec<_> = self
            .entries()
            .iter()
            .map(|entry| entry.status(now, since))
            .collect();
        let (state, summary) = judge::all(&targets);
        Status {
            version: 1,
            state,
            summary,
            generated_at: describe::moment(clock),
            started_at: describe::moment(self.started.1),
            interval_seconds: self.interval.as_secs_f64(),
            program: env!("CARGO_PKG_VERSION"),
            targets,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Entries are replaced field by field, and nothing in between can fail.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn status(&self, now: Instant, since_start: Duration) -> TargetStatus {
        let newest = self.newest.as_ref();
        let mut status = describe::target(&self.target, newest.map(|newest| &newest.probe));
        if let Some(Newest { taken, .. }) = newest {
            status.probed_at = Some(describe::moment(taken.1));
            status.probe_age_seconds = Some(now.saturating_duration_since(taken.0).as_secs_f64());
        }
        status.probes = self.probes;
        status.failed_probes = self.failed_probes;
        status.history = self.history.points(since_start);
        status.audit.clone_from(&self.audit);
        let facts = Facts {
            target: &status,
            is_stale: self.due < now,
        };
        (status.state, status.summary) = judge::target(&facts);
        status
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;
    use crate::monitor::fixtures;
    use crate::monitor::snapshot::State;

    #[test]
    fn target_that_was_not_looked_at_in_time_is_overdue_until_the_next_look() {
        let target = fixtures::target(Role::Coreapp, "db.lab");
        let board = Board::new(vec![target.clone()], Duration::ZERO, Duration::ZERO);
        sleep(Duration::from_millis(1));
        assert_eq!(board.overdue(), ["coreapp at db.lab:5432"]);
        let probe = fixtures::passing(&target, Duration::ZERO, 90);
        board.looked(0, probe.clone(), Duration::from_secs(60));
        assert!(board.overdue().is_empty());
        board.looked(0, probe, Duration::ZERO);
        sleep(Duration::from_millis(1));
        assert_eq!(board.overdue().len(), 1);
        assert_eq!(
            board.status().state,
            State::Failing,
            "nobody may believe it"
        );
    }

    #[test]
    fn looks_are_counted_and_the_newest_is_shown() {
        let target = fixtures::target(Role::Webapp, "db.lab");
        let board = Board::new(
            vec![target.clone()],
            Duration::from_secs(30),
            Duration::from_secs(30),
        );
        let pause = Duration::from_secs(30);
        let refused = crate::code::ErrorCode::ConnectionRefused;
        let stage = crate::code::Stage::Connect;
        board.looked(0, fixtures::failing(&target, stage, refused), pause);
        let took = Duration::from_millis(2);
        board.looked(0, fixtures::passing(&target, took, 90), pause);
        let status = board.status();
        let shown = status.targets.first();
        let counts = shown.map(|target| (target.probes, target.failed_probes, target.state));
        assert_eq!(counts, Some((2, 1, State::Healthy)));
        // Resolve, connect, tls, authenticate and session.
        assert_eq!(shown.and_then(|target| target.connect_ms), Some(10.0));
        let points = shown
            .map(|target| target.history.clone())
            .unwrap_or_default();
        let points: Vec<_> = points
            .iter()
            .map(|one| (one.connect_ms, one.failed))
            .collect();
        assert_eq!(points, [(Some(10.0), true)]);
    }
}
