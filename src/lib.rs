//! Database connections that are encrypted and verified unless someone says otherwise.
//!
//! A service says which role it plays; everything else is in its `WA_DB_*` environment, the same for
//! MySQL, MariaDB and PostgreSQL. What comes back is a pool of connections of the driver's own type
//! whose server has been verified.
//!
//! ```no_run
//! use wa_db::{PostgresPool, Role, Settings};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::from_env(Role::Webapp)?; // every fault at once
//! let pool = PostgresPool::connect(&settings).await?; // one connection is made and proven
//! let client = pool.get().await?; // derefs to tokio_postgres::Client
//! let row = client.query_one("SELECT version()", &[]).await?;
//! println!("{}", row.try_get::<_, String>(0)?);
//! # Ok(())
//! # }
//! ```
//!
//! # What to import
//!
//! A service that needs one engine compiles neither the other's driver nor the command line:
//!
//! ```toml
//! [dependencies]
//! wa-db = { version = "0.1", default-features = false, features = ["postgres"] }
//! ```
//!
//! | feature | brings |
//! |---|---|
//! | `postgres` (default) | [`PostgresPool`] on `tokio-postgres` |
//! | `mysql` (default) | [`MySqlPool`] on `mysql_async`, for MySQL and MariaDB |
//! | both of them | [`Pool`]: whichever engine `WA_DB_ENGINE` names |
//! | `cli` (default) | the `wa-db` command and what it is made of ([`check`], [`cli`]) |
//! | `age` (default) | password files that are encrypted with [age](https://age-encryption.org/v1), and opened by `WA_DB_IDENTITY_FILE` |
//!
//! The drivers are re-exported as [`tokio_postgres`] and [`mysql_async`], so that a service speaks the
//! very version its connections are of.
//!
//! A service whose engine is chosen at deployment takes [`Pool`] and says each statement in both
//! dialects where they differ:
//!
//! ```no_run
//! use wa_db::mysql_async::prelude::Queryable;
//! use wa_db::{Pool, Role, Settings};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // Opens nothing yet, so that the service may start before its database.
//! let pool = Pool::connect_lazy(&Settings::from_env(Role::Coreapp)?)?;
//! let waiting: Option<i64> = match &pool {
//!     Pool::Postgres(pool) => {
//!         let row = pool.get().await?.query_one("SELECT count(*) FROM messages", &[]).await?;
//!         row.try_get(0)?
//!     }
//!     Pool::MySql(pool) => pool.get().await?.query_first("SELECT count(*) FROM messages").await?,
//! };
//! # Ok(())
//! # }
//! ```
//!
//! # Roles
//!
//! Two kinds of service share one environment. They differ in two variables only:
//!
//! | | [`Role::Webapp`] | [`Role::Coreapp`] |
//! |---|---|---|
//! | `WA_DB_SSL_VERIFY=off` | the server is not verified (still encrypted) | ignored with a warning |
//! | `WA_DB_CONNECTION_OPTION` | ignored with a warning | translated, with a deprecation warning |
//!
//! # Settings
//!
//! [`Settings`] exist only if they make sense; if not, the error names every fault at once, and never a
//! secret. Tests give an environment of their own:
//!
//! ```
//! use wa_db::settings::Environment;
//! use wa_db::{ErrorCode, Role, Settings};
//!
//! let environment = Environment::from_pairs([
//!     ("WA_DB_ENGINE", "ORACLE"),
//!     ("WA_DB_HOSTNAME", "db.example"),
//!     ("WA_DB_PASSWORD", "a secret"),
//! ]);
//! let error = Settings::from_environment(Role::Webapp, &environment).unwrap_err();
//! let faults: Vec<_> = error.faults().iter().map(|fault| (fault.variable.as_str(), fault.code)).collect();
//! assert_eq!(faults, [
//!     ("WA_DB_ENGINE", ErrorCode::VariableInvalid),
//!     ("WA_DB_USERNAME", ErrorCode::VariableMissing),
//! ]);
//! assert!(!error.to_string().contains("secret"));
//! ```
//!
//! [`Settings::warnings`] holds what is no fault but should be changed: log it at the start.
//!
//! # TLS depth
//!
//! As a rule the driver makes the TLS handshake, through native-tls (direct depth). Where a variable asks for
//! more than native-tls can say (revocation lists, pins, security levels, reports, direct negotiation), our own
//! dialer makes it, on the same OpenSSL and with the same verdicts, and the driver runs on the secured stream
//! (wire depth). [`settings::TlsSettings::depth`] says which it is and which variables asked; a service need not
//! know. One that sets `WA_DB_SSL_REPORT_FILE` or `WA_DB_SSL_REPORT_URI` and ends by itself should await
//! [`wire::flush_reports`] first, so that the last reports leave.
//!
//! # Pools
//!
//! A checkout waits its turn for at most `WA_DB_POOL_WAIT_TIMEOUT`; a new connection has
//! `WA_DB_CONNECT_TIMEOUT` from name resolution to ready. What was returned inside a transaction is
//! rolled back before it is handed on; `WA_DB_POOL_RECYCLE` says what else is done. Every future here may
//! be dropped at any point. Password, certificate, key, CA and CRL files are read again when they change:
//! the next new connection uses them, existing ones live on, and a broken file keeps the last good state.
//!
//! A service ends by [`Pool::close`], which waits for what is still checked out up to a deadline.
//!
//! # Errors, and whether to retry
//!
//! A [`PoolError`] carries the contract's [`ErrorCode`], the [`Stage`] that failed, a hint, and every
//! attempt with its host and address. It says whether trying again may help:
//!
//! ```no_run
//! use std::time::Duration;
//! use wa_db::{PoolError, PostgresClient, PostgresPool};
//!
//! /// Waits for a server that is starting; gives up at once on what only a person can change.
//! async fn patiently(pool: &PostgresPool) -> Result<PostgresClient, PoolError> {
//!     let mut pause = Duration::from_millis(100);
//!     loop {
//!         match pool.get().await {
//!             Err(error) if error.is_retryable() && pause < Duration::from_secs(60) => {
//!                 tracing::warn!(stage = error.stage().as_str(), %error, hint = error.hint());
//!                 tokio::time::sleep(pause).await;
//!                 pause *= 2;
//!             }
//!             outcome => return outcome,
//!         }
//!     }
//! }
//! ```
//!
//! While a server is away, the pool itself lets one attempt at a time through, with pauses that grow;
//! other checkouts share its outcome.
//!
//! Errors of statements are the driver's own. Drivers put no deadline on a statement: use
//! `tokio::time::timeout`, and the pool does what is right with the connection.
//!
//! # Tracing
//!
//! Events carry the target `wa_db::…`: failed connections and checkouts that waited in vain are
//! warnings, replaced certificate files are information, each opened and dropped connection is `debug`
//! (within the span `wa_db.pool.connect`), each checkout is `trace`. No event holds a secret. The drivers
//! log statements and parameters at `debug`: keep `tokio_postgres` and `mysql_async` at `warn`.
//!
//! # Metrics
//!
//! Through the `metrics` facade; install a recorder before the pool is built. All carry the labels
//! `role` and `engine`.
//!
//! | name | kind | meaning |
//! |---|---|---|
//! | `wa_db_pool_connections_open` | gauge | connections held, idle or in use |
//! | `wa_db_pool_connections_idle` | gauge | those of them ready to be checked out |
//! | `wa_db_pool_connections_in_use` | gauge | those of them checked out |
//! | `wa_db_pool_waiters` | gauge | tasks that wait for a connection to become free |
//! | `wa_db_pool_wait_seconds` | histogram | wait of each checkout; 0 where a connection was free |
//! | `wa_db_connect_seconds` | histogram | time of one stage of a new connection; label `stage` |
//! | `wa_db_failures_total` | counter | failed connections and checkouts; label `code` |
//! | `wa_db_reloads_total` | counter | files that changed and were read again; labels `files` (`policy`: certificates, keys and lists; `password`, failed ones alone; a tunnel has more) and `result` (`loaded`, `failed`), without `role` and `engine` |
//! | `wa_db_certificate_expiry_seconds` | gauge | time left of a certificate, negative after its end; label `certificate`: `client`, `ca`, or `server` (wire depth) |
//! | `wa_db_reports_total` | counter | reports of certificates that do not keep to the policy; labels `sink`: `file` or `uri`, and `outcome`: `sent`, `failed`, `dropped` or `suppressed` |
//!
//! # Complete services
//!
//! `examples/webapp.rs` is an axum service with health, readiness and a page; `examples/coreapp.rs` a worker
//! that outlives restarts of its server. Both run on either engine and stop in good order.

