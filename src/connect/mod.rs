//! One proven connection to one of the servers that the settings name.
//!
//! Everything from name resolution to a session that is ready happens under one deadline
//! (`WA_DB_CONNECT_TIMEOUT`), and every attempt is kept in the error.

pub(crate) mod after_tls;
#[cfg(feature = "cli")]
mod answer;
mod described;
mod error;
#[cfg(feature = "cli")]
mod facts;
#[cfg(feature = "cli")]
mod farewell;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod sequence;
#[cfg(feature = "cli")]
pub(crate) mod staged;
mod target;
#[cfg(feature = "cli")]
pub(crate) mod trust;

pub use self::error::{Attempt, ConnectError};
#[cfg(feature = "cli")]
pub(crate) use self::farewell::last_words;
#[cfg(feature = "mysql")]
pub use self::mysql::{MySqlConnection, MySqlConnector};
#[cfg(feature = "cli")]
pub(crate) use self::postgres::{Demands, LoginJudge, Refused, server_end_point};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresConnection, PostgresConnector, SessionMonitor, SessionState};
#[cfg(feature = "cli")]
pub(crate) use self::sequence::{Turn, first_of};
pub use crate::wire::StageTimes;

#[cfg(all(test, feature = "mysql", feature = "postgres"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::code::{ErrorCode, Stage};
    use crate::settings::{Environment, Role, Settings};

    #[test]
    fn a_connector_refuses_settings_of_another_engine() {
        let settings = |engine| {
            let variables = [
                ("WA_DB_ENGINE", engine),
                ("WA_DB_HOSTNAME", "db"),
                ("WA_DB_USERNAME", "app"),
            ];
            Settings::from_environment(Role::Webapp, &Environment::from_pairs(variables)).unwrap()
        };
        for (error, message) in [
            (
                PostgresConnector::new(&settings("MYSQL")).unwrap_err(),
                "WA_DB_ENGINE is mysql and this service speaks PostgreSQL",
            ),
            (
                MySqlConnector::new(&settings("PGSQL")).unwrap_err(),
                "WA_DB_ENGINE is postgres and this service speaks MySQL",
            ),
        ] {
            assert_eq!(error.code(), ErrorCode::VariableInvalid);
            assert_eq!(error.stage(), Stage::Settings);
            assert_eq!(error.to_string(), message);
            assert!(!error.is_retryable());
        }
    }
}
