//! What a check found, in the shape of the contract's JSON: [`CheckReport`].
//!
//! `ok`, `exit_code` and a stage's `status` are derived, never set, so that a report cannot
//! contradict itself.

mod stage;
mod tls;

use std::time::Duration;

use serde::Serialize;

pub use self::stage::{ErrorReport, Millis, OtherFault, StageReport, Status};
pub use self::tls::TlsReport;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Role, SettingsError};

/// The exit code of a check that has no verdict.
const INTERNAL_ERROR: u8 = 1;

/// The exit code of a check that passed with warnings though `--strict` was asked for.
pub const WARNINGS_UNDER_STRICT: u8 = 17;

/// Everything one run of `wa-db check` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    targets: Vec<TargetReport>,
}

impl CheckReport {
    /// A report of these targets. Under `strict` a target with a warning is not ok either.
    ///
    /// It fails closed: a check without targets, or one that stopped without a failure, is an
    /// internal error.
    pub fn new(mut targets: Vec<TargetReport>, strict: bool) -> Self {
        let failed = targets.iter().filter_map(TargetReport::failed_stage).min();
        let finished = !targets.is_empty() && targets.iter().all(TargetReport::is_finished);
        let exit_code = match failed {
            Some(stage) => stage.exit_code(),
            None if !finished => INTERNAL_ERROR,
            None if strict && targets.iter().any(TargetReport::has_warnings) => {
                WARNINGS_UNDER_STRICT
            }
            None => 0,
        };
        for target in &mut targets {
            target.ok &= !(strict && target.has_warnings());
        }
        Self {
            version: 1,
            ok: exit_code == 0,
            exit_code,
            targets,
        }
    }

    /// The report of a check that ended before there was a server to talk to: one target per role,
    /// each with its settings stage failed.
    pub fn of_settings_error(roles: &[Role], error: &SettingsError, elapsed: Duration) -> Self {
        let targets = roles
            .iter()
            .map(|role| TargetReport::of_settings_error(*role, error, elapsed));
        Self::new(targets.collect(), false)
    }

    /// Whether the exit code is 0.
    pub fn ok(&self) -> bool {
        self.ok
    }

    /// The exit code of the process: 0, that of the lowest failing stage over all targets, or 17.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// One per role and server, in the order in which they were checked.
    pub fn targets(&self) -> &[TargetReport] {
        &self.targets
    }
}

/// What was found of one role at one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetReport {
    role: Role,
    engine: Option<Engine>,
    endpoint: Option<String>,
    ok: bool,
    stages: Vec<StageReport>,
    tls: Option<TlsReport>,
    server: Option<ServerReport>,
    pool: Option<PoolReport>,
}

impl TargetReport {
    /// A target that got as far as `stages` say. Engine and endpoint are `None` where the settings
    /// did not even say those.
    ///
    /// The report always holds every stage once, in order: stages that are not given, and all that
    /// follow a failed one, are skipped.
    pub fn new(
        role: Role,
        engine: Option<Engine>,
        endpoint: Option<&Endpoint>,
        stages: Vec<StageReport>,
    ) -> Self {
        let stages = complete(stages);
        let endpoint = endpoint.map(Endpoint::to_string);
        let mut target = Self {
            role,
            engine,
            endpoint,
            ok: false,
            stages,
            tls: None,
            server: None,
            pool: None,
        };
        target.ok = target.is_finished() && target.failed_stage().is_none();
        target
    }

    /// A target whose settings already are at fault.
    pub(super) fn of_settings_error(role: Role, error: &SettingsError, elapsed: Duration) -> Self {
        let stage = StageReport::failed(Stage::Settings, elapsed, ErrorReport::from(error))
            .with_warnings(error.warnings());
        Self::new(role, None, None, vec![stage])
    }

    /// Adds what was seen of TLS, also of a handshake that failed.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsReport) -> Self {
        self.describe(Stage::Tls, &tls.to_string());
        self.tls = Some(tls);
        self
    }

    /// Adds what the server says of the session.
    #[must_use]
    pub fn with_server(mut self, server: ServerReport) -> Self {
        self.describe(Stage::Session, &server.to_string());
        self.server = Some(server);
        self
    }

    /// The same with a failed session in the place of one that passed.
    #[must_use]
    pub(super) fn with_failed_session(mut self, error: ErrorReport) -> Self {
        let failed = StageReport::failed(Stage::Session, Duration::ZERO, error);
        let earlier = self
            .stages
            .into_iter()
            .filter(|report| report.stage() < Stage::Session);
        self.stages = complete(earlier.chain([failed]).collect());
        self.ok = false;
        self
    }

    /// Adds what the pool did.
    #[must_use]
    pub fn with_pool(mut self, pool: PoolReport) -> Self {
        let plural = if pool.opened == 1 { "" } else { "s" };
        self.describe(Stage::Pool, &format!("{} connection{plural}", pool.opened));
        self.pool = Some(pool);
        self
    }

    /// The role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The protocol, if the settings got so far as to say it.
    pub fn engine(&self) -> Option<Engine> {
        self.engine
    }

    /// The server, if the settings got so far as to say it.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Whether no stage failed (and under `--strict`: none warned).
    pub fn ok(&self) -> bool {
        self.ok
    }

    /// Every stage, in order.
    pub fn stages(&self) -> &[StageReport] {
        &self.stages
    }

    /// What was seen of TLS.
    pub fn tls(&self) -> Option<&TlsReport> {
        self.tls.as_ref()
    }

    /// What the server says of the session.
    pub fn server(&self) -> Option<&ServerReport> {
        self.server.as_ref()
    }

    /// What the pool did.
    pub fn pool(&self) -> Option<&PoolReport> {
        self.pool.as_ref()
    }

    /// The stage that failed.
    pub fn failed_stage(&self) -> Option<Stage> {
        self.stages
            .iter()
            .find(|stage| stage.status() == Status::Failed)
            .map(StageReport::stage)
    }

    /// Whether any stage has a warning.
    pub fn has_warnings(&self) -> bool {
        self.stages.iter().any(|stage| !stage.warnings().is_empty())
    }

    /// Whether there is a verdict: a stage failed, or each was run or found not to be needed.
    fn is_finished(&self) -> bool {
        self.failed_stage().is_some() || !self.stages.iter().any(StageReport::is_missing)
    }

    /// Gives a stage that went well a detail, unless it has one.
    fn describe(&mut self, which: Stage, detail: &str) {
        for stage in &mut self.stages {
            if stage.stage() == which {
                stage.describe(detail);
            }
        }
    }
}

