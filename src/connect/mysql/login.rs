//! One login at one server of the list: [`Login`], by its socket, by the relay, or by the driver's own
//! dial.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use futures_util::FutureExt;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::time::{Instant, timeout};

use super::failure::{self, Reached};
use super::relay;
use crate::code::{ErrorCode, Stage};
use crate::connect::after_tls;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::settings::{AllowedNetworks, Depth, Settings};
use crate::wire::{Greeted, Progress, Rejected, dial, resolve};

/// MySQL's own versions are below it.
const FIRST_OF_MARIADB: u16 = 10;

/// Whether a login that was refused deserves a second look.
///
/// The driver gets one proof of ed25519 in 256 wrong, a method that MariaDB alone has. That cannot be
/// told from a wrong password, so a connector to a MariaDB looks again once, and once more after each
/// login that passed; more often, and an account could be locked for it.
pub(super) struct SecondLook {
    is_mariadb: bool,
    is_due: AtomicBool,
}

impl SecondLook {
    pub(super) fn new(settings: &Settings) -> Self {
        let is_mariadb = settings.is_mariadb();
        Self {
            is_mariadb,
            is_due: AtomicBool::new(is_mariadb),
        }
    }

    /// Notes that a login passed.
    pub(super) fn let_in(&self, conn: &Conn) {
        let is_mariadb = self.is_mariadb || conn.server_version().0 >= FIRST_OF_MARIADB;
        self.is_due.store(is_mariadb, Ordering::Relaxed);
    }

    fn is_due(&self, failure: &Failure) -> bool {
        failure.code() == ErrorCode::AuthenticationFailed
            && self.is_due.swap(false, Ordering::Relaxed)
    }
}

/// Everything that one login needs.
pub(super) struct Login<'a> {
    pub(super) way: relay::Way<'a>,
    pub(super) allowed: Option<&'a AllowedNetworks>,
    /// The end of its share of the time.
    pub(super) deadline: Instant,
    pub(super) second_look: &'a SecondLook,
    /// Password included.
    pub(super) options: OptsBuilder,
}

/// A session, and when the server's certificate ends if that was seen.
type LoggedIn = (Conn, Option<SystemTime>);

impl Login<'_> {
    /// Dials and logs in.
    ///
    /// # Errors
    /// Every stage from `resolve` to `session`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(super) async fn run(self) -> Result<LoggedIn, Failure> {
        let (conn, expires) = match (self.way.endpoint.host(), self.way.policy.depth()) {
            (Host::Socket(_), _) => (self.by_socket().await?, None),
            // In a box, so that the driver's own way does not carry the room this needs.
            (_, Depth::Wire(_)) => Box::pin(self.at_wire_depth()).await?,
            (_, Depth::Direct) => self.at_direct_depth().await?,
        };
        self.second_look.let_in(&conn);
        Ok((conn, expires))
    }

    async fn by_socket(&self) -> Result<Conn, Failure> {
        let relay::Way {
            progress, password, ..
        } = self.way;
        progress.enter(Stage::Connect);
        let log_in = async || {
            let login = dial_and_login(self.options.clone()).await;
            login.map_err(|error| failure::of_login(&error, Reached::Socket, password))
        };
        let failure = match log_in().await {
            Ok(conn) => return Ok(conn),
            Err(failure) => failure,
        };
        // Another nonce is drawn, which does it but once in 65,536.
        let again = self.look_again(&failure, async { log_in().await.ok() });
        again.await.ok_or(failure)
    }

    async fn at_wire_depth(&self) -> Result<LoggedIn, Failure> {
        let relay::Way {
            dialer,
            endpoint,
            progress,
            ..
        } = self.way;
        let relayed = async |address, stream| {
            let greeted = Greeted::read(address, stream).await?;
            self.by_relay(self.way, greeted).await
        };
        let opened = dialer.each(endpoint, self.deadline, progress, relayed);
        opened.await.map_err(|rejected| rejected.failure)
    }

    async fn by_relay(&self, way: relay::Way<'_>, greeted: Greeted) -> Result<LoggedIn, Rejected> {
        let (conn, facts) = relay::open(way, greeted, self.options.clone()).await?;
        Ok((conn, facts.expires))
    }

    async fn at_direct_depth(&self) -> Result<LoggedIn, Failure> {
        let relay::Way {
            dialer,
            endpoint,
            policy,
            progress,
            ..
        } = self.way;
        let addresses = resolve::resolve(endpoint, self.allowed).await?;
        progress.enter(Stage::Connect);
        // Each of a server's addresses would count the same wrong password once more, until the
        // account is locked.
        let goes_on = |failure: &Failure| !failure.is_refused_login();
        let attempts = match dial::race(&addresses, |at| self.by_driver(at), goes_on).await {
            Ok((address, conn)) => {
                progress.at(address);
                return Ok((conn, None));
            }
            Err(attempts) => attempts,
        };
        let deciding = attempts.into_iter().reduce(|one, other| {
            let later = other.1.decides_over(&one.1);
            if later { other } else { one }
        });
        let Some((address, failure)) = deciding else {
            return Err(dial::no_address());
        };
        let again = self.look_again(&failure, async {
            let stream = dial::one(address).await.ok()?;
            let greeted = Greeted::read(address, stream).await.ok()?;
            // At this depth nobody is told of the stages within.
            let progress = &Progress::start(Stage::Connect);
            let way = relay::Way {
                progress,
                ..self.way
            };
            self.by_relay(way, greeted).await.ok()
        });
        if let Some(logged_in) = Box::pin(again).await {
            progress.at(address);
            return Ok(logged_in);
        }
        let explained = after_tls::explain(dialer, failure, endpoint, address, policy).await;
        // Only now: a deadline that passes during a look must not stand for what is known already.
        progress.at(address);
        Err(explained)
    }

    async fn by_driver(&self, address: SocketAddr) -> Result<Conn, Failure> {
        // The driver resolves for itself unless it is given the address.
        let options = self.options.clone().resolved_ips(Some(vec![address.ip()]));
        dial_and_login(options).await.map_err(|error| {
            let failure = self.way.of_login(&error, address);
            self.way.progress.failed(address, failure.clone());
            failure
        })
    }

    /// Logs in once more if that is due. What keeps it from an answer is no news: the refusal stands. Nor
    /// does it use up the time, or the deadline would be told of instead.
    async fn look_again<T>(
        &self,
        refusal: &Failure,
        log_in: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        if !self.second_look.is_due(refusal) {
            return None;
        }
        tracing::debug!(endpoint = %self.way.endpoint, "refused: once more, since the driver may be wrong");
        let left = self.deadline.saturating_duration_since(Instant::now());
        timeout(left.mul_f64(0.9), log_in).await.ok().flatten()
    }
}

/// The driver's own connect. It panics where a server asks for a login method that was not compiled
/// in (MariaDB's `parsec`) or switches methods twice; a server must not be able to end a task of
/// ours, so that counts as an error like any other.
pub(super) async fn dial_and_login(options: impl Into<Opts>) -> Result<Conn, mysql_async::Error> {
    // What the driver leaves behind is dropped with its future: nothing of it is seen again.
    AssertUnwindSafe(Conn::new(options))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(failure::driver_gave_up()))
}
