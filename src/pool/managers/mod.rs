//! What is particular to each engine: how its connections are opened, judged and put in order.

#[cfg(feature = "mysql")]
pub(super) mod mysql;
#[cfg(feature = "postgres")]
pub(super) mod postgres;

use std::time::Duration;

/// How long a statement that its caller gave up may keep a connection from the next in line.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
