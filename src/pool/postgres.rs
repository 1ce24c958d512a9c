//! `PostgreSQL` pools: [`PostgresPool`] and its [`PostgresClient`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;

use super::checkout::Checkout;
use super::core::Core;
use super::error::PoolError;
use super::managers::postgres::PostgresEngine;
use super::shared::Limits;
use super::status::PoolStatus;
use crate::connect::PostgresConnector;
use crate::settings::Settings;

/// A pool of verified connections to `PostgreSQL`. Clones are the same pool; the last one dropped
/// closes what is idle, and connections still out are closed when they are returned.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use wa_db::pool::PostgresPool;
/// use wa_db::settings::{Role, Settings};
///
/// let pool = PostgresPool::connect(&Settings::from_env(Role::Webapp)?).await?;
/// let row = pool.get().await?.query_one("SELECT 1", &[]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresPool(Core<PostgresEngine>);

impl PostgresPool {
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
        let connector = PostgresConnector::new(settings).map_err(PoolError::Connect)?;
        let pool = Self::bare(connector, settings);
        // Only once that has worked is anything opened ahead: a wrong password is tried once.
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
        let connector = PostgresConnector::new(settings).map_err(PoolError::Connect)?;
        Ok(Self::with_connector(connector, settings))
    }

    /// The same with a connector that was made before.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn with_connector(connector: PostgresConnector, settings: &Settings) -> Self {
        let pool = Self::bare(connector, settings);
        pool.0.look_after();
        pool
    }

    fn bare(connector: PostgresConnector, settings: &Settings) -> Self {
        let engine = PostgresEngine::new(connector);
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
    pub async fn get(&self) -> Result<PostgresClient, PoolError> {
        Ok(PostgresClient(self.0.get().await?))
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

impl fmt::Debug for PostgresPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresPool").field(&self.status()).finish()
    }
}

/// A connection checked out of a [`PostgresPool`]; returned when dropped.
pub struct PostgresClient(Checkout<PostgresEngine>);

impl PostgresClient {
    /// Closes the connection instead of returning it: for a session whose state nobody else
    /// should see.
    pub fn discard(self) {
        self.0.discard();
    }
}

impl Deref for PostgresClient {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.0.client
    }
}

impl DerefMut for PostgresClient {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.0.client
    }
}

impl fmt::Debug for PostgresClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresClient").finish_non_exhaustive()
    }
}
