//! The pool itself, common to both engines: [`Core`].

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, QueueMode, TimeoutType, Timeouts};
use tokio::time::Instant;

use super::checkout::Checkout;
use super::engine::Engine;
use super::error::PoolError;
use super::manager::Manager;
#[cfg(feature = "cli")]
use super::pooled::{Pooled, Slot};
use super::shared::{Limits, Shared};
use super::status::PoolStatus;
use super::upkeep::Upkeep;
use crate::code::ErrorCode;
use crate::settings::Role;

/// A connection that is free is taken without a timer.
const AT_ONCE: Timeouts = Timeouts {
    wait: Some(Duration::ZERO),
    create: None,
    recycle: None,
};

/// A pool of connections of one engine. Clones are the same pool.
pub(super) struct Core<E: Engine>(Arc<Inner<E>>);

impl<E: Engine> Clone for Core<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Engine> Core<E> {
    /// A pool that has opened nothing yet, and nobody [looks after](Self::look_after).
    pub(super) fn new(engine: E, limits: Limits, role: Role) -> Self {
        let max_size = limits.max_size;
        let shared = Shared::new(engine, limits, role);
        let built = managed::Pool::builder(Manager(Arc::clone(&shared)))
            .max_size(max_size)
            // The connection used last is used first, so that those not needed grow idle and end.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build();
        #[expect(
            clippy::expect_used,
            reason = "building fails only where timeouts lack a runtime"
        )]
        let objects = built.expect("a runtime was given");
        Self(Arc::new(Inner {
            upkeep: OnceLock::new(),
            objects,
            shared,
        }))
    }

    /// Starts to end idle and aged connections and to open some ahead. Must be called within a
    /// Tokio runtime.
    pub(super) fn look_after(&self) {
        let Inner { upkeep, shared, .. } = &*self.0;
        upkeep.get_or_init(|| Upkeep::start(shared, Arc::downgrade(&self.0)));
    }

    /// Takes over a connection that was opened before the pool: it is the first to be handed out.
    #[cfg(feature = "cli")]
    pub(super) fn adopt(&self, connection: E::Connection) {
        let shared = &self.0.shared;
        if let Ok(place) = shared.places.try_acquire() {
            place.forget();
            shared.stock(Pooled::new(connection, Slot::occupy(Arc::clone(shared))));
        }
    }

    /// Checks a connection out.
    ///
    /// # Cancel safety
    ///
    /// A checkout that is dropped leaves the queue; a connection it had already been given goes to
    /// the next in line, and one it was opening or putting in order is closed.
    pub(super) async fn get(&self) -> Result<Checkout<E>, PoolError<E::Error>> {
        let inner = &*self.0;
        // A connection that is free is taken without waiting, so that whoever asks for one over and
        // over would never let other tasks run.
        tokio::task::coop::consume_budget().await;
        let object = match inner.objects.timeout_get(&AT_ONCE).await {
            Ok(object) => {
                inner.shared.metrics.wait.record(0.0);
                object
            }
            Err(managed::PoolError::Timeout(TimeoutType::Wait)) => inner.wait().await?,
            Err(error) => return Err(inner.failure(error, Duration::ZERO)),
        };
        tracing::trace!(engine = E::NAME, "checked a connection out");
        Ok(Checkout::new(object))
    }

    /// Closes the pool: checkouts fail from now on, those that wait included. Waits until every
    /// connection is returned and closed, but no longer than `deadline`.
    ///
    /// # Cancel safety
    ///
    /// The pool stays closed; connections still out are closed when they are returned.
    pub(super) async fn close(&self, deadline: Duration) -> Result<(), PoolError<E::Error>> {
        let Inner {
            objects, shared, ..
        } = &*self.0;
        shared.shut_down();
        self.0.retire_idle();
        objects.close();
        let places = u32::try_from(shared.limits.max_size).unwrap_or(u32::MAX);
        match tokio::time::timeout(deadline, shared.places.acquire_many(places)).await {
            // An error means that another call to this function was done first.
            Ok(_) => {
                shared.places.close();
                tracing::debug!(engine = E::NAME, "closed the pool");
                Ok(())
            }
            Err(_) => Err(PoolError::StillInUse {
                connections: shared.open.load(Ordering::Relaxed),
                waited: deadline,
            }),
        }
    }

    /// Whether [`close`](Self::close) was called.
    pub(super) fn is_closed(&self) -> bool {
        self.0.shared.is_closing()
    }

    /// How many connections there are, and what they are doing.
    pub(super) fn status(&self) -> PoolStatus {
        self.0.status()
    }
}

