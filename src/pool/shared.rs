//! What the parts of one pool have in common: [`Shared`], where connections are opened.
//!
//! Every connection holds one of [`Shared::places`] from before its handshake until it is closed, so
//! that a pool never has more connections than it may, whoever opens them. Connections opened ahead
//! for `WA_DB_POOL_MIN_IDLE` wait in [`Shared::spares`] and are taken before a new one is opened.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::Instrument;

use super::clock::Clock;
use super::engine::Engine;
use super::error::PoolError;
use super::gate::Gate;
use super::metrics::PoolMetrics;
use super::pooled::{Pooled, Slot};
use crate::settings::{Recycle, Role, Settings};
use crate::tls::CertificateExpiries;

/// The numbers of `WA_DB_POOL_*` that a pool keeps to.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_size: usize,
    pub(super) min_idle: usize,
    pub(super) wait_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) max_lifetime: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) recycle: Recycle,
    pub(super) keep_idle: bool,
}

impl Limits {
    /// What the settings say.
    pub(super) fn of(settings: &Settings) -> Self {
        let pool = settings.pool();
        Self {
            max_size: pool.max_size,
            // A pool that keeps nothing idle keeps nothing ready either.
            min_idle: if pool.keep_idle {
                pool.min_idle.min(pool.max_size)
            } else {
                0
            },
            wait_timeout: pool.wait_timeout,
            read_timeout: settings.read_timeout(),
            max_lifetime: pool.max_lifetime,
            idle_timeout: settings.idle_timeout(),
            recycle: pool.recycle,
            keep_idle: pool.keep_idle,
        }
    }
}

/// What the parts of one pool have in common.
pub(super) struct Shared<E: Engine> {
    pub(super) engine: E,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) metrics: PoolMetrics,
    pub(super) gate: Gate<E::Error>,
    /// One permit for each connection that may still be opened.
    pub(super) places: Semaphore,
    /// Connections held.
    pub(super) open: AtomicUsize,
    /// Tasks that wait for one to become free.
    pub(super) waiters: AtomicUsize,
    /// Grows when a connection is found dead: the others are asked before they are handed on.
    pub(super) doubt: AtomicU64,
    /// Grows when the server does not answer in time: the others are dropped without asking, or
    /// each of them would cost one more deadline.
    pub(super) distrust: AtomicU64,
    closing: AtomicBool,
    spares: Mutex<Vec<Pooled<E>>>,
    spare_ready: Notify,
    upkeep_wanted: Arc<Notify>,
    expiries: Mutex<CertificateExpiries>,
}

impl<E: Engine> Shared<E> {
    /// A pool's common part, with nothing open.
    pub(super) fn new(engine: E, limits: Limits, role: Role) -> Arc<Self> {
        let shortest = limits
            .idle_timeout
            .map_or(limits.max_lifetime, |idle| idle.min(limits.max_lifetime));
        Arc::new(Self {
            clock: Clock::for_deadline(shortest),
            metrics: PoolMetrics::register(role, E::NAME),
            gate: Gate::new(),
            places: Semaphore::new(limits.max_size),
            open: AtomicUsize::new(0),
            waiters: AtomicUsize::new(0),
            doubt: AtomicU64::new(0),
            distrust: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            spares: Mutex::new(Vec::new()),
            spare_ready: Notify::new(),
            upkeep_wanted: Arc::new(Notify::new()),
            expiries: Mutex::default(),
            engine,
            limits,
        })
    }

    /// A spare connection, or a new one.
    ///
    /// # Cancel safety
    ///
    /// A connection half open is given up, and its place is free again.
    pub(super) async fn supply(self: &Arc<Self>) -> Result<Pooled<E>, PoolError<E::Error>> {
        // The pool ran dry, so there may be fewer idle connections than there should be.
        self.want_upkeep();
        loop {
            if self.is_closing() {
                return Err(PoolError::Closed);
            }
            if let Some(spare) = self.take_spare() {
                return Ok(spare);
            }
            // A checkout always finds a place, unless the upkeep holds the last one for a moment.
            let place = tokio::select! {
                biased;
                place = self.places.acquire() => place.map_err(|_| PoolError::Closed)?,
                () = self.spare_ready.notified() => continue,
            };
            if self.is_closing() {
                return Err(PoolError::Closed);
            }
            return self.open(place).await;
        }
    }

