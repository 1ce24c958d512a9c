//! Whose settings a command is about, and from where they come.

use super::args::{FileArgs, RoleArg, ScopeArgs};
use crate::settings::{Environment, Role, SettingsError, role_of};

/// The variables and the roles to look at.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) environment: Environment,
    pub(super) roles: Vec<Role>,
    /// Whether the command line said which.
    pub(super) by_flag: bool,
}

impl Scope {
    /// Reads the env-files, and from `--role` or else `WA_DB_ROLE` whose settings are meant.
    ///
    /// A `WA_DB_ROLE` without meaning is left to the settings, which tell it among all faults.
    pub(super) fn read(args: &ScopeArgs) -> Result<Self, SettingsError> {
        let environment = environment(&args.file)?;
        let roles = match (args.role, role_of(&environment)) {
            (Some(role), _) => role.roles(),
            (None, Ok(Some(role))) => vec![role],
            (None, Ok(None) | Err(_)) => RoleArg::Both.roles(),
        };
        Ok(Self {
            environment,
            roles,
            by_flag: args.role.is_some(),
        })
    }
}

/// The process environment, with the env-files laid over it one after the other.
///
/// # Errors
/// Every fault of every file.
pub(super) fn environment(args: &FileArgs) -> Result<Environment, SettingsError> {
    let mut environment = Environment::process();
    let mut faults = Vec::new();
    for path in &args.env_file {
        match environment.clone().with_env_file(path) {
            Ok(with_file) => environment = with_file,
            Err(error) => faults.extend_from_slice(error.faults()),
        }
    }
    if faults.is_empty() {
        Ok(environment)
    } else {
        Err(SettingsError::new(faults))
    }
}

/// The roles to name in a report when the settings do not even tell which are meant.
pub(super) fn roles_meant(args: &ScopeArgs) -> Vec<Role> {
    args.role.unwrap_or(RoleArg::Both).roles()
}
