//! Values that are one word of a few: engine, role, security level and so on.

use crate::endpoint::Engine;
use crate::settings::fault::{Fault, shown};
use crate::settings::options::{ChannelBinding, Recycle, Role, TargetSession};
use crate::settings::tls::{CrlStale, Negotiation, SecurityLevel};
use crate::settings::variables;

/// `WA_DB_ENGINE`. `MariaDB` is engine `mysql`.
pub(in crate::settings) fn engine(text: &str) -> Result<Engine, Fault> {
    one_of(
        variables::ENGINE,
        text,
        &[
            ("MYSQL", Engine::MySql),
            ("MARIADB", Engine::MySql),
            ("PGSQL", Engine::Postgres),
            ("POSTGRES", Engine::Postgres),
            ("POSTGRESQL", Engine::Postgres),
        ],
    )
}

/// Whether `WA_DB_ENGINE` says `MariaDB`, and not `MySQL`, whose protocol it is.
#[cfg(feature = "mysql")]
pub(in crate::settings) fn is_mariadb(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("MARIADB")
}

/// `WA_DB_ROLE`. `both` is `None`.
pub(in crate::settings) fn role(text: &str) -> Result<Option<Role>, Fault> {
    one_of(
        variables::ROLE,
        text,
        &[
            ("webapp", Some(Role::Webapp)),
            ("coreapp", Some(Role::Coreapp)),
            ("both", None),
        ],
    )
}

/// `WA_DB_TARGET`.
pub(in crate::settings) fn target(text: &str) -> Result<TargetSession, Fault> {
    one_of(
        variables::TARGET,
        text,
        &[
            ("any", TargetSession::Any),
            ("read-write", TargetSession::ReadWrite),
            ("read-only", TargetSession::ReadOnly),
        ],
    )
}

/// `WA_DB_CHANNEL_BINDING`.
pub(in crate::settings) fn channel_binding(text: &str) -> Result<ChannelBinding, Fault> {
    one_of(
        variables::CHANNEL_BINDING,
        text,
        &[
            ("prefer", ChannelBinding::Prefer),
            ("require", ChannelBinding::Require),
        ],
    )
}

/// `WA_DB_POOL_RECYCLE`.
pub(in crate::settings) fn recycle(text: &str) -> Result<Recycle, Fault> {
    one_of(
        variables::POOL_RECYCLE,
        text,
        &[
            ("fast", Recycle::Fast),
            ("verified", Recycle::Verified),
            ("clean", Recycle::Clean),
        ],
    )
}

/// `WA_DB_SSL_CRL_STALE`.
pub(in crate::settings) fn crl_stale(text: &str) -> Result<CrlStale, Fault> {
    one_of(
        variables::SSL_CRL_STALE,
        text,
        &[("refuse", CrlStale::Refuse), ("warn", CrlStale::Warn)],
    )
}

/// `WA_DB_SECURITY_LEVEL` or `WA_WEB_SECURITY_LEVEL`.
pub(in crate::settings) fn security_level(
    variable: &str,
    text: &str,
) -> Result<SecurityLevel, Fault> {
    one_of(
        variable,
        text,
        &[
            ("MODERN", SecurityLevel::Modern),
            ("INTERMEDIATE", SecurityLevel::Intermediate),
            ("OLD", SecurityLevel::Old),
        ],
    )
}

/// `WA_DB_SSL_NEGOTIATION`.
pub(in crate::settings) fn negotiation(text: &str) -> Result<Negotiation, Fault> {
    one_of(
        variables::SSL_NEGOTIATION,
        text,
        &[
            ("postgres", Negotiation::Postgres),
            ("direct", Negotiation::Direct),
        ],
    )
}

