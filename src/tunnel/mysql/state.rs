//! What the front knows beyond one session: [`State`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::{Notify, OnceCell, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::keys::Key;
use super::meeting::{Met, meet};
use super::numbers::{Numbered, Numbers};
use super::shown;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::tunnel::upstream::Upstream;
use crate::wire::SslRequest;
use crate::wire::mysql::{Capabilities, Greeting};

/// How long a greeting is good for, though clients left without a word on it: each look at the server
/// that finds nothing doubles this.
const FIRST_AGE: Duration = Duration::from_secs(5 * 60);
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// What a password is mixed with, without the zero that ends it.
const NONCE: usize = 20;

/// The server's greeting as it was last seen, and the tunnel's own key.
pub(in crate::tunnel) struct State {
    learnt: watch::Sender<Learnt>,
    age: Mutex<Age>,
    doubted: Notify,
    key: OnceCell<Key>,
    numbers: Arc<Numbers>,
}

/// What is known of the server.
#[derive(Clone)]
enum Learnt {
    /// The first dial is under way.
    Nothing,
    /// It could not be reached yet, for this reason.
    Failed(Failure),
    /// It was, and its greeting is fit to be shown.
    Known(Greeting),
}

/// Since when the greeting is known, and how long it is good for though clients leave at it.
struct Age {
    since: Instant,
    limit: Duration,
}

impl State {
    pub(in crate::tunnel) fn new() -> Self {
        Self {
            learnt: watch::Sender::new(Learnt::Nothing),
            age: Mutex::new(Age {
                since: Instant::now(),
                limit: FIRST_AGE,
            }),
            doubted: Notify::new(),
            key: OnceCell::new(),
            numbers: Arc::default(),
        }
    }

    /// Reaches the server for its greeting alone. What comes of it is told to the clients.
    pub(super) async fn learn(&self, upstream: &Upstream) {
        let limit = self.age().limit;
        match meet(upstream, SslRequest::own()).await {
            Ok(Met { greeting, .. }) => {
                self.note(&greeting);
                self.age().limit = (limit * 2).min(LONGEST_AGE);
            }
            Err(failure) => {
                self.learnt.send_if_modified(|learnt| {
                    let is_news = !matches!(learnt, Learnt::Known(_));
                    if is_news {
                        *learnt = Learnt::Failed(failure);
                    }
                    is_news
                });
                self.age().since = Instant::now();
            }
        }
    }

    /// The server's greeting. Nobody is dialled for it: until the tunnel's own first dial has an end,
    /// that is waited for.
    ///
    /// # Errors
    /// The server was not reached yet; why it was not the last time.
    pub(super) async fn known(&self, patience: Duration) -> Result<Greeting, Failure> {
        let mut learnt = self.learnt.subscribe();
        let tried = learnt.wait_for(|learnt| !matches!(learnt, Learnt::Nothing));
        let tried = timeout(patience, tried).await.ok().and_then(Result::ok);
        match tried.as_deref() {
            Some(Learnt::Known(greeting)) => Ok(greeting.clone()),
            Some(Learnt::Failed(failure)) => Err(failure.clone()),
            Some(Learnt::Nothing) | None => Err(Failure::new(
                Stage::Connect,
                ErrorCode::Timeout,
                "the server at WA_DB_HOSTNAME has not been reached yet",
                "connect again; if it lasts, look into the tunnel's log",
            )),
        }
    }

    /// Keeps the greeting of a server that has proved since who it is, for the next clients: as far as
    /// it is fit to be shown to them.
    pub(super) fn note(&self, greeting: &Greeting) {
        self.learnt.send_replace(Learnt::Known(shown::of(greeting)));
        *self.age() = Age {
            since: Instant::now(),
            limit: FIRST_AGE,
        };
    }

    /// A client left at the greeting without a word: it may be that one cannot go on with it. If that
    /// is old, the tunnel is to look at the server again. Such clients cause one dial now and then, and
    /// most often none.
    pub(super) fn doubt(&self) {
        let is_old = {
            let age = self.age();
            age.since.elapsed() >= age.limit
        };
        if is_old {
            self.doubted.notify_one();
        }
    }

    /// Waits until the greeting is old and in doubt.
    ///
    /// # Cancel Safety
    /// Nothing is lost by dropping the future.
    pub(super) async fn until_doubted(&self) {
        self.doubted.notified().await;
    }

    /// Notes by which number the server knows the session of a client that was told another.
    pub(super) fn enter(&self, told: &Greeting, servers: u32) -> Numbered {
        self.numbers.enter(told.connection, servers)
    }

    /// The words for one client: the server's own, but for what concerns this connection.
    pub(super) fn greeting(&self, known: &Greeting, tls: bool) -> Greeting {
        let capabilities = if tls {
            known.capabilities.with(Capabilities::SSL)
        } else {
            known.capabilities.without(Capabilities::SSL)
        };
        let mut random = rand::rng();
        Greeting {
            connection: self.numbers.next(),
            // As servers have it: no zero, and nothing beyond ASCII.
            nonce: (0..NONCE).map(|_| random.random_range(1..=127)).collect(),
            capabilities,
            ..known.clone()
        }
    }

    /// The tunnel's key, made when it is first needed.
    ///
    /// # Errors
    /// OpenSSL cannot make one.
    pub(super) async fn key(&self) -> Result<&Key, Failure> {
        let make = async || {
            let made = spawn_blocking(Key::generate).await;
            made.ok().and_then(Result::ok).ok_or_else(|| {
                Failure::new(
                    Stage::Authenticate,
                    ErrorCode::ServerError,
                    "the key that clients in plaintext send their password with cannot be made",
                    "use a Unix socket of the tunnel",
                )
            })
        };
        self.key.get_or_try_init(make).await
    }

    fn age(&self) -> MutexGuard<'_, Age> {
        self.age.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
