//! What the front knows beyond one session: [`State`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::keys::Key;
use super::meeting::{Met, meet};
use super::numbers::{Numbered, Numbers};
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::tunnel::upstream::Upstream;
use crate::wire::SslRequest;
use crate::wire::mysql::{Capabilities, Greeting};

/// How long a server that could not be reached is not tried again for a greeting: a crowd of clients
/// gets the same answer.
const REST: Duration = Duration::from_secs(1);
/// What a password is mixed with, without the zero that ends it.
const NONCE: usize = 20;

/// The server's greeting as it was last seen, and the tunnel's own key.
pub(in crate::tunnel) struct State {
    known: Mutex<Option<Greeting>>,
    /// Only one learns at a time; the others take what comes of it.
    failed: tokio::sync::Mutex<Option<(Instant, Failure)>>,
    key: OnceCell<Key>,
    numbers: Arc<Numbers>,
}

impl State {
    pub(in crate::tunnel) fn new() -> Self {
        Self {
            known: Mutex::default(),
            failed: tokio::sync::Mutex::default(),
            key: OnceCell::new(),
            numbers: Arc::default(),
        }
    }

    /// Reaches the server for its greeting alone.
    ///
    /// # Errors
    /// Every server that was tried, in one failure.
    pub(super) async fn learn(&self, upstream: &Upstream) -> Result<(), Failure> {
        let was_known = self.lock().is_some();
        let mut failed = self.failed.lock().await;
        if !was_known && self.lock().is_some() {
            // A client's turn came first, which has just done the same.
            return Ok(());
        }
        self.learn_in_turn(upstream, &mut failed).await.map(drop)
    }

    async fn learn_in_turn(
        &self,
        upstream: &Upstream,
        failed: &mut Option<(Instant, Failure)>,
    ) -> Result<Greeting, Failure> {
        let met = meet(upstream, SslRequest::own()).await;
        let Met { greeting, .. } = met.inspect_err(|failure| {
            *failed = Some((Instant::now(), failure.clone()));
        })?;
        *failed = None;
        self.note(greeting.clone());
        Ok(greeting)
    }

    /// The server's greeting, learnt now where it is not known yet.
    ///
    /// # Errors
    /// It is not known and no server can be reached.
    pub(super) async fn known(&self, upstream: &Upstream) -> Result<Greeting, Failure> {
        if let Some(known) = self.lock().clone() {
            return Ok(known);
        }
        let mut failed = self.failed.lock().await;
        if let Some(known) = self.lock().clone() {
            return Ok(known);
        }
        if let Some((since, failure)) = &*failed
            && since.elapsed() < REST
        {
            return Err(failure.clone());
        }
        self.learn_in_turn(upstream, &mut failed).await
    }

    /// Keeps a greeting for the next clients.
    pub(super) fn note(&self, greeting: Greeting) {
        *self.lock() = Some(greeting);
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
            capabilities: capabilities
                .with(Capabilities::PLUGIN_AUTH | Capabilities::SECURE_CONNECTION),
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

    fn lock(&self) -> MutexGuard<'_, Option<Greeting>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
