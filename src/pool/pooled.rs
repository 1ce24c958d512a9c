//! A connection as the pool keeps it: [`Pooled`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::clock::millis;
use super::engine::Engine;
use super::shared::Shared;

/// How long a goodbye may take. It needs no answer, so that this is ample.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection, its place among those the pool may hold, and what decides how long it is kept.
pub(super) struct Pooled<E: Engine> {
    // Before the slot, so that it is closed when its place becomes free.
    pub(super) connection: E::Connection,
    slot: Slot<E>,
    /// When it is too old.
    expires: u64,
    /// Since when nobody has used it.
    idle_since: u64,
    /// [`Shared::doubt`] when it was last proven.
    doubt: u64,
    /// [`Shared::distrust`] when it was last proven.
    distrust: u64,
}

impl<E: Engine> Pooled<E> {
    /// A fresh connection, with its lifetime jittered by ±10 % so that those opened together do
    /// not end together.
    pub(super) fn new(connection: E::Connection, slot: Slot<E>) -> Self {
        let shared = &slot.0;
        let now = shared.clock.now();
        let lifetime = millis(shared.limits.max_lifetime);
        let (tenth, jitter) = (lifetime / 10, rand::random_range(0..=lifetime / 5));
        let (doubt, distrust) = shared.epochs();
        Self {
            connection,
            expires: (now + jitter).saturating_add(lifetime - tenth),
            idle_since: now,
            doubt,
            distrust,
            slot,
        }
    }

    /// The pool it belongs to.
    pub(super) fn shared(&self) -> &Arc<Shared<E>> {
        &self.slot.0
    }

    /// Notes that its user returned it. Says whether it may stay.
    pub(super) fn returned(&mut self) -> bool {
        self.idle_since = self.shared().clock.next();
        let shared = self.shared();
        if E::is_closed(&self.connection) {
            shared.raise_doubt();
            return false;
        }
        shared.limits.keep_idle && shared.clock.last() < self.expires && !shared.is_closing()
    }

    /// Closes the connection. The server is told, and the place is free when that is done: a server
    /// never sees more connections than the pool may hold.
    pub(super) fn retire(self) {
        let Self {
            connection, slot, ..
        } = self;
        let runtime = Handle::try_current();
        match runtime {
            Ok(runtime) if !E::is_closed(&connection) => {
                runtime.spawn(async move {
                    // A goodbye that does not get through is cut off.
                    let _ = timeout(GOODBYE, E::part(connection)).await;
                    drop(slot);
                });
            }
            _ => {
                drop(connection);
                drop(slot);
            }
        }
    }

    /// Whether age or distrust forbid to hand it on, whatever it says of itself.
    pub(super) fn is_retired(&self) -> bool {
        let shared = self.shared();
        shared.clock.last() >= self.expires
            || shared.distrust.load(Ordering::Relaxed) != self.distrust
    }

    /// Whether another connection was found dead since this one was last proven.
    pub(super) fn is_doubtful(&self) -> bool {
        self.shared().doubt.load(Ordering::Relaxed) != self.doubt
    }

    /// Notes that the server answered. `epochs` are those of before it was asked.
    pub(super) fn proven(&mut self, (doubt, distrust): (u64, u64)) {
        self.doubt = doubt;
        self.distrust = distrust;
    }

    /// Whether it may stay idle.
    pub(super) fn may_idle(&self, now: u64) -> bool {
        let idle = now.saturating_sub(self.idle_since);
        !self.is_retired()
            && !E::is_closed(&self.connection)
            && self
                .shared()
                .limits
                .idle_timeout
                .is_none_or(|limit| idle <= millis(limit))
    }
}

/// One place among the connections the pool may hold. Free again when dropped.
pub(super) struct Slot<E: Engine>(Arc<Shared<E>>);

impl<E: Engine> Slot<E> {
    /// Turns a permit of [`Shared::places`], which the caller has forgotten, into a place.
    pub(super) fn occupy(shared: Arc<Shared<E>>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        shared.metrics.open.increment(1.0);
        shared.metrics.idle.increment(1.0);
        Self(shared)
    }
}

impl<E: Engine> Drop for Slot<E> {
    fn drop(&mut self) {
        let shared = &self.0;
        shared.open.fetch_sub(1, Ordering::Relaxed);
        shared.metrics.open.decrement(1.0);
        shared.metrics.idle.decrement(1.0);
        shared.places.add_permits(1);
        shared.want_upkeep();
    }
}
