//! The one place that reads the process environment: [`Environment`], variables with their source.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::env_file;
use super::fault::{Fault, Report, SettingsError, Warning};
use super::variables;
use crate::secret::Secret;

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The process environment.
    Process,
    /// An env-file.
    EnvFile(PathBuf),
    /// A flag of the command line.
    CommandLine,
    /// An option of the legacy string `WA_DB_CONNECTION_OPTION`, by the name it has there.
    Legacy(String),
    /// Nobody said anything.
    Default,
}

impl Source {
    /// The source as a sentence has it.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::EnvFile(_) => self.to_string(),
            Self::Process => "the process environment".to_owned(),
            Self::CommandLine | Self::Legacy(_) | Self::Default => format!("the {self}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process => f.pad("environment"),
            Self::CommandLine => f.pad("command line"),
            Self::EnvFile(path) => f.pad(&format!("env-file {}", path.display())),
            Self::Legacy(option) => f.pad(&format!("legacy option {option}")),
            Self::Default => f.pad("default"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The `WA_DB_*` variables, each with its source, and the services' own `WA_SECRET`. All other
/// variables are left alone.
///
/// Its `Debug` shows names and sources, never values.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
    warnings: Vec<Warning>,
}

#[derive(Clone, Debug)]
struct Variable {
    value: Value,
    source: Source,
    /// What the process says, where an env-file says it anew.
    under: Option<Value>,
}

#[derive(Clone, Debug)]
enum Value {
    Text(Secret),
    NotUtf8,
}

impl Variable {
    /// The env-file that says otherwise than the process does. What the process leaves unset
    /// or empty is not contradicted.
    fn overriding(&self) -> Option<&Path> {
        let Source::EnvFile(file) = &self.source else {
            return None;
        };
        let contradicted = match (&self.under, &self.value) {
            (Some(Value::Text(under)), Value::Text(value)) => {
                !under.is_empty() && under.expose() != value.expose()
            }
            (Some(Value::NotUtf8), _) => true,
            _ => false,
        };
        contradicted.then_some(file)
    }
}

impl Environment {
    /// The environment of this process. Never fails: what cannot be read becomes a fault of the
    /// settings made from it.
    pub fn process() -> Self {
        Self::from_os(std::env::vars_os())
    }

    /// An environment of these pairs, as if the process had them.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            environment.set(name.into(), Secret::new(value), Source::Process);
        }
        environment
    }

    /// This environment with an env-file laid over it: the file wins, also with an empty value.
    ///
    /// The syntax is that of docker-compose's `env_file`. A line that holds only a name lets the
    /// value of the process through.
    ///
    /// # Errors
    /// The file is missing, cannot be read, or has lines without meaning; every line is named by
    /// its number, never with its text.
    pub fn with_env_file(mut self, path: impl AsRef<Path>) -> Result<Self, SettingsError> {
        let path = path.as_ref();
        let file = env_file::read(path).map_err(SettingsError::new)?;
        for (name, value) in file.pairs {
            self.set(name, value, Source::EnvFile(path.to_owned()));
        }
        self.warnings.extend(file.warnings);
        Ok(self)
    }

