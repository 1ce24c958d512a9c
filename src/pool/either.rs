//! A pool of whichever engine the settings name: [`Pool`]. Only where both engines are compiled in.

use std::time::Duration;

use super::error::PoolError;
use super::mysql::{MySqlClient, MySqlPool};
use super::postgres::{PostgresClient, PostgresPool};
use super::status::PoolStatus;
use crate::endpoint::Engine;
use crate::settings::Settings;

/// A pool of whichever engine the settings name. Clones are the same pool.
#[derive(Clone, Debug)]
pub enum Pool {
    /// `PostgreSQL`.
    Postgres(PostgresPool),
    /// `MySQL` or `MariaDB`.
    MySql(MySqlPool),
}

/// A connection checked out of a [`Pool`]; returned when dropped.
#[derive(Debug)]
pub enum Client {
    /// `PostgreSQL`.
    Postgres(PostgresClient),
    /// `MySQL` or `MariaDB`.
    MySql(MySqlClient),
}

impl Pool {
    /// A pool with one connection made; see [`PostgresPool::connect`].
    ///
    /// # Errors
    ///
    /// [`PoolError::Connect`] if the first connection cannot be opened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn connect(settings: &Settings) -> Result<Self, PoolError> {
        match settings.engine() {
            Engine::Postgres => PostgresPool::connect(settings).await.map(Self::Postgres),
            Engine::MySql => MySqlPool::connect(settings).await.map(Self::MySql),
        }
    }

    /// A pool that opens its first connection when it is needed; see
    /// [`PostgresPool::connect_lazy`].
    ///
    /// # Errors
    ///
    /// [`PoolError::Connect`] if the settings, or the files they name, cannot be used.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn connect_lazy(settings: &Settings) -> Result<Self, PoolError> {
        match settings.engine() {
            Engine::Postgres => PostgresPool::connect_lazy(settings).map(Self::Postgres),
            Engine::MySql => MySqlPool::connect_lazy(settings).map(Self::MySql),
        }
    }

    /// Checks a connection out; see [`PostgresPool::get`].
    ///
    /// # Errors
    ///
    /// [`PoolError::Timeout`], [`PoolError::Connect`] or [`PoolError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// As [`PostgresPool::get`].
    pub async fn get(&self) -> Result<Client, PoolError> {
        match self {
            Self::Postgres(pool) => pool.get().await.map(Client::Postgres),
            Self::MySql(pool) => pool.get().await.map(Client::MySql),
        }
    }

    /// Closes the pool and waits for the connections that are out; see [`PostgresPool::close`].
    ///
    /// # Errors
    ///
    /// [`PoolError::StillInUse`] at the deadline.
    ///
    /// # Cancel safety
    ///
    /// The pool stays closed; only the waiting ends.
    pub async fn close(&self, deadline: Duration) -> Result<(), PoolError> {
        match self {
            Self::Postgres(pool) => pool.close(deadline).await,
            Self::MySql(pool) => pool.close(deadline).await,
        }
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Postgres(pool) => pool.is_closed(),
            Self::MySql(pool) => pool.is_closed(),
        }
    }

    /// How many connections there are, and what they are doing.
    pub fn status(&self) -> PoolStatus {
        match self {
            Self::Postgres(pool) => pool.status(),
            Self::MySql(pool) => pool.status(),
        }
    }
}
