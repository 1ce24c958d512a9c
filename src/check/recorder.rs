//! What one target's stages showed so far, kept outside their futures so that a deadline which
//! ends those loses nothing: [`Recorder`].

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::report::{ErrorReport, PoolReport, ServerReport, StageReport, TargetReport, TlsReport};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::Settings;

/// A stage failed; the recorder holds why.
#[derive(Debug)]
pub(super) struct Stopped;

/// Collects the stages of one target.
pub(super) struct Recorder<'a> {
    began: &'a dyn Fn(Stage),
    seen: RefCell<Seen>,
}

struct Seen {
    stages: Vec<StageReport>,
    current: Stage,
    since: Instant,
    tls: Option<TlsReport>,
    server: Option<ServerReport>,
    pool: Option<PoolReport>,
    awaited: Option<Awaited>,
}

/// What the server owes us; what that is decides what to do when it does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// A server of MySQL's protocol speaks first; one of PostgreSQL's waits for its client.
    MySqlGreeting,
}

impl<'a> Recorder<'a> {
    /// A recorder that tells `began` of each stage as it begins.
    pub(super) fn new(began: &'a dyn Fn(Stage)) -> Self {
        let seen = Seen {
            stages: Vec::new(),
            current: Stage::Settings,
            since: Instant::now(),
            tls: None,
            server: None,
            pool: None,
            awaited: None,
        };
        Self {
            began,
            seen: RefCell::new(seen),
        }
    }

    /// Runs one stage under a deadline. `variable` is what sets the deadline.
    pub(super) async fn stage<T>(
        &self,
        stage: Stage,
        deadline: Deadline,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Stopped> {
        self.begin(stage);
        match timeout_at(deadline.at, work).await {
            Ok(Ok(value)) => {
                self.push(StageReport::ok(stage, self.elapsed(), ""));
                Ok(value)
            }
            Ok(Err(failure)) => Err(self.fail(&failure)),
            Err(_) => Err(self.out_of_time(&deadline)),
        }
    }

    /// Notes a stage that another one already did, or in which there is nothing to do.
    pub(super) fn push(&self, report: StageReport) {
        let mut seen = self.seen.borrow_mut();
        seen.stages
            .retain(|earlier| earlier.stage() != report.stage());
        seen.stages.push(report);
    }

    /// Says in a few words what a stage that passed has found.
    pub(super) fn detail(&self, stage: Stage, detail: &str) {
        for report in &mut self.seen.borrow_mut().stages {
            if report.stage() == stage {
                report.describe(detail);
            }
        }
    }

    /// Adds a warning to a stage that passed.
    pub(super) fn warn(&self, stage: Stage, warning: &str) {
        for report in &mut self.seen.borrow_mut().stages {
            if report.stage() == stage {
                *report = report.clone().with_warning(warning);
            }
        }
    }

    pub(super) fn set_tls(&self, tls: TlsReport) {
        self.seen.borrow_mut().tls = Some(tls);
    }

    pub(super) fn set_channel_bound(&self) {
        if let Some(tls) = &mut self.seen.borrow_mut().tls {
            tls.channel_bound = true;
        }
    }

    pub(super) fn set_server(&self, server: ServerReport) {
        self.seen.borrow_mut().server = Some(server);
    }

    pub(super) fn set_pool(&self, pool: PoolReport) {
        self.seen.borrow_mut().pool = Some(pool);
    }

    /// Notes a failure at the stage that it belongs to, which may be an earlier or a later one
    /// than the one that was being worked on: a server may judge a client's certificate after
    /// TLS is done, and name a missing database during the login.
    pub(super) fn fail(&self, failure: &Failure) -> Stopped {
        let elapsed = self.elapsed();
        let current = self.seen.borrow().current;
        if failure.stage() > current {
            self.push(StageReport::ok(current, elapsed, ""));
        }
        let error = ErrorReport::new(failure.code(), failure.message(), failure.hint());
        self.push(StageReport::failed(failure.stage(), elapsed, error));
        Stopped
    }

    /// Notes that a deadline passed in the stage that is being worked on.
    pub(super) fn out_of_time(&self, deadline: &Deadline) -> Stopped {
        let (stage, awaited) = {
            let seen = self.seen.borrow();
            (seen.current, seen.awaited)
        };
        self.fail(&deadline.passed(stage, awaited))
    }

    /// Notes what the server has to send before the stage can go on; `None` once it came.
    pub(super) fn awaits(&self, awaited: Option<Awaited>) {
        self.seen.borrow_mut().awaited = awaited;
    }

    /// The target's report of all that was recorded.
    pub(super) fn finish(self, settings: &Settings, endpoint: &Endpoint) -> TargetReport {
        let Seen {
            stages,
            tls,
            server,
            pool,
            ..
        } = self.seen.into_inner();
        let mut target = TargetReport::new(
            settings.role(),
            Some(settings.engine()),
            Some(endpoint),
            stages,
        );
        if let Some(tls) = tls {
            target = target.with_tls(tls);
        }
        if let Some(server) = server {
            target = target.with_server(server);
        }
        match pool {
            Some(pool) => target.with_pool(pool),
            None => target,
        }
    }

    fn begin(&self, stage: Stage) {
        let mut seen = self.seen.borrow_mut();
        seen.current = stage;
        seen.since = Instant::now();
        seen.awaited = None;
        drop(seen);
        (self.began)(stage);
    }

    fn elapsed(&self) -> Duration {
        self.seen.borrow().since.elapsed()
    }
}

/// A point in time and what set it.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    length: Duration,
    variable: &'static str,
}

