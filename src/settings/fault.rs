//! What can be wrong with settings: [`SettingsError`] holds every [`Fault`] at once.

use std::fmt;

use serde::Serialize;

use super::environment::{Environment, Source};
use super::tls::TlsSettings;
use super::variables;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

/// One thing that is wrong, with the variable to change. Never holds a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The contract's word for it.
    pub code: ErrorCode,
    /// The variable to change.
    pub variable: String,
    /// What is wrong: lower case, no full stop; names the variable.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Fault {
    /// A fault of these parts. The message names the variable and holds no secret.
    pub(crate) fn new(
        code: ErrorCode,
        variable: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            variable: variable.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A value without meaning, or one that contradicts another.
    pub(super) fn invalid(
        variable: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(ErrorCode::VariableInvalid, variable, message, hint)
    }

    /// A variable that is needed and not set.
    pub(super) fn missing(
        variable: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(ErrorCode::VariableMissing, variable, message, hint)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Stage::Settings, fault.code, fault.message, fault.hint)
    }
}

/// Something to change though it is no fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The variable it is about.
    pub variable: String,
    /// What is to be known; names the variable.
    pub message: String,
}

/// Every fault of the settings, in the order of the contract's table.
#[derive(Clone, Debug)]
pub struct SettingsError {
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
    tls: Option<Box<TlsSettings>>,
}

impl SettingsError {
    /// An error of these faults, each once, put in the order of the contract's table. An empty list is
    /// turned into no error at all by the caller.
    pub fn new(faults: Vec<Fault>) -> Self {
        // One identity file opens several secrets, each of which finds what is wrong with it, and several
        // roles have most of their faults in common.
        let mut once: Vec<Fault> = Vec::new();
        for fault in faults {
            if !once.contains(&fault) {
                once.push(fault);
            }
        }
        once.sort_by_key(|fault| variables::rank(&fault.variable));
        Self {
            faults: once,
            warnings: Vec::new(),
            tls: None,
        }
    }

    /// Two variables that are not set, for the tests of reports.
    #[cfg(all(test, feature = "cli"))]
    pub(crate) fn two_missing() -> Self {
        let fault = |variable: &str| Fault {
            code: ErrorCode::VariableMissing,
            variable: variable.to_owned(),
            message: format!("{variable} is not set"),
            hint: format!("set {variable}"),
        };
        Self::new(vec![fault("WA_DB_ENGINE"), fault("WA_DB_HOSTNAME")])
    }

    /// Every fault.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What was odd besides. A misspelt name is often why another variable is missing.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// This error with what was odd besides.
    pub(crate) fn with_warnings(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings = warnings;
        self
    }

    /// The TLS files that could be named in spite of the faults, so that the faults of those files
    /// can be reported in the same breath.
    #[cfg(feature = "cli")]
    pub(crate) fn tls(&self) -> Option<&TlsSettings> {
        self.tls.as_deref()
    }

    /// This error with the TLS files that could be named.
    pub(super) fn with_tls(mut self, tls: TlsSettings) -> Self {
        self.tls = Some(Box::new(tls));
        self
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

/// Collects faults and warnings while settings are put together, so that all are told at once.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: Vec<Noted>,
    warnings: Vec<Warning>,
}

/// A fault, and the variables that contradict each other where it is one between two.
#[derive(Debug)]
struct Noted {
    fault: Fault,
    between: Option<[&'static str; 2]>,
}

impl Report {
    /// The value, or `None` after its fault was noted.
    pub(super) fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.fault(fault)).ok()
    }

    /// The value, or `None` after all its faults were noted.
    pub(super) fn keep_all<T>(&mut self, result: Result<T, Vec<Fault>>) -> Option<T> {
        let note = |faults: Vec<Fault>| faults.into_iter().for_each(|fault| self.fault(fault));
        result.map_err(note).ok()
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, fault: Fault) {
        let between = None;
        self.faults.push(Noted { fault, between });
    }

    /// Notes that two variables contradict each other.
    pub(super) fn contradiction(&mut self, between: [&'static str; 2], fault: Fault) {
        let between = Some(between);
        self.faults.push(Noted { fault, between });
    }

    /// Has each contradiction say where the two values come from, unless that is one place.
    pub(super) fn tell_origins(&mut self, environment: &Environment) {
        for Noted { fault, between } in &mut self.faults {
            let Some(names @ [one, other]) = between.take() else {
                continue;
            };
            let [first, second] = names.map(|name| environment.source(name));
            if first != second && ![&first, &second].contains(&&Source::Default) {
                let (first, second) = (first.in_words(), second.in_words());
                let told = format!(" ({one} comes from {first}, {other} from {second})");
                fault.message.push_str(&told);
            }
        }
    }

    /// Notes a warning. The message names the variable.
    pub(super) fn warn(&mut self, variable: &str, message: impl Into<String>) {
        self.warnings.push(Warning {
            variable: variable.to_owned(),
            message: message.into(),
        });
    }

    /// Notes everything another report holds.
    pub(super) fn absorb(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.warnings.extend(other.warnings);
    }

    /// Faults as they were found, and warnings in the order of the contract's table.
    pub(super) fn finish(mut self) -> (Vec<Fault>, Vec<Warning>) {
        self.warnings
            .sort_by_key(|warning| variables::rank(&warning.variable));
        let faults = self.faults.into_iter().map(|noted| noted.fault);
        (faults.collect(), self.warnings)
    }
}

/// A value as a message may show it: in quotes when it is short and plain. Anything with an `@`
/// may be a URL with a password in it and is not shown.
pub(super) fn shown(value: &str) -> String {
    let plain = value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && !value.contains('@');
    if plain && value.len() <= 64 {
        format!("\"{value}\"")
    } else {
        "a value that is not shown here".to_owned()
    }
}
