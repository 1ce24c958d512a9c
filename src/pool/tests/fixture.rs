//! An engine without a server: [`FakeEngine`], and the [`World`] in which its connections live.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use deadpool::managed::Metrics;
use tokio::time::{Instant, sleep};

use crate::code::{ErrorCode, Stage};
use crate::pool::core::Core;
use crate::pool::engine::{Condition, Engine, Opened, Unfit};
use crate::pool::shared::Limits;
use crate::settings::{Recycle, Role};
use crate::tls::CertificateExpiries;

/// What the tests see of the server's side, and how it behaves.
#[derive(Default)]
pub(super) struct World {
    pub(super) opened: AtomicUsize,
    pub(super) parted: AtomicUsize,
    pub(super) alive: AtomicUsize,
    pub(super) most_alive: AtomicUsize,
    pub(super) handshakes: AtomicUsize,
    pub(super) most_handshakes: AtomicUsize,
    pub(super) attempts: Mutex<Vec<Instant>>,
    pub(super) restored: Mutex<Vec<Recycle>>,
    /// Connections fail to open.
    pub(super) down: AtomicBool,
    /// Questions stay without an answer.
    pub(super) silent: AtomicBool,
    /// How long a handshake takes.
    pub(super) handshake: Mutex<Duration>,
    /// How the next restores end; after that, well.
    pub(super) restores: Mutex<VecDeque<Result<(), &'static str>>>,
}

impl World {
    pub(super) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    pub(super) fn parted(&self) -> usize {
        self.parted.load(Ordering::SeqCst)
    }

    pub(super) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    pub(super) fn restored(&self) -> Vec<Recycle> {
        self.restored.lock().unwrap().clone()
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server is down")
    }
}

impl std::error::Error for Down {}

/// One connection; a test sets its fields as a user would leave them.
pub(super) struct FakeConnection {
    pub(super) id: usize,
    pub(super) condition: Condition,
    world: Arc<World>,
}

impl Drop for FakeConnection {
    fn drop(&mut self) {
        self.world.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) struct FakeEngine(pub(super) Arc<World>);

impl Engine for FakeEngine {
    type Connection = FakeConnection;
    type Error = Down;

    const NAME: &'static str = "fake";

    async fn open(&self) -> Result<Opened<FakeConnection>, Down> {
        let world = &self.0;
        let _handshake = Handshake::begin(world);
        let takes = *world.handshake.lock().unwrap();
        if !takes.is_zero() {
            sleep(takes).await;
        }
        if world.down.load(Ordering::SeqCst) {
            return Err(Down);
        }
        let alive = world.alive.fetch_add(1, Ordering::SeqCst) + 1;
        world.most_alive.fetch_max(alive, Ordering::SeqCst);
        Ok(Opened {
            connection: FakeConnection {
                id: world.opened.fetch_add(1, Ordering::SeqCst),
                condition: Condition::Clean,
                world: Arc::clone(world),
            },
            times: vec![
                (Stage::Connect, Duration::from_millis(2)),
                (Stage::Tls, Duration::from_millis(5)),
            ],
            expiries: CertificateExpiries {
                server: Some(SystemTime::now() + Duration::from_secs(7200)),
                client: Some(SystemTime::now() + Duration::from_secs(3600)),
                ca: None,
            },
        })
    }

    fn code(_: &Down) -> ErrorCode {
        ErrorCode::ConnectionRefused
    }

    fn is_closed(connection: &FakeConnection) -> bool {
        connection.condition == Condition::Closed
    }

    fn condition(&self, connection: &mut FakeConnection, _: &Metrics) -> Condition {
        connection.condition
    }

    async fn restore(&self, connection: &mut FakeConnection, effort: Recycle) -> Result<(), Unfit> {
        self.0.restored.lock().unwrap().push(effort);
        if self.0.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        let outcome = self
            .0
            .restores
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Ok(()));
        outcome?;
        connection.condition = Condition::Clean;
        Ok(())
    }

    async fn part(connection: FakeConnection) {
        tokio::task::yield_now().await;
        connection.world.parted.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts handshakes under way.
struct Handshake<'a>(&'a World);

impl<'a> Handshake<'a> {
    fn begin(world: &'a World) -> Self {
        world.attempts.lock().unwrap().push(Instant::now());
        let now = world.handshakes.fetch_add(1, Ordering::SeqCst) + 1;
        world.most_handshakes.fetch_max(now, Ordering::SeqCst);
        Self(world)
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Limits that stay out of a test's way.
pub(super) fn limits(max_size: usize) -> Limits {
    Limits {
        max_size,
        min_idle: 0,
        wait_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        max_lifetime: Duration::from_secs(1800),
        idle_timeout: None,
        recycle: Recycle::Fast,
        keep_idle: true,
    }
}

/// A pool in a world of its own.
pub(super) fn pool(limits: Limits) -> (Core<FakeEngine>, Arc<World>) {
    let world = Arc::new(World::default());
    let pool = Core::new(FakeEngine(Arc::clone(&world)), limits, Role::Webapp);
    pool.look_after();
    (pool, world)
}

/// Lets every task that can run do so.
pub(super) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
