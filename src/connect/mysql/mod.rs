//! Connections to MySQL and MariaDB: [`MySqlConnector`].

mod connector;
mod failure;
mod pump;
#[allow(dead_code, reason = "the connector uses it at wire depth")]
mod relay;
pub(crate) mod session;

pub use self::connector::{MySqlConnection, MySqlConnector};