/// What a pool owns. Ends the upkeep and the idle connections when the last [`Core`] is dropped.
pub(super) struct Inner<E: Engine> {
    upkeep: OnceLock<Upkeep>,
    objects: managed::Pool<Manager<E>>,
    shared: Arc<Shared<E>>,
}

impl<E: Engine> Inner<E> {
    /// What the parts of the pool have in common.
    pub(super) fn shared(&self) -> &Arc<Shared<E>> {
        &self.shared
    }

    /// Drops the connections that may not stay idle. Says how many are left.
    pub(super) fn sweep(&self) -> usize {
        let now = self.shared.clock.advance();
        self.shared.report_certificates();
        let swept = self.objects.retain(|pooled, _| pooled.may_idle(now));
        if !swept.removed.is_empty() {
            tracing::debug!(
                engine = E::NAME,
                connections = swept.removed.len(),
                "dropped idle connections"
            );
        }
        for pooled in swept.removed {
            pooled.retire();
        }
        swept.retained + self.shared.sweep_spares(now)
    }

    fn retire_idle(&self) {
        let idle = self.objects.retain(|_, _| false).removed;
        for pooled in idle {
            pooled.retire();
        }
    }

    fn status(&self) -> PoolStatus {
        // Counted in the queue itself, so that checkouts need not count.
        let idle = self.objects.retain(|_, _| true).retained + self.shared.spares();
        let open = self.shared.open.load(Ordering::Relaxed);
        PoolStatus {
            max_size: self.shared.limits.max_size,
            open,
            idle,
            in_use: open.saturating_sub(idle),
            waiters: self.shared.waiters.load(Ordering::Relaxed),
        }
    }

    /// Waits in line for a connection to become free.
    async fn wait(&self) -> Result<managed::Object<Manager<E>>, PoolError<E::Error>> {
        let begun = Instant::now();
        let waiting = Waiting::begin(&self.shared);
        let limits = Timeouts {
            wait: Some(self.shared.limits.wait_timeout),
            ..AT_ONCE
        };
        let outcome = self.objects.timeout_get(&limits).await;
        drop(waiting);
        let waited = begun.elapsed();
        self.shared.metrics.wait.record(waited.as_secs_f64());
        outcome.map_err(|error| self.failure(error, waited))
    }

    fn failure(
        &self,
        error: managed::PoolError<PoolError<E::Error>>,
        waited: Duration,
    ) -> PoolError<E::Error> {
        match error {
            managed::PoolError::Backend(error) => error,
            managed::PoolError::Timeout(_) => {
                let waited_ms = waited.as_millis();
                tracing::warn!(
                    engine = E::NAME,
                    waited_ms,
                    "no connection became free in time"
                );
                self.shared.metrics.failed(ErrorCode::PoolTimeout);
                PoolError::Timeout {
                    waited,
                    max_size: self.shared.limits.max_size,
                    last_failure: self.shared.gate.last_failure(),
                }
            }
            // The other two need hooks, or timeouts without a runtime: there are none.
            managed::PoolError::Closed
            | managed::PoolError::NoRuntimeSpecified
            | managed::PoolError::PostCreateHook(_) => PoolError::Closed,
        }
    }
}

impl<E: Engine> Drop for Inner<E> {
    fn drop(&mut self) {
        // Nothing is opened ahead any more. Spares hold the common part and are held by it.
        drop(self.upkeep.take());
        self.shared.shut_down();
        self.retire_idle();
    }
}

/// Counts a task among those that wait, until it is dropped.
struct Waiting<'a, E: Engine>(&'a Shared<E>);

impl<'a, E: Engine> Waiting<'a, E> {
    fn begin(shared: &'a Shared<E>) -> Self {
        shared.waiters.fetch_add(1, Ordering::Relaxed);
        shared.metrics.waiters.increment(1.0);
        Self(shared)
    }
}

impl<E: Engine> Drop for Waiting<'_, E> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiters.decrement(1.0);
    }
}
