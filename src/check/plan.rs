//! What a check is asked to do, and what it tells while it does it.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::settings::{Environment, Role};

/// What a check is asked to do.
#[derive(Clone, Debug)]
pub struct CheckPlan {
    /// The variables.
    pub environment: Environment,
    /// The roles to check, in order.
    pub roles: Vec<Role>,
    /// How long one target may take, first to last stage.
    pub timeout: Option<Duration>,
    /// How long to keep trying while a server is starting; `None` tries once.
    pub wait: Option<Duration>,
    /// How many connections the pool stage opens.
    pub connections: Connections,
    /// Whether warnings fail the check.
    pub strict: bool,
}

/// How many connections the pool stage opens at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// This many.
    Count(NonZeroUsize),
    /// As many as `WA_DB_POOL_MAX_SIZE` allows.
    Max,
}

impl Connections {
    /// The number, for a pool that may hold `max_size`.
    pub fn resolve(self, max_size: usize) -> usize {
        match self {
            Self::Count(count) => count.get(),
            Self::Max => max_size,
        }
    }
}

/// What the check is doing at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The role.
    pub role: Role,
    /// The server, once it is known.
    pub endpoint: Option<Endpoint>,
    /// The stage that begins.
    pub stage: Stage,
    /// 1 for the first attempt; more when the check waits for a server that is starting.
    pub attempt: u32,
    /// Set where an attempt ended without success and the check waits for the server: `stage` is
    /// then the one that failed.
    pub waiting: Option<Waiting>,
}

/// What becomes of a target that was not ready, under [`CheckPlan::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It is tried again.
    Retries {
        /// Why it is not ready.
        code: ErrorCode,
        /// How long it may go on so.
        left: Duration,
    },
    /// The time is over.
    GaveUp {
        /// How long it was tried.
        after: Duration,
    },
}
