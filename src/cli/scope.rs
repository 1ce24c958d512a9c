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
    /// Reads the env-file, and from `--role` or else `WA_DB_ROLE` whose settings are meant.
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

/// The process environment, with the env-file laid over it.
pub(super) fn environment(args: &FileArgs) -> Result<Environment, SettingsError> {
    let environment = Environment::process();
    match &args.env_file {
        Some(path) => environment.with_env_file(path),
        None => Ok(environment),
    }
}

/// The roles to name in a report when the settings do not even tell which are meant.
pub(super) fn roles_meant(args: &ScopeArgs) -> Vec<Role> {
    args.role.unwrap_or(RoleArg::Both).roles()
}
