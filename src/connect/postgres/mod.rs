//! Connections to PostgreSQL: [`PostgresConnector`].

mod authentication;
mod connector;
mod copies;
mod direct_tls;
mod driver;
mod failure;
mod guard;
mod login;
mod messages;
mod monitor;
mod refused;
mod secured;
pub(crate) mod session;

#[cfg(feature = "cli")]
pub(crate) use self::authentication::{Demands, Login as LoginJudge, LoginMethod};
pub use self::connector::{PostgresConnection, PostgresConnector};
#[cfg(feature = "cli")]
pub(crate) use self::login::{LoggedIn, Login, login_locally};
pub use self::monitor::{SessionMonitor, SessionState};
#[cfg(feature = "cli")]
pub(crate) use self::refused::Refused;
#[cfg(feature = "cli")]
pub(crate) use self::secured::{Server, login_secured, server_end_point};