fn one_of<T: Copy>(variable: &str, text: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    let word = text.trim();
    if let Some((_, value)) = words
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
    {
        return Ok(*value);
    }
    let list = words
        .iter()
        .map(|(known, _)| *known)
        .collect::<Vec<_>>()
        .join(", ");
    let capitals = words
        .iter()
        .all(|(word, _)| word.to_ascii_uppercase() == *word);
    let like = if capitals {
        word.to_ascii_uppercase()
    } else {
        word.to_ascii_lowercase()
    };
    let near = variables::nearest(&like, words.iter().map(|(w, _)| *w));
    Err(Fault::invalid(
        variable,
        format!("{variable} is {}, which is none of {list}", shown(text)),
        match near {
            Some(near) => format!("did you mean {variable}={near}?"),
            None => format!("set {variable} to one of {list}"),
        },
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[cfg(feature = "mysql")]
    #[test]
    fn mariadb_is_told_from_mysql() {
        for (text, expected) in [(" MariaDB ", true), ("MYSQL", false), ("MARIA", false)] {
            assert_eq!(is_mariadb(text), expected, "{text:?}");
        }
    }

    #[test]
    fn engine_names_ignore_case() {
        for (text, expected) in [
            ("MYSQL", Engine::MySql),
            ("MySQL", Engine::MySql),
            ("MARIADB", Engine::MySql),
            ("mariadb", Engine::MySql),
            ("PGSQL", Engine::Postgres),
            ("pgsql", Engine::Postgres),
            ("Postgres", Engine::Postgres),
            ("POSTGRESQL", Engine::Postgres),
            (" PGSQL\r", Engine::Postgres),
        ] {
            assert_eq!(engine(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_word_is_a_fault_that_lists_the_known_ones() {
        let fault = engine("sqlite").unwrap_err();
        assert_eq!(fault.variable, "WA_DB_ENGINE");
        assert!(fault.message.contains("\"sqlite\"") && fault.message.contains("MARIADB"));
        assert_eq!(
            engine("postgre").unwrap_err().hint,
            "did you mean WA_DB_ENGINE=POSTGRES?"
        );
        assert_eq!(
            security_level("WA_DB_SECURITY_LEVEL", "modem")
                .unwrap_err()
                .hint,
            "did you mean WA_DB_SECURITY_LEVEL=MODERN?"
        );
        for fault in [
            role("admin").map(drop).unwrap_err(),
            target("primary").map(drop).unwrap_err(),
            channel_binding("disable").map(drop).unwrap_err(),
            recycle("").map(drop).unwrap_err(),
            crl_stale("off").map(drop).unwrap_err(),
            security_level("WA_WEB_SECURITY_LEVEL", "1")
                .map(drop)
                .unwrap_err(),
            negotiation("mysql").map(drop).unwrap_err(),
        ] {
            assert!(
                fault.message.starts_with(&fault.variable),
                "{}",
                fault.message
            );
        }
    }

    #[test]
    fn every_word_has_its_meaning() {
        assert_eq!(role("WebApp").unwrap(), Some(Role::Webapp));
        assert_eq!(role("coreapp").unwrap(), Some(Role::Coreapp));
        assert_eq!(role("both").unwrap(), None);
        assert_eq!(target("any").unwrap(), TargetSession::Any);
        assert_eq!(target("read-write").unwrap(), TargetSession::ReadWrite);
        assert_eq!(target("READ-ONLY").unwrap(), TargetSession::ReadOnly);
        assert_eq!(channel_binding("prefer").unwrap(), ChannelBinding::Prefer);
        assert_eq!(channel_binding("require").unwrap(), ChannelBinding::Require);
        assert_eq!(recycle("fast").unwrap(), Recycle::Fast);
        assert_eq!(recycle("verified").unwrap(), Recycle::Verified);
        assert_eq!(recycle("clean").unwrap(), Recycle::Clean);
        assert_eq!(crl_stale("refuse").unwrap(), CrlStale::Refuse);
        assert_eq!(crl_stale("Warn").unwrap(), CrlStale::Warn);
        let level = |text| security_level("X", text).unwrap();
        assert_eq!(level("modern"), SecurityLevel::Modern);
        assert_eq!(level("Intermediate"), SecurityLevel::Intermediate);
        assert_eq!(level("OLD"), SecurityLevel::Old);
        assert_eq!(negotiation("postgres").unwrap(), Negotiation::Postgres);
        assert_eq!(negotiation("DIRECT").unwrap(), Negotiation::Direct);
    }
}
