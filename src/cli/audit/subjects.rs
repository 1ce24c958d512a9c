//! Whose variables are looked at: [`read`].

use std::path::{Path, PathBuf};

use crate::audit::Subject;
use crate::cli::args::{AuditArgs, AuditFormat, FileArgs, RoleArg, ScopeArgs};
use crate::cli::scope::{self, Scope};
use crate::settings::{Environment, Fault, Role, SettingsError, Source, role_of};

/// The services there are, and the roles to look at.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) subjects: Vec<Subject>,
    pub(super) roles: Vec<Role>,
}

/// What is wrong with the command line that its grammar does not say.
pub(super) fn usage(args: &AuditArgs) -> Option<&'static str> {
    if args.env_files.len() > 2 {
        return Some(
            "--env-file is for one file of both services, or for two: the webapp's and the coreapp's",
        );
    }
    let is_page = args.list || args.explain.is_some();
    (is_page && args.format == AuditFormat::Sarif)
        .then_some("--format sarif is for what was found: rules are printed as text or json")
}

/// Reads the env-files. One stands for every role that is meant, as with `wa-db check`; of two, each
/// is one service's.
///
/// # Errors
/// A file cannot be read, or both are of one role.
pub(super) fn read(args: &AuditArgs) -> Result<Services, SettingsError> {
    match args.env_files.as_slice() {
        [first, second] => read_two(args.role, first, second),
        files => read_one(args.role, files.first()),
    }
}

/// The roles to name in a report when the files do not even tell which are meant.
pub(super) fn roles_meant(args: &AuditArgs) -> Vec<Role> {
    args.role.unwrap_or(RoleArg::Both).roles()
}

fn read_one(role: Option<RoleArg>, file: Option<&PathBuf>) -> Result<Services, SettingsError> {
    let env_file = file.cloned();
    let Scope {
        environment, roles, ..
    } = Scope::read(&ScopeArgs {
        role,
        file: FileArgs {
            env_file: env_file.iter().cloned().collect(),
        },
    })?;
    let subjects = roles.iter().map(|role| Subject {
        role: *role,
        environment: environment.clone(),
        env_file: env_file.clone(),
    });
    let subjects = subjects.collect();
    Ok(Services { subjects, roles })
}

fn read_two(role: Option<RoleArg>, first: &Path, second: &Path) -> Result<Services, SettingsError> {
    let read = |file: &Path| {
        scope::environment(&FileArgs {
            env_file: vec![file.to_owned()],
        })
    };
    let (one, other) = (read(first)?, read(second)?);
    let roles = match (role_within(&one), role_within(&other)) {
        (None, None) => [Role::Webapp, Role::Coreapp],
        (Some(role), None) => [role, other_than(role)],
        (None, Some(role)) => [other_than(role), role],
        (Some(one), Some(other)) if one != other => [one, other],
        (Some(role), Some(_)) => return Err(SettingsError::new(vec![of_one_role(role)])),
    };
    let subject = |role, environment, file: &Path| Subject {
        role,
        environment,
        env_file: Some(file.to_owned()),
    };
    Ok(Services {
        subjects: vec![
            subject(roles[0], one, first),
            subject(roles[1], other, second),
        ],
        roles: role.unwrap_or(RoleArg::Both).roles(),
    })
}

/// The role that the env-file itself names. A name without meaning is left to the settings, which
/// tell it among all faults.
fn role_within(environment: &Environment) -> Option<Role> {
    let is_within = matches!(environment.source("WA_DB_ROLE"), Source::EnvFile(_));
    role_of(environment).ok().flatten().filter(|_| is_within)
}

fn other_than(role: Role) -> Role {
    match role {
        Role::Webapp => Role::Coreapp,
        Role::Coreapp => Role::Webapp,
    }
}

fn of_one_role(role: Role) -> Fault {
    Fault {
        code: crate::code::ErrorCode::VariableInvalid,
        variable: "WA_DB_ROLE".to_owned(),
        message: format!("WA_DB_ROLE is {role} in both files of --env-file"),
        hint: "give the webapp's file and the coreapp's; a file without WA_DB_ROLE takes the role that is left"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use clap::Parser;

    use super::*;
    use crate::cli::args::{Args, Command};

    /// Services of files with this content, as `role file` each, and the roles to look at.
    fn services(flags: &str, files: &[&str]) -> Result<(Vec<String>, Vec<Role>), SettingsError> {
        let directory = tempfile::tempdir().unwrap();
        let mut words = format!("wa-db audit {flags}");
        for (number, content) in files.iter().enumerate() {
            let path = directory.path().join(number.to_string());
            std::fs::write(&path, content).unwrap();
            words = format!("{words} --env-file {}", path.display());
        }
        let Command::Audit(args) = Args::try_parse_from(words.split_whitespace())
            .unwrap()
            .command
        else {
            panic!("{words}");
        };
        let Services { subjects, roles } = read(&args)?;
        let told = subjects.iter().map(|subject| {
            let file = subject.env_file.as_ref().and_then(|file| file.file_name());
            let file = file.map_or("-".into(), |name| name.to_string_lossy());
            format!("{} {file}", subject.role)
        });
        Ok((told.collect(), roles))
    }

    #[test]
    fn one_file_is_everyones_and_of_two_each_is_one_services() {
        let both = vec![Role::Webapp, Role::Coreapp];
        for (flags, files, expected, roles) in [
            ("", &[""][..], &["webapp 0", "coreapp 0"][..], both.clone()),
            (
                "",
                &["WA_DB_ROLE=coreapp"],
                &["coreapp 0"],
                vec![Role::Coreapp],
            ),
            ("--role webapp", &[""], &["webapp 0"], vec![Role::Webapp]),
            ("", &["", ""], &["webapp 0", "coreapp 1"], both.clone()),
            (
                "",
                &["WA_DB_ROLE=coreapp", ""],
                &["coreapp 0", "webapp 1"],
                both.clone(),
            ),
            (
                "",
                &["", "WA_DB_ROLE=webapp"],
                &["coreapp 0", "webapp 1"],
                both.clone(),
            ),
            (
                "--role coreapp",
                &["", ""],
                &["webapp 0", "coreapp 1"],
                vec![Role::Coreapp],
            ),
        ] {
            let (told, looked_at) = services(flags, files).unwrap();
            assert_eq!(told, expected, "{flags} {files:?}");
            assert_eq!(looked_at, roles, "{flags} {files:?}");
        }
    }

    #[test]
    fn two_files_of_one_role_are_a_fault() {
        let error = services("", &["WA_DB_ROLE=webapp", "WA_DB_ROLE=webapp"]).unwrap_err();
        assert!(
            error.to_string().contains("webapp in both files"),
            "{error}"
        );
    }
}