    /// The value of a variable; empty means unset. Not public: it may be a password.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        match &self.variables.get(name)?.value {
            Value::Text(text) if !text.is_empty() => Some(text.expose()),
            Value::Text(_) | Value::NotUtf8 => None,
        }
    }

    /// Where the value of a variable comes from; [`Source::Default`] when it is unset.
    pub fn source(&self, name: &str) -> Source {
        match (self.get(name), self.variables.get(name)) {
            (Some(_), Some(variable)) => variable.source.clone(),
            _ => Source::Default,
        }
    }

    /// This environment without a variable.
    #[cfg(feature = "cli")]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// This environment with a variable that the command line sets.
    #[cfg(feature = "cli")]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name.to_owned(), Secret::new(value), Source::CommandLine);
        self
    }

    /// Sets a variable that is kept; any other name is passed over.
    pub(super) fn set(&mut self, name: String, value: Secret, source: Source) {
        if variables::is_kept(&name) {
            let before = self.variables.remove(&name);
            let under = before.and_then(|before| match before.source {
                Source::Process => Some(before.value),
                _ => before.under,
            });
            let value = Value::Text(value);
            let variable = Variable {
                value,
                source,
                under,
            };
            self.variables.insert(name, variable);
        }
    }

    /// The names of our variables that are set, empty ones left out.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables
            .keys()
            .map(String::as_str)
            .filter(|name| variables::is_ours(name) && self.get(name).is_some())
    }

    /// Notes what is wrong or odd with the environment itself.
    pub(super) fn report(&self, report: &mut Report) {
        for (name, variable) in &self.variables {
            if variables::is_ours(name) && matches!(variable.value, Value::NotUtf8) {
                report.fault(Fault::invalid(
                    name,
                    format!("{} holds bytes that are not UTF-8", name.escape_debug()),
                    "set it again, encoded in UTF-8",
                ));
            }
        }
        for warning in &self.warnings {
            report.warn(&warning.variable, warning.message.clone());
        }
        for (name, variable) in &self.variables {
            if variables::is_ours(name)
                && let Some(file) = variable.overriding()
            {
                let message = format!(
                    "{} is set to another value by the process environment: env-file {} wins",
                    name.escape_debug(),
                    file.display()
                );
                report.warn(name, message);
            }
        }
        variables::warn_of_unknown(self.names(), report);
    }

    fn from_os(pairs: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            let name = name.to_string_lossy().into_owned();
            if !variables::is_kept(&name) {
                continue;
            }
            let value = match value.into_string() {
                Ok(text) => Value::Text(Secret::new(text)),
                Err(_) => Value::NotUtf8,
            };
            environment.variables.insert(
                name,
                Variable {
                    value,
                    source: Source::Process,
                    under: None,
                },
            );
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_value_that_is_not_utf8_is_a_fault_and_not_a_panic() {
        let bytes = OsString::from_vec(vec![b'h', 0xff]);
        let other = OsString::from_vec(vec![0xfe]);
        let environment = Environment::from_os(
            vec![("WA_DB_HOSTNAME".into(), bytes), (other.clone(), other)].into_iter(),
        );
        let mut report = Report::default();
        environment.report(&mut report);
        let (faults, warnings) = report.finish();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].variable, "WA_DB_HOSTNAME");
        assert!(warnings.is_empty());
        assert_eq!(environment.get("WA_DB_HOSTNAME"), None);
    }

    #[test]
    fn the_services_secret_is_kept_and_nobody_is_told_of_it() {
        let bytes = OsString::from_vec(vec![b'h', 0xff]);
        for environment in [
            Environment::from_pairs([("WA_SECRET", "hunter2")]),
            Environment::from_os(vec![("WA_SECRET".into(), bytes)].into_iter()),
        ] {
            let mut report = Report::default();
            environment.report(&mut report);
            let (faults, warnings) = report.finish();
            assert!(faults.is_empty() && warnings.is_empty(), "{faults:?}");
            assert_eq!(environment.names().count(), 0);
            assert!(!format!("{environment:?}").contains("hunter2"));
        }
        let environment = Environment::from_pairs([("WA_SECRET", "hunter2")]);
        assert_eq!(environment.get("WA_SECRET"), Some("hunter2"));
    }

    #[test]
    fn an_empty_value_is_unset_and_foreign_names_are_left_alone() {
        let environment = Environment::from_pairs([("WA_DB_SSL_CA", ""), ("PATH", "/bin")]);
        assert_eq!(environment.get("WA_DB_SSL_CA"), None);
        assert_eq!(environment.source("WA_DB_SSL_CA"), Source::Default);
        assert_eq!(environment.get("PATH"), None);
    }

    #[test]
    fn the_env_file_wins_over_the_process_also_with_an_empty_value() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "WA_DB_PORT=2\nexport WA_DB_SSL_CA=\nWA_DB_NAME\n",
        )
        .unwrap();
        let environment = Environment::from_pairs([
            ("WA_DB_PORT", "1"),
            ("WA_DB_SSL_CA", "/ca.pem"),
            ("WA_DB_NAME", "shop"),
        ])
        .with_env_file(file.path())
        .unwrap();
        assert_eq!(environment.get("WA_DB_PORT"), Some("2"));
        assert_eq!(
            environment.source("WA_DB_PORT"),
            Source::EnvFile(file.path().to_owned())
        );
        assert_eq!(environment.get("WA_DB_SSL_CA"), None);
        assert_eq!(environment.get("WA_DB_NAME"), Some("shop"));
        assert_eq!(environment.source("WA_DB_NAME"), Source::Process);
    }

    #[test]
    fn an_env_file_that_says_otherwise_than_the_process_is_warned_of_without_either_value() {
        for (process, files, warned) in [
            ("hunter2", &["WA_DB_PASSWORD=swordfish"][..], true),
            ("hunter2", &["WA_DB_PASSWORD="], true),
            ("hunter2", &["WA_DB_PASSWORD=hunter2"], false),
            ("hunter2", &["WA_DB_PASSWORD"], false),
            ("hunter2", &["WA_DB_NAME=swordfish"], false),
            ("", &["WA_DB_PASSWORD=swordfish"], false),
            // What counts is what the last file says.
            ("hunter2", &["WA_DB_PASSWORD=x", "WA_DB_PASSWORD=y"], true),
            (
                "hunter2",
                &["WA_DB_PASSWORD=x", "WA_DB_PASSWORD=hunter2"],
                false,
            ),
            ("", &["WA_DB_PASSWORD=x", "WA_DB_PASSWORD=y"], false),
        ] {
            let mut environment = Environment::from_pairs([("WA_DB_PASSWORD", process)]);
            let mut last = None;
            for text in files {
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), text).unwrap();
                environment = environment.with_env_file(file.path()).unwrap();
                last = Some(file);
            }
            let mut report = Report::default();
            environment.report(&mut report);
            let (_, warnings) = report.finish();
            assert_eq!(warnings.len(), usize::from(warned), "{process} {files:?}");
            for warning in warnings {
                assert_eq!(warning.variable, "WA_DB_PASSWORD");
                let file = last.as_ref().unwrap().path().display().to_string();
                assert!(warning.message.contains(&file), "{}", warning.message);
                for value in ["hunter2", "swordfish"] {
                    assert!(!warning.message.contains(value), "{}", warning.message);
                }
            }
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!(
            "{:?}",
            Environment::from_pairs([("WA_DB_PASSWORD", "hunter2")])
        );
        assert!(
            shown.contains("WA_DB_PASSWORD") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
