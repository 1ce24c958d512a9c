//! Connections to MySQL and MariaDB: [`MySqlConnector`].

mod connector;
mod failure;
mod login;
mod meeting;
mod options;
mod pump;
mod relay;
pub(crate) mod session;

pub use self::connector::{MySqlConnection, MySqlConnector};
#[cfg(feature = "cli")]
pub(crate) use self::pump::delivered;
#[cfg(feature = "cli")]
pub(crate) use self::relay::Introduced;
