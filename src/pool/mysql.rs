//! `MySQL` and `MariaDB` pools: [`MySqlPool`] and its [`MySqlClient`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mysql_async::Conn;

use super::checkout::Checkout;
use super::core::Core;
use super::error::PoolError;
use super::managers::mysql::MySqlEngine;
#[cfg(feature = "cli")]
use super::managers::mysql::MySqlSession;
use super::shared::Limits;
use super::status::PoolStatus;
use crate::connect::MySqlConnector;
use crate::settings::Settings;

/// A pool of verified connections to `MySQL` and `MariaDB`. Clones are the same pool; the last one dropped
/// closes what is idle, and connections still out are closed when they are returned.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use wa_db::pool::MySqlPool;
/// use wa_db::settings::{Role, Settings};
///
/// let pool = MySqlPool::connect(&Settings::from_env(Role::Webapp)?).await?;
/// let client = pool.get().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MySqlPool(Core<MySqlEngine>);

impl MySqlPool {
    /// A pool with one connection made, so that what is wrong with the settings or the server shows
    /// at once. `WA_DB_POOL_MIN_IDLE` is filled in the background.
    ///
    /// # Errors
    ///
    /// [`PoolError::Connect`] if the first connection cannot be opened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn connect(settings: &Settings) -> Result<Self, PoolError> {
        let connector = MySqlConnector::new(settings).map_err(PoolError::Connect)?;
        let pool = Self::bare(connector, settings);
        // Only once that has worked is anything opened ahead: a wrong password is not tried over and over.
        drop(pool.get().await?);
        pool.0.look_after();
        Ok(pool)
    }

    /// A pool that opens its first connection when it is needed, or in the background with
    /// `WA_DB_POOL_MIN_IDLE`.
    ///
    /// # Errors
    ///
    /// [`PoolError::Connect`] if the settings, or the files they name, cannot be used.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn connect_lazy(settings: &Settings) -> Result<Self, PoolError> {
        let connector = MySqlConnector::new(settings).map_err(PoolError::Connect)?;
        Ok(Self::with_connector(connector, settings))
    }

    /// The same with a connector that was made before.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn with_connector(connector: MySqlConnector, settings: &Settings) -> Self {
        let pool = Self::bare(connector, settings);
        pool.0.look_after();
        pool
    }

    /// The same with a connection of that connector as its first.
    #[cfg(feature = "cli")]
    pub(crate) fn starting_with(
        connector: MySqlConnector,
        first: Option<Conn>,
        settings: &Settings,
    ) -> Self {
        let pool = Self::bare(connector, settings);
        if let Some(conn) = first {
            pool.0.adopt(MySqlSession::new(conn));
        }
        pool.0.look_after();
        pool
    }

    fn bare(connector: MySqlConnector, settings: &Settings) -> Self {
        let engine = MySqlEngine::new(connector);
        Self(Core::new(engine, Limits::of(settings), settings.role()))
    }

    /// Checks a connection out; dropping the client returns it. It is never inside a transaction,
    /// and `WA_DB_POOL_RECYCLE` says what else is done before it is handed on.
    ///
    /// Waits at most `WA_DB_POOL_WAIT_TIMEOUT` for a connection to become free, first come, first
    /// served. Where one must be opened, `WA_DB_CONNECT_TIMEOUT` bounds that.
    ///
    /// # Errors
    ///
    /// [`PoolError::Timeout`], [`PoolError::Connect`] or [`PoolError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// A checkout that is dropped leaves the queue; a connection it had already been given goes to
    /// the next in line, and one it was opening or putting in order is closed.
    pub async fn get(&self) -> Result<MySqlClient, PoolError> {
        Ok(MySqlClient(self.0.get().await?))
    }

    /// Closes the pool: checkouts fail from now on, those that wait included. Waits until every
    /// connection is returned and closed, but no longer than `deadline`.
    ///
    /// # Errors
    ///
    /// [`PoolError::StillInUse`] at the deadline. The connections still out are closed when they
    /// are returned.
    ///
    /// # Cancel safety
    ///
    /// The pool stays closed; only the waiting ends.
    pub async fn close(&self, deadline: Duration) -> Result<(), PoolError> {
        self.0.close(deadline).await
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// How many connections there are, and what they are doing.
    pub fn status(&self) -> PoolStatus {
        self.0.status()
    }
}

impl fmt::Debug for MySqlPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MySqlPool").field(&self.status()).finish()
    }
}

/// A connection checked out of a [`MySqlPool`]; returned when dropped.
pub struct MySqlClient(Checkout<MySqlEngine>);

impl MySqlClient {
    /// Closes the connection instead of returning it: for a session whose state nobody else
    /// should see.
    pub fn discard(self) {
        self.0.discard();
    }
}

impl Deref for MySqlClient {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0.conn
    }
}

impl DerefMut for MySqlClient {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0.conn
    }
}

impl fmt::Debug for MySqlClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlClient").finish_non_exhaustive()
    }
}
