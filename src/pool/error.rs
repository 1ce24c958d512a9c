//! Why a checkout or the closing of a pool failed: [`PoolError`].

use std::time::Duration;

use crate::code::{ErrorCode, Stage};
use crate::connect::ConnectError;

/// Why a checkout or the closing of a pool failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError<E: std::error::Error + 'static = ConnectError> {
    /// No connection became free within `WA_DB_POOL_WAIT_TIMEOUT`.
    #[error(
        "none of the {max_size} connections of WA_DB_POOL_MAX_SIZE became free within the {} ms of \
         WA_DB_POOL_WAIT_TIMEOUT",
        waited.as_millis()
    )]
    Timeout {
        /// How long this checkout waited.
        waited: Duration,
        /// `WA_DB_POOL_MAX_SIZE`.
        max_size: usize,
        /// Why the last attempt to open a connection failed, if none has succeeded since.
        #[source]
        last_failure: Option<E>,
    },
    /// A new connection was needed and could not be opened.
    #[error(transparent)]
    Connect(E),
    /// The pool has been closed.
    #[error("the pool has been closed")]
    Closed,
    /// [`close`](super::PostgresPool::close) reached its deadline before every connection was
    /// returned.
    #[error("{connections} connections were still in use {} ms after the pool was closed", waited.as_millis())]
    StillInUse {
        /// The connections not returned yet.
        connections: usize,
        /// How long the pool waited for them.
        waited: Duration,
    },
}

impl PoolError {
    /// The contract's word for it; `None` where the caller itself closed the pool.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Timeout { .. } => Some(ErrorCode::PoolTimeout),
            Self::Connect(error) => Some(error.code()),
            Self::Closed | Self::StillInUse { .. } => None,
        }
    }

    /// The stage that failed.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Connect(error) => error.stage(),
            Self::Timeout { .. } | Self::Closed | Self::StillInUse { .. } => Stage::Pool,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        match self {
            Self::Timeout {
                last_failure: Some(error),
                ..
            }
            | Self::Connect(error) => error.hint(),
            Self::Timeout { .. } => {
                "raise WA_DB_POOL_MAX_SIZE or WA_DB_POOL_WAIT_TIMEOUT, or return connections sooner"
            }
            Self::Closed => "nothing may be checked out once the pool is being closed",
            Self::StillInUse { .. } => {
                "they are closed when they are returned; give the pool more time, or end its users first"
            }
        }
    }

    /// Whether the same call may succeed later without anyone changing a setting.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Connect(error) => error.is_retryable(),
            Self::Closed | Self::StillInUse { .. } => false,
        }
    }
}
