//! `wa-db migrate`: the legacy string as new variables.

use super::env_file;
use super::environment::Environment;
use super::fault::{Report, SettingsError};
use super::legacy::{self, Mode};
use super::parse::word;
use super::variables as var;
use crate::secret::Secret;

/// What to write in place of `WA_DB_CONNECTION_OPTION`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// Lines for an env-file, quoted where they must be. Empty when nothing is to be set.
    pub lines: Vec<String>,
    /// What is to be known, and what is left to do by hand.
    pub notes: Vec<String>,
}

/// Translates the legacy string of an environment into variables. What is set already is not
/// repeated.
///
/// # Errors
/// Options that would weaken the connection, or have no meaning: each must be decided upon first.
pub fn migrate(environment: &Environment) -> Result<Migration, SettingsError> {
    let name = var::CONNECTION_OPTION;
    let Some(text) = environment.get(name) else {
        let note = format!("{name} is not set: there is nothing to migrate");
        return Ok(Migration {
            lines: Vec::new(),
            notes: vec![note],
        });
    };
    let mut report = Report::default();
    let engine = environment
        .get(var::ENGINE)
        .and_then(|text| report.keep(word::engine(text)));
    let translation = legacy::translate(text, engine);
    report.absorb(translation.report);
    let (faults, warnings) = report.finish();
    if !faults.is_empty() {
        return Err(SettingsError::new(faults));
    }
    let mut migration = Migration::default();
    for item in translation.items {
        if environment.get(item.variable).is_some() {
            let note = format!(
                "{} is set already and wins over {}",
                item.variable, item.option
            );
            migration.notes.push(note);
        } else {
            if item.variable == var::SSL_CRL {
                migration.notes.push(of_missing_lists(&item.option));
            }
            let value = Secret::new(item.value);
            let line = format!("{}={}", item.variable, env_file::quoted(value.expose()));
            migration.lines.push(line);
        }
    }
    migration
        .notes
        .extend(warnings.into_iter().map(|warning| warning.message));
    if let Some(mode) = translation.mode
        && mode.mode != Mode::Full
    {
        migration.notes.push(format!(
            "{} asked for less than full verification, and coreapp has no variable for that: set \
             {} to the CA's file and, where the certificate carries another name than the host, \
             {} to that name; check it with wa-db check --role coreapp",
            mode.option,
            var::SSL_CA,
            var::SSL_SERVER_NAME
        ));
    }
    migration
        .notes
        .push(format!("remove {name} from the environment of coreapp"));
    Ok(migration)
}

/// Where the old clients were stricter: both have OpenSSL ask for a list of every CA of the chain
/// (`X509_V_FLAG_CRL_CHECK_ALL`), and refuse a certificate whose CA has none.
fn of_missing_lists(option: &str) -> String {
    let name = var::SSL_CRL;
    format!(
        "{option}: libpq and MySQL's client refuse a certificate whose CA has no list; with {name} it is \
         accepted and warned of: let {name} hold a list of each CA of the server's chain, until \
         wa-db check --strict passes"
    )
}
