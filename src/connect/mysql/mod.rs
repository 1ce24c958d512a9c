//! Connections to MySQL and MariaDB: [`MySqlConnector`].

mod connector;
mod failure;
pub(crate) mod session;

pub use self::connector::{MySqlConnection, MySqlConnector};
