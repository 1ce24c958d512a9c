//! The legacy string `WA_DB_CONNECTION_OPTION`, which the old coreapp handed to Qt's
//! `QSqlDatabase::setConnectOptions`.
//!
//! `MySQL` options are those of Qt's driver, `PostgreSQL` options those of libpq. Both spellings are
//! understood for both engines, in any case: installations in the field mix them.

mod mysql;
mod parse;
mod postgres;
mod translate;

use std::path::Path;

pub(super) use self::translate::{LegacyMode, Mode, Translation, translate};
use super::environment::{Environment, Source};
use super::fault::Report;
use super::shown_path::may_show;
use super::{Role, variables as var};
use crate::endpoint::Engine;
use crate::secret::Secret;

/// What an option means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The path of a file, which a variable takes.
    File(&'static str),
    /// Seconds, which a variable takes.
    Seconds(&'static str),
    /// The path of a Unix socket.
    Socket,
    /// `sslmode` or `SSL_MODE`.
    SslMode,
    /// `requiressl`, which `sslmode=require` replaced.
    RequireSsl,
    /// A list of TLS versions.
    TlsVersions,
    /// A lowest TLS version.
    LowestTlsVersion,
    /// `LOCAL_INFILE` and the like: a server could ask for any file of the client.
    LocalFiles,
    /// Revocation lists, a file or a directory.
    Revocation,
    /// A word that a variable takes as it is; other words have no effect.
    Word(&'static str, &'static [&'static str]),
    /// What is done here whatever the option says.
    Already(&'static str),
    /// Nothing; another variable is the place for it.
    SetInstead(&'static str),
    /// Nothing; the text says why.
    NoEffect(&'static str),
}

/// What an option means, by its name in any case, with or without `MYSQL_OPT_`.
fn meaning(name: &str) -> Option<Meaning> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("MYSQL_OPT_").unwrap_or(&upper);
    let known = |table: &[(&str, Meaning)], name: &str| {
        table
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, m)| *m)
    };
    known(mysql::OPTIONS, short).or_else(|| known(postgres::OPTIONS, &upper))
}

/// The known option most like a name.
fn nearest(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let lower = name.to_ascii_lowercase();
    let short = upper.strip_prefix("MYSQL_OPT_").unwrap_or(&upper);
    var::nearest(short, mysql::OPTIONS.iter().map(|(name, _)| *name))
        .or_else(|| var::nearest(&lower, postgres::OPTIONS.iter().map(|(name, _)| *name)))
}

/// The environment with the legacy string laid under it: variables that are set win, with a
/// warning. Counts for coreapp only.
pub(super) fn lay_under(
    role: Role,
    engine: Option<Engine>,
    given: &Environment,
    report: &mut Report,
) -> (Environment, Option<LegacyMode>) {
    let mut environment = given.clone();
    let Some(text) = given.get(var::CONNECTION_OPTION) else {
        return (environment, None);
    };
    if role == Role::Webapp {
        let message = format!(
            "{} counts for coreapp only: webapp ignores it",
            var::CONNECTION_OPTION
        );
        report.warn(var::CONNECTION_OPTION, message);
        return (environment, None);
    }
    let translation = translate(text, engine);
    report.warn(var::CONNECTION_OPTION, deprecated(&translation, given));
    for item in &translation.items {
        if given.get(item.variable).is_some() {
            let message = format!(
                "{} wins over {} of {}",
                item.variable,
                item.option,
                var::CONNECTION_OPTION
            );
            report.warn(var::CONNECTION_OPTION, message);
        } else {
            environment.set(
                item.variable.to_owned(),
                Secret::new(item.value.as_str()),
                Source::Legacy(item.option.clone()),
            );
        }
    }
    report.absorb(translation.report);
    (environment, translation.mode)
}

/// Says that the string is deprecated, and which variables do the same.
fn deprecated(translation: &Translation, given: &Environment) -> String {
    let name = var::CONNECTION_OPTION;
    let lines: Vec<String> = translation
        .items
        .iter()
        .filter(|item| given.get(item.variable).is_none())
        .map(|item| {
            // A path with an equals sign or a space in it may be two options run together, and the
            // second may be a password.
            let plain = item
                .value
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'=' && b != b'@')
                && may_show(item.variable, Path::new(&item.value));
            let value = if plain {
                item.value.as_str()
            } else {
                "(as it stands there)"
            };
            format!("{}={value}", item.variable)
        })
        .collect();
    if lines.is_empty() {
        format!("{name} is deprecated: unset it")
    } else {
        format!("{name} is deprecated: unset it and set {}", lines.join(" "))
    }
}

#[cfg(test)]
mod tests;