    /// Opens a connection in this place.
    ///
    /// # Cancel safety
    ///
    /// As [`supply`](Self::supply).
    pub(super) async fn open(
        self: &Arc<Self>,
        place: SemaphorePermit<'_>,
    ) -> Result<Pooled<E>, PoolError<E::Error>> {
        let pass = self.gate.enter().await.map_err(PoolError::Connect)?;
        let begun = Instant::now();
        let span = tracing::debug_span!("wa_db.pool.connect", engine = E::NAME);
        let opened = match self.engine.open().instrument(span).await {
            Ok(opened) => opened,
            Err(error) => {
                let code = E::code(&error);
                tracing::warn!(engine = E::NAME, code = code.as_str(), %error, "could not open a connection");
                self.metrics.failed(code);
                pass.failed(error.clone());
                return Err(PoolError::Connect(error));
            }
        };
        pass.succeeded();
        place.forget();
        let pooled = Pooled::new(opened.connection, Slot::occupy(Arc::clone(self)));
        self.metrics.connected(&opened.times);
        self.metrics.certificates_end(opened.expiries);
        *lock(&self.expiries) = opened.expiries;
        tracing::debug!(
            engine = E::NAME,
            elapsed_ms = begun.elapsed().as_secs_f64() * 1000.0,
            "opened a connection"
        );
        if self.is_closing() {
            pooled.retire();
            return Err(PoolError::Closed);
        }
        Ok(pooled)
    }

    /// Keeps a connection that was opened ahead, unless the pool was closed meanwhile.
    pub(super) fn stock(&self, spare: Pooled<E>) {
        let mut spares = lock(&self.spares);
        // Looked at under the lock, so that the pool's end cannot miss it.
        if self.is_closing() {
            drop(spares);
            spare.retire();
            return;
        }
        spares.push(spare);
        drop(spares);
        self.spare_ready.notify_one();
    }

    /// Drops the spares that may not stay idle. Says how many are left.
    pub(super) fn sweep_spares(&self, now: u64) -> usize {
        let mut spares = lock(&self.spares);
        let gone: Vec<_> = spares
            .extract_if(.., |spare| !spare.may_idle(now))
            .collect();
        let left = spares.len();
        drop(spares);
        gone.into_iter().for_each(Pooled::retire);
        left
    }

    /// Connections opened ahead and not used yet.
    pub(super) fn spares(&self) -> usize {
        lock(&self.spares).len()
    }

    /// Stops the supply: what is opened from now on is closed at once.
    pub(super) fn shut_down(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let spares = std::mem::take(&mut *lock(&self.spares));
        spares.into_iter().for_each(Pooled::retire);
        self.spare_ready.notify_waiters();
    }

    /// Whether the pool has been closed.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// [`doubt`](Self::doubt) and [`distrust`](Self::distrust) as they are now.
    pub(super) fn epochs(&self) -> (u64, u64) {
        (
            self.doubt.load(Ordering::Relaxed),
            self.distrust.load(Ordering::Relaxed),
        )
    }

    /// A connection was found dead: the others are asked before they are handed on.
    pub(super) fn raise_doubt(&self) {
        self.doubt.fetch_add(1, Ordering::Relaxed);
    }

    /// The server did not answer in time: the others are not handed on.
    pub(super) fn raise_distrust(&self) {
        self.distrust.fetch_add(1, Ordering::Relaxed);
        self.want_upkeep();
    }

    /// Asks for the upkeep now rather than at the next tick.
    pub(super) fn want_upkeep(&self) {
        self.upkeep_wanted.notify_one();
    }

    /// Told when the upkeep is wanted before the next tick.
    pub(super) fn upkeep_wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.upkeep_wanted)
    }

    /// Tells the metrics how much is left of the certificates last used.
    pub(super) fn report_certificates(&self) {
        self.metrics.certificates_end(*lock(&self.expiries));
    }

    fn take_spare(&self) -> Option<Pooled<E>> {
        loop {
            let spare = lock(&self.spares).pop()?;
            if !spare.is_retired() && !E::is_closed(&spare.connection) {
                return Some(spare);
            }
            spare.retire();
        }
    }
}

/// Nothing panics while it holds one of these locks, and every state of what they guard is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