impl Deadline {
    /// `length` from now on; `variable` is what a person changes for another length.
    pub(super) fn after(length: Duration, variable: &'static str) -> Self {
        let now = Instant::now();
        // A length beyond what the clock can hold is as good as none.
        let at = now
            .checked_add(length)
            .unwrap_or_else(|| now + Duration::from_secs(86_400 * 365));
        Self {
            at,
            length,
            variable,
        }
    }

    /// The point in time.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// The failure of a stage that was still running then.
    fn passed(&self, stage: Stage, awaited: Option<Awaited>) -> Failure {
        let (variable, length) = (self.variable, self.length);
        let (who, hint) = match (stage, awaited) {
            (Stage::Resolve, _) => (
                "the look-up of WA_DB_HOSTNAME",
                format!(
                    "check that the name server answers; raise {variable} if it is merely slow"
                ),
            ),
            (_, Some(Awaited::MySqlGreeting)) => (
                "the server at WA_DB_HOSTNAME",
                format!(
                    "no MySQL greeting came: check that WA_DB_ENGINE and WA_DB_PORT fit the server \
                     (one of PostgreSQL waits for the client to speak), and that it is up; raise \
                     {variable} if it is merely far away"
                ),
            ),
            _ => (
                "the server at WA_DB_HOSTNAME",
                format!(
                    "check that the server is up and not overloaded; raise {variable} if it is \
                     merely far away"
                ),
            ),
        };
        let message = format!("{who} let {variable} ({length:?}) pass in stage {stage}");
        Failure::new(stage, ErrorCode::Timeout, message, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_deadline_depends_on_what_was_waited_for() {
        for (stage, awaited, part) in [
            (Stage::Resolve, None, "name server"),
            (Stage::Connect, None, "not overloaded"),
            (Stage::Tls, None, "not overloaded"),
            (
                Stage::Tls,
                Some(Awaited::MySqlGreeting),
                "no MySQL greeting came: check that WA_DB_ENGINE",
            ),
        ] {
            let deadline = Deadline {
                at: Instant::now(),
                length: Duration::from_secs(3),
                variable: "--timeout",
            };
            let recorder = Recorder::new(&|_| ());
            recorder.begin(stage);
            recorder.awaits(awaited);
            recorder.out_of_time(&deadline);
            let stages = recorder.seen.into_inner().stages;
            let error = stages.first().and_then(StageReport::error);
            let hint = error.map(ErrorReport::hint).unwrap_or_default();
            assert!(
                hint.contains(part) && hint.contains("--timeout"),
                "{stage}: {hint}"
            );
        }
    }
}
