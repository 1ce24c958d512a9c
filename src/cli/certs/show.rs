//! `wa-db certs show`.

mod text;

pub(super) use self::text::{faults, print, purpose};

use std::path::Path;

use serde::Serialize;

use crate::certs::{FileContent, read_file};
use crate::check::ErrorReport;
use crate::cli::args::{Format, ShowArgs};
use crate::cli::chains::{self, TargetChain};
use crate::cli::exit::{self, Exit};
use crate::cli::scope::{self, Scope};
use crate::cli::{logging, printer};
use crate::code::Stage;
use crate::settings::SettingsError;

const ENGINE: &str = "WA_DB_ENGINE";
const HOSTNAME: &str = "WA_DB_HOSTNAME";
const PORT: &str = "WA_DB_PORT";
const USERNAME: &str = "WA_DB_USERNAME";

/// All that is printed, in the shape of its JSON.
#[derive(Debug, Serialize)]
pub(super) struct ShowReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    pub(super) files: Vec<ShownFile>,
    pub(super) servers: Vec<TargetChain>,
}

/// A file, or why it cannot be shown.
#[derive(Debug, Serialize)]
pub(super) struct ShownFile {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) content: FileContent,
    pub(super) error: Option<ErrorReport>,
}

impl ShowReport {
    pub(super) fn new(files: Vec<ShownFile>, servers: Vec<TargetChain>) -> Self {
        let of_files = files
            .iter()
            .filter(|file| file.error.is_some())
            .map(|_| Stage::Settings);
        let of_servers = servers.iter().filter_map(|target| target.failed);
        let failed = of_files.chain(of_servers).min();
        Self {
            version: 1,
            ok: failed.is_none(),
            exit_code: failed.map_or(0, Stage::exit_code),
            files,
            servers,
        }
    }
}

/// Shows files and servers.
pub(super) fn run(args: &ShowArgs) -> Exit {
    let (files, servers): (Vec<_>, Vec<_>) =
        args.targets.iter().partition(|target| is_file(target));
    let servers = match look(args, &servers) {
        Ok(servers) => servers,
        Err(exit) => return exit,
    };
    let files = files.into_iter().map(|path| show(path)).collect();
    let report = ShowReport::new(files, servers);
    let printed = printer::to_stdout(|printer| match args.format {
        Format::Json => printer.json(&report),
        Format::Text => print(&report, printer),
    });
    if args.format == Format::Text {
        printer::to_stderr(|printer| faults(&report, printer));
    }
    exit::printed(printed, Exit::Code(report.exit_code))
}

/// What has a slash, or exists, is a file; nothing else could be told from the name of a server.
fn is_file(target: &str) -> bool {
    target.contains('/') || Path::new(target).exists()
}

fn show(path: &str) -> ShownFile {
    let (content, error) = match read_file("FILE", Path::new(path)) {
        Ok(content) => (content, None),
        Err(fault) => {
            let error = ErrorReport::from(&SettingsError::new(vec![fault]));
            (FileContent::default(), Some(error))
        }
    };
    ShownFile {
        path: path.to_owned(),
        content,
        error,
    }
}

/// What servers present: those named, or those of the settings where nothing is named at all.
fn look(args: &ShowArgs, servers: &[&String]) -> Result<Vec<TargetChain>, Exit> {
    if servers.is_empty() && !args.targets.is_empty() {
        return Ok(Vec::new());
    }
    let logging = logging::start(false);
    let scope = match Scope::read(&args.scope) {
        Ok(scope) => scope,
        Err(error) => {
            let roles = scope::roles_meant(&args.scope).into_iter();
            let error = ErrorReport::from(&error);
            return Ok(roles
                .map(|role| TargetChain::of_settings_error(role, error.clone()))
                .collect());
        }
    };
    let scopes = scopes(args, scope, servers)?;
    chains::presented(&scopes, logging)
}

/// The settings, with each server that is named in the place of theirs.
fn scopes(args: &ShowArgs, mut scope: Scope, servers: &[&String]) -> Result<Vec<Scope>, Exit> {
    if let Some(engine) = args.engine {
        scope.environment = scope.environment.with(ENGINE, engine.as_word());
    }
    if servers.is_empty() {
        return Ok(vec![scope]);
    }
    if scope.environment.get(ENGINE).is_none() {
        let message = format!(
            "{} is no file here, and as a server it speaks nobody knows what",
            servers[0]
        );
        let hint = "give --engine mysql or --engine pgsql, or set WA_DB_ENGINE";
        printer::to_stderr(|printer| printer.fault("", &message, hint));
        return Err(Exit::Usage);
    }
    // Settings want an account. None is used here: nobody logs in.
    if scope.environment.get(USERNAME).is_none() {
        scope.environment = scope.environment.with(USERNAME, "nobody");
    }
    let named = servers.iter().map(|server| Scope {
        environment: scope
            .environment
            .clone()
            .without(PORT)
            .with(HOSTNAME, server),
        roles: scope.roles.clone(),
        by_flag: scope.by_flag,
    });
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::is_file;

    #[test]
    fn what_exists_or_has_a_slash_is_a_file_and_all_else_a_server() {
        for (target, expected) in [
            ("Cargo.toml", true),
            ("./no-such-file.pem", true),
            ("/no/such/file", true),
            ("db.example.internal", false),
            ("db.example.internal:5432", false),
            ("[::1]:5432", false),
        ] {
            assert_eq!(is_file(target), expected, "{target}");
        }
    }
}
