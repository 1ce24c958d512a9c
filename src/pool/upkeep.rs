//! What a pool does by itself: ends idle and aged connections, and opens some ahead.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use super::core::Inner;
use super::engine::Engine;
use super::shared::Shared;

/// The task that looks after a pool. It ends with this handle.
pub(super) struct Upkeep(AbortHandle);

impl Upkeep {
    /// Starts the task. It holds the pool weakly, so that it never keeps it alive.
    pub(super) fn start<E: Engine>(shared: &Shared<E>, pool: Weak<Inner<E>>) -> Self {
        let task = tokio::spawn(run(pool, shared.upkeep_wanted(), shared.clock.tick()));
        Self(task.abort_handle())
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run<E: Engine>(pool: Weak<Inner<E>>, wanted: Arc<Notify>, tick: Duration) {
    let mut opening = JoinSet::new();
    loop {
        while opening.try_join_next().is_some() {}
        {
            let Some(pool) = pool.upgrade() else { return };
            let ready = pool.sweep() + opening.len();
            let shared = pool.shared();
            for _ in ready..shared.limits.min_idle {
                opening.spawn(open_ahead(Arc::clone(shared)));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(tick) => {}
            () = wanted.notified() => {}
        }
    }
}

/// Opens one connection for later, if the pool has room for it.
async fn open_ahead<E: Engine>(shared: Arc<Shared<E>>) {
    let Ok(place) = shared.places.try_acquire() else {
        return;
    };
    // A failure has been counted and logged where it happened.
    if let Ok(spare) = shared.open(place).await {
        shared.stock(spare);
    }
}
