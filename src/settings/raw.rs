//! The variables as text, one field each: [`Raw`], the step between names and types.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::environment::Environment;
use super::fault::Fault;
use super::variables;
use crate::secret::Secret;

macro_rules! raw {
    ($($field:ident: $type:ty,)+) => {
        /// Every `WA_DB_*` variable of the contract as it was written; `None` when unset or empty.
        ///
        /// Its `Debug` shows which are set and no value: any of them may hold what was meant for
        /// another.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        pub(super) struct Raw {
            $(pub(super) $field: Option<$type>,)+
        }

        impl fmt::Debug for Raw {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut set = f.debug_set();
                $(if self.$field.is_some() {
                    set.entry(&stringify!($field));
                })+
                set.finish()
            }
        }
    };
}

raw! {
    engine: String,
    hostname: String,
    port: String,
    username: String,
    password: Secret,
    password_file: String,
    identity_file: String,
    name: String,
    name_prefix: String,
    ssl_ca: String,
    ssl_cert: String,
    ssl_key: String,
    ssl_key_password_file: String,
    ssl_verify: String,
    ssl_server_name: String,
    ssl_crl: String,
    ssl_crl_stale: String,
    security_level: String,
    ssl_pins: String,
    ssl_pins_report_only: String,
    ssl_report_file: String,
    ssl_report_uri: String,
    ssl_negotiation: String,
    connection_option: Secret,
    channel_binding: String,
    target: String,
    allowed_networks: String,
    tunnel_allowed_clients: String,
    connect_timeout: String,
    read_timeout: String,
    connection_idle_timeout: String,
    pool_max_size: String,
    pool_min_idle: String,
    pool_wait_timeout: String,
    pool_max_lifetime: String,
    pool_recycle: String,
    persistent: String,
    role: String,
}

impl Raw {
    /// Takes the variables of the contract out of an environment.
    ///
    /// Only exact names are handed to `envy`, which would lower their case and take two spellings
    /// of one name for a duplicate.
    pub(super) fn read(environment: &Environment) -> Result<Self, Fault> {
        let pairs = variables::ALL.iter().filter_map(|name| {
            environment
                .get(name)
                .map(|value| ((*name).to_owned(), value.to_owned()))
        });
        envy::prefixed(variables::PREFIX)
            .from_iter(pairs)
            .map_err(|_| {
                // Every field is text, so nothing is left that could go wrong; the cause is not shown
                // because `envy` puts values into its errors.
                Fault::invalid(
                    variables::PREFIX,
                    format!("the {}* variables cannot be read", variables::PREFIX),
                    "report this as a defect of wa-db",
                )
            })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_variable_of_the_contract_has_its_field() {
        let ours = variables::ALL.into_iter();
        for name in ours.filter(|name| name.starts_with(variables::PREFIX)) {
            let raw = Raw::read(&Environment::from_pairs([(name, "hunter2")])).unwrap();
            let field = name.strip_prefix(variables::PREFIX).unwrap().to_lowercase();
            assert_eq!(format!("{raw:?}"), format!("{{\"{field}\"}}"));
        }
    }

    #[test]
    fn empty_unknown_and_lower_case_names_fill_no_field() {
        let raw = Raw::read(&Environment::from_pairs([
            ("WA_DB_NAME", ""),
            ("WA_DB_OTHER", "x"),
            ("wa_db_port", "1"),
            ("WA_DB_PORT", "2"),
        ]));
        assert_eq!(raw.unwrap().port.as_deref(), Some("2"));
    }
}