/// Every stage once, in order, with none run after a failed one.
fn complete(stages: Vec<StageReport>) -> Vec<StageReport> {
    let mut given = stages;
    let mut failed = false;
    Stage::ALL
        .into_iter()
        .map(|stage| {
            let position = given.iter().position(|report| report.stage() == stage);
            let report = position.map(|position| given.swap_remove(position));
            let report = report
                .filter(|_| !failed)
                .unwrap_or_else(|| StageReport::skipped(stage));
            failed |= report.status() == Status::Failed;
            report
        })
        .collect()
}

/// What the server says of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// Product and version: `PostgreSQL 15.18`.
    pub version: String,
    /// Whether it refuses writes.
    pub read_only: bool,
    /// Whether it says that this session is encrypted.
    pub encrypted: bool,
}

impl std::fmt::Display for ServerReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let access = if self.read_only {
            "read-only"
        } else {
            "read-write"
        };
        let encrypted = if self.encrypted {
            "encrypted"
        } else {
            "not encrypted"
        };
        write!(f, "{}, {access}, {encrypted}", self.version)
    }
}

/// What the pool did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolReport {
    /// Connections that were open at the same time.
    pub opened: usize,
    /// How long it took until the last of them was ready.
    pub elapsed_ms: Millis,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::code::ErrorCode;

    fn failed(stage: Stage) -> StageReport {
        StageReport::failed(
            stage,
            Duration::ZERO,
            ErrorReport::new(ErrorCode::ServerError, "message", "hint"),
        )
    }

    fn ok(stage: Stage) -> StageReport {
        StageReport::ok(stage, Duration::ZERO, "")
    }

    fn target(stages: Vec<StageReport>) -> TargetReport {
        TargetReport::new(Role::Webapp, None, None, stages)
    }

    #[test]
    fn exit_code_is_that_of_the_lowest_failing_stage_over_all_targets() {
        let passed = || target(Stage::ALL.into_iter().map(ok).collect());
        let warned = || {
            let warned = Stage::ALL
                .into_iter()
                .map(|stage| ok(stage).with_warning("w"));
            target(warned.collect())
        };
        for (targets, strict, expected) in [
            (vec![passed()], false, 0),
            (vec![passed()], true, 0),
            (
                vec![
                    target(vec![failed(Stage::Pool)]),
                    target(vec![failed(Stage::Tls)]),
                ],
                false,
                13,
            ),
            (
                vec![target(vec![failed(Stage::Connect)]), passed()],
                true,
                12,
            ),
            (vec![warned()], false, 0),
            (vec![warned()], true, 17),
            (vec![], false, 1),
            (vec![passed(), target(vec![ok(Stage::Settings)])], false, 1),
        ] {
            let report = CheckReport::new(targets, strict);
            assert_eq!(report.exit_code(), expected, "{report:?}");
            assert_eq!(report.ok(), expected == 0);
            let all_ok = report.targets().iter().all(TargetReport::ok);
            assert_eq!(report.ok(), all_ok && !report.targets().is_empty());
        }
    }

    #[test]
    fn stages_are_complete_and_in_order_and_none_runs_after_a_failed_one() {
        let report = target(vec![
            ok(Stage::Pool),
            failed(Stage::Resolve),
            ok(Stage::Settings),
        ]);
        let seen: Vec<_> = report.stages().iter().map(StageReport::stage).collect();
        assert_eq!(seen, Stage::ALL);
        let statuses: Vec<_> = report.stages().iter().map(StageReport::status).collect();
        assert_eq!(statuses[..2], [Status::Ok, Status::Failed]);
        assert!(
            statuses[2..]
                .iter()
                .all(|status| *status == Status::Skipped),
            "{statuses:?}"
        );
    }

    #[test]
    fn settings_error_becomes_one_failed_target_per_role_with_every_fault_in_the_message() {
        let error = SettingsError::two_missing();
        let roles = [Role::Webapp, Role::Coreapp];
        let report = CheckReport::of_settings_error(&roles, &error, Duration::ZERO);
        assert_eq!(report.exit_code(), 10);
        let json = serde_json::to_value(&report).unwrap();
        for target in json["targets"].as_array().unwrap() {
            let error = &target["stages"][0]["error"];
            assert_eq!(
                error["message"],
                "WA_DB_ENGINE is not set; WA_DB_HOSTNAME is not set"
            );
            assert_eq!(error["hint"], "set WA_DB_ENGINE");
            assert_eq!(error["others"][0]["variable"], "WA_DB_HOSTNAME");
            assert_eq!(error["others"].as_array().unwrap().len(), 1);
        }
    }
}
