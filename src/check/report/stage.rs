//! What was found in one stage: [`StageReport`].

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::code::{ErrorCode, Stage};
use crate::settings::{Fault, SettingsError, Warning};

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It passed.
    Ok,
    /// It passed, and there is something to change.
    Warn,
    /// It did not pass; nothing after it was tried.
    Failed,
    /// It was not reached, or there was nothing to do.
    Skipped,
}

/// One stage of one target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageReport {
    stage: Stage,
    status: Status,
    elapsed_ms: Millis,
    detail: String,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
}

impl StageReport {
    /// A stage that passed. `detail` is what was found in a few words, or empty.
    pub fn ok(stage: Stage, elapsed: Duration, detail: impl Into<String>) -> Self {
        let elapsed_ms = Millis::from(elapsed);
        let detail = detail.into();
        Self {
            stage,
            status: Status::Ok,
            elapsed_ms,
            detail,
            warnings: Vec::new(),
            error: None,
        }
    }

    /// A stage that did not pass.
    pub fn failed(stage: Stage, elapsed: Duration, error: ErrorReport) -> Self {
        let mut report = Self::ok(stage, elapsed, "");
        report.status = Status::Failed;
        report.error = Some(error);
        report
    }

    /// A stage that was not reached.
    pub fn skipped(stage: Stage) -> Self {
        Self::not_needed(stage, "")
    }

    /// A stage in which there is nothing to do, with the reason: TLS over a Unix socket.
    pub fn not_needed(stage: Stage, reason: impl Into<String>) -> Self {
        let mut report = Self::ok(stage, Duration::ZERO, reason);
        report.status = Status::Skipped;
        report
    }

    /// Adds a warning: a stage that passed becomes one that warns. A skipped stage has none to
    /// give and stays as it is.
    #[must_use]
    pub fn with_warning(mut self, warning: impl Into<String>) -> Self {
        match self.status {
            Status::Skipped => return self,
            Status::Ok => self.status = Status::Warn,
            Status::Warn | Status::Failed => {}
        }
        self.warnings.push(warning.into());
        self
    }

    /// Adds the warnings of the settings.
    #[must_use]
    pub fn with_warnings(self, warnings: &[Warning]) -> Self {
        warnings.iter().fold(self, |report, warning| {
            report.with_warning(&warning.message)
        })
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// How long it took.
    pub fn elapsed(&self) -> Millis {
        self.elapsed_ms
    }

    /// What was found, in a few words; empty where there is nothing to say.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What should be changed though the stage did not fail for it.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&ErrorReport> {
        self.error.as_ref()
    }

    /// Whether it was not reached, rather than not needed.
    pub(crate) fn is_missing(&self) -> bool {
        self.status == Status::Skipped && self.detail.is_empty()
    }

    /// Sets the detail of a stage that passed and has none.
    pub(in crate::check) fn describe(&mut self, detail: &str) {
        if self.detail.is_empty() && matches!(self.status, Status::Ok | Status::Warn) {
            detail.clone_into(&mut self.detail);
        }
    }
}

/// Milliseconds, kept and written with a resolution of a tenth.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Millis(f64);

impl Millis {
    /// The number of milliseconds.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self((duration.as_secs_f64() * 10_000.0).round() / 10.0)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

/// Why a stage failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    code: ErrorCode,
    message: String,
    hint: String,
    others: Vec<OtherFault>,
}

impl ErrorReport {
    /// An error of this code. The message names the variable to change; the hint says what to do
    /// next.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            others: Vec::new(),
        }
    }

    /// The contract's word for it.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What is wrong, without what the others say. In JSON `message` lists every fault.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// What is wrong besides, when several variables are at fault.
    pub fn others(&self) -> &[OtherFault] {
        &self.others
    }

    fn full_message(&self) -> String {
        let others = self.others.iter().map(|other| other.message.as_str());
        std::iter::once(self.message.as_str())
            .chain(others)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

impl From<&SettingsError> for ErrorReport {
    fn from(error: &SettingsError) -> Self {
        let mut faults = error.faults().iter();
        let mut report = match faults.next() {
            Some(first) => Self::new(first.code, &first.message, &first.hint),
            None => Self::new(ErrorCode::VariableInvalid, error.to_string(), ""),
        };
        report.others = faults.map(OtherFault::from).collect();
        report
    }
}

impl Serialize for ErrorReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = if self.others.is_empty() { 3 } else { 4 };
        let mut object = serializer.serialize_struct("ErrorReport", fields)?;
        object.serialize_field("code", &self.code)?;
        object.serialize_field("message", &self.full_message())?;
        object.serialize_field("hint", &self.hint)?;
        if self.others.is_empty() {
            object.skip_field("others")?;
        } else {
            object.serialize_field("others", &self.others)?;
        }
        object.end()
    }
}

/// A further fault of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherFault {
    /// The contract's word for it.
    pub code: ErrorCode,
    /// The variable to change.
    pub variable: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl From<&Fault> for OtherFault {
    fn from(fault: &Fault) -> Self {
        Self {
            code: fault.code,
            variable: fault.variable.clone(),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn warning_turns_ok_into_warn_and_leaves_failed_and_skipped_alone() {
        let elapsed = Duration::from_micros(249);
        let error = ErrorReport::new(ErrorCode::Timeout, "m", "h");
        for (report, status, warnings) in [
            (StageReport::ok(Stage::Tls, elapsed, ""), Status::Warn, 1),
            (
                StageReport::failed(Stage::Tls, elapsed, error),
                Status::Failed,
                1,
            ),
            (StageReport::skipped(Stage::Tls), Status::Skipped, 0),
        ] {
            let report = report.with_warning("w");
            assert_eq!(
                (report.status(), report.warnings().len()),
                (status, warnings)
            );
        }
    }

    #[test]
    fn elapsed_is_written_in_tenths_of_a_millisecond() {
        for (micros, written) in [
            (0, "0.0"),
            (249, "0.2"),
            (250, "0.3"),
            (2_149_999, "2150.0"),
        ] {
            let millis = Millis::from(Duration::from_micros(micros));
            assert_eq!(serde_json::to_string(&millis).unwrap(), written);
        }
    }

    #[test]
    fn error_stands_in_json_only_where_a_stage_failed() {
        let ok = StageReport::ok(Stage::Resolve, Duration::ZERO, "127.0.0.1");
        assert_eq!(
            serde_json::to_string(&ok).unwrap(),
            r#"{"stage":"resolve","status":"ok","elapsed_ms":0.0,"detail":"127.0.0.1","warnings":[]}"#
        );
        let error = ErrorReport::new(ErrorCode::Timeout, "m", "h");
        let failed = StageReport::failed(Stage::Connect, Duration::ZERO, error);
        assert_eq!(
            serde_json::to_value(&failed).unwrap()["error"],
            serde_json::json!({"code": "timeout", "message": "m", "hint": "h"})
        );
    }
}
