//! What an audit found: [`AuditReport`].

use std::cmp::Reverse;
use std::path::PathBuf;

use serde::Serialize;

use super::evidence::Evidence;
use super::rule::{Observation, Rule};
use super::severity::Severity;
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Engine;
use crate::failure::Failure;
use crate::settings::{Fault, Role, SettingsError, Warning};

/// The exit code of an audit that looked at nothing.
const INTERNAL_ERROR: u8 = 1;

/// The exit code of an audit with a finding at or above the threshold.
const FOUND: u8 = 18;

/// Everything one run of `wa-db audit` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    fail_on: Severity,
    targets: Vec<AuditTarget>,
    notes: Vec<String>,
}

impl AuditReport {
    /// A report of these targets. A finding as bad as `fail_on`, or worse, fails it; so does a server
    /// that could not be looked at, with the code of the stage that stood in the way. An audit of
    /// nothing is an internal error.
    pub fn new(targets: Vec<AuditTarget>, fail_on: Severity) -> Self {
        let stopped = targets.iter().filter_map(|target| target.error.as_ref());
        let stopped = stopped.map(|error| error.stage).min();
        let fails = |finding: &Finding| finding.severity >= fail_on;
        let fails = |target: &AuditTarget| target.counting().any(fails);
        let exit_code = match stopped {
            Some(stage) => stage.exit_code(),
            None if targets.is_empty() => INTERNAL_ERROR,
            None if targets.iter().any(fails) => FOUND,
            None => 0,
        };
        Self {
            version: 1,
            ok: exit_code == 0,
            exit_code,
            fail_on,
            targets,
            notes: Vec::new(),
        }
    }

    /// A report of roles whose settings cannot even be read.
    pub fn of_settings_error(roles: &[Role], error: &SettingsError, fail_on: Severity) -> Self {
        let targets = roles
            .iter()
            .map(|role| AuditTarget::of_settings_error(*role, error));
        Self::new(targets.collect(), fail_on)
    }

    /// The same with what is to be known of the suppressions.
    #[must_use]
    pub(super) fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// From which severity on a finding fails the audit.
    pub fn fail_on(&self) -> Severity {
        self.fail_on
    }

    /// What is to be known of the suppressions: which have ended, and which match nothing.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// One per role and server.
    pub fn targets(&self) -> &[AuditTarget] {
        &self.targets
    }
}

/// What was found of one role at one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditTarget {
    /// The role.
    pub role: Role,
    /// The protocol, if the settings got so far as to say it.
    pub engine: Option<Engine>,
    /// The server, if the settings got so far as to say it.
    pub endpoint: Option<String>,
    /// The file that most of its variables are from.
    #[serde(skip)]
    pub env_file: Option<PathBuf>,
    /// Why the server could not be looked at to the end.
    pub error: Option<AuditError>,
    /// What is odd about the variables and the files they name, and what could not be looked at.
    pub warnings: Vec<String>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

impl AuditTarget {
    /// A target whose settings already are at fault.
    pub(super) fn of_settings_error(role: Role, error: &SettingsError) -> Self {
        Self {
            role,
            engine: None,
            endpoint: None,
            env_file: None,
            error: Some(AuditError::from(error)),
            warnings: messages(error.warnings()),
            findings: Vec::new(),
        }
    }

    /// What was found of a server, the worst first.
    pub(super) fn new(
        evidence: &Evidence<'_>,
        failure: Option<&Failure>,
        mut findings: Vec<Finding>,
    ) -> Self {
        // Rules of one severity stay in the order of the list.
        findings.sort_by_key(|finding| Reverse(finding.severity));
        let settings = evidence.settings;
        let mut warnings = messages(settings.warnings());
        warnings.extend(messages(evidence.policy.warnings()));
        warnings.extend(evidence.remarks.iter().cloned());
        Self {
            role: settings.role(),
            engine: Some(settings.engine()),
            endpoint: Some(evidence.endpoint.to_string()),
            env_file: evidence.env_file().cloned(),
            error: failure.map(AuditError::from),
            warnings,
            findings,
        }
    }

    /// The findings that nobody has suppressed.
    pub fn counting(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.suppressed.is_none())
    }
}

fn messages(warnings: &[Warning]) -> Vec<String> {
    let messages = warnings.iter().map(|warning| warning.message.clone());
    messages.collect()
}

/// What kept an audit from looking further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditError {
    /// The stage that failed.
    pub stage: Stage,
    /// The contract's word for what went wrong.
    pub code: ErrorCode,
    /// What went wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Each fault of the settings, which `message` and `hint` tell in one breath.
    #[serde(skip)]
    pub faults: Vec<Fault>,
}

impl From<&SettingsError> for AuditError {
    fn from(error: &SettingsError) -> Self {
        let faults = error.faults();
        let joined = |of: fn(&Fault) -> &str| faults.iter().map(of).collect::<Vec<_>>().join("; ");
        Self {
            stage: Stage::Settings,
            code: faults
                .first()
                .map_or(ErrorCode::VariableInvalid, |fault| fault.code),
            message: joined(|fault| &fault.message),
            hint: joined(|fault| &fault.hint),
            faults: faults.to_vec(),
        }
    }
}

impl From<&Failure> for AuditError {
    fn from(failure: &Failure) -> Self {
        Self {
            stage: failure.stage(),
            code: failure.code(),
            message: failure.message().to_owned(),
            hint: failure.hint().to_owned(),
            faults: Vec::new(),
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule that found it.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is the matter.
    pub title: &'static str,
    /// What was seen. Never holds a secret.
    pub evidence: String,
    /// Why it matters.
    pub why: &'static str,
    /// The variable to set, the statement to run or the command to give.
    pub fix: String,
    /// Who decided that it does not count, and until when.
    pub suppressed: Option<Suppressed>,
}

impl Finding {
    /// What a rule saw, as a finding.
    pub(super) fn new(rule: &Rule, observation: Observation) -> Self {
        let severity = observation.severity.unwrap_or(rule.severity);
        debug_assert!(
            rule.severities().contains(&severity),
            "{} does not say that it may be {severity}",
            rule.id
        );
        Self {
            id: rule.id,
            severity,
            title: rule.title,
            evidence: observation.evidence,
            why: rule.why,
            fix: observation.fix,
            suppressed: None,
        }
    }
}

/// Why a finding does not count for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The reason that was written down.
    pub reason: String,
    /// The last day on which it counts, as `2027-03-31`.
    pub until: String,
}
