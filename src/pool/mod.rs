//! Connections kept ready and handed out: [`PostgresPool`], [`MySqlPool`], and [`Pool`] for either.
//!
//! One core serves both engines. [`checkout`] is a connection in someone's hands, [`pooled`] one in
//! the pool, [`shared`] where they are opened, [`gate`] what keeps a thousand tasks from storming a
//! server that comes back, [`upkeep`] what happens without anyone asking, and [`managers`] what is
//! particular to each engine. The metrics are listed in [`mod@metrics`].

mod checkout;
mod clock;
mod core;
mod engine;
mod error;
mod gate;
mod manager;
mod managers;
pub mod metrics;
mod pooled;
mod shared;
mod status;
mod upkeep;

#[cfg(all(feature = "postgres", feature = "mysql"))]
mod either;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;

#[cfg(test)]
mod tests;

#[cfg(all(feature = "postgres", feature = "mysql"))]
pub use self::either::{Client, Pool};
pub use self::error::PoolError;
#[cfg(feature = "mysql")]
pub use self::mysql::{MySqlClient, MySqlPool};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresClient, PostgresPool};
pub use self::status::PoolStatus;