#[cfg(not(any(feature = "postgres", feature = "mysql")))]
compile_error!("wa-db without a database is of no use: enable feature `postgres` or `mysql`");

#[cfg(feature = "cli")]
pub mod audit;
#[cfg(feature = "cli")]
mod certs;
#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod code;
pub mod connect;
pub mod endpoint;
pub mod failure;
#[cfg(feature = "cli")]
pub mod monitor;
pub mod pool;
pub mod secret;
#[cfg(feature = "cli")]
pub mod serve;
pub mod settings;
mod shell;
pub mod tls;
#[cfg(feature = "cli")]
pub mod tunnel;
pub mod wire;

pub use self::code::{ErrorCode, Stage};
#[cfg(all(feature = "postgres", feature = "mysql"))]
pub use self::pool::{Client, Pool};
#[cfg(feature = "mysql")]
pub use self::pool::{MySqlClient, MySqlPool};
pub use self::pool::{PoolError, PoolStatus};
#[cfg(feature = "postgres")]
pub use self::pool::{PostgresClient, PostgresPool};
pub use self::settings::{Role, Settings, SettingsError};
// The drivers, so that a service speaks the very version its connections are of.
#[cfg(feature = "mysql")]
pub use mysql_async;
#[cfg(feature = "postgres")]
pub use tokio_postgres;
