//! [`MySqlConnector`]: the driver dials and logs in; which address, whom to trust and how long is
//! decided here.

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use mysql_async::{Conn, Opts, OptsBuilder};

use super::failure::{self, Reached};
#[cfg(feature = "cli")]
use super::relay::Introduced;
use super::{relay, session};
use crate::code::{ErrorCode, Stage};
use crate::connect::after_tls;
use crate::connect::error::ConnectError;
use crate::connect::sequence::{Turn, first_of};
use crate::endpoint::{Endpoint, Engine, Host};
use crate::failure::Failure;
use crate::settings::{Depth, Settings, TargetSession, Verification};
use crate::tls::{CertificateExpiries, Reloading, TlsPolicy, native};
#[cfg(feature = "cli")]
use crate::wire::Rejected;
use crate::wire::{Dialer, Greeted, Progress, StageTimes, dial, resolve};

/// The longest packet that any server can be set to take or send. What a server takes in fact it
/// says itself, in its error.
const LARGEST_PACKET: usize = 1024 * 1024 * 1024;

/// The longest packet of a server that nobody verified: what MySQL's own servers are set to.
const UNVERIFIED_PACKET: usize = 64 * 1024 * 1024;

/// Makes verified connections to the MySQL or MariaDB servers that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct MySqlConnector(Arc<Inner>);

struct Inner {
    settings: Settings,
    dialer: Dialer,
    packet_limit: usize,
    files: Reloading<Arc<[Opts]>>,
    /// Whether a refused login deserves a second look: a MariaDB has let it in since the last one.
    may_look_again: AtomicBool,
}

/// MySQL's own versions are below it.
const FIRST_OF_MARIADB: u16 = 10;

impl Inner {
    /// Notes that a login passed.
    fn let_in(&self, conn: &Conn) {
        if conn.server_version().0 >= FIRST_OF_MARIADB {
            self.may_look_again.store(true, Ordering::Relaxed);
        }
    }

    fn way<'a>(
        &'a self,
        dialer: &'a Dialer,
        endpoint: &'a Endpoint,
        policy: &'a TlsPolicy,
        progress: &'a Progress,
    ) -> relay::Way<'a> {
        relay::Way {
            dialer,
            endpoint,
            policy,
            password: self.settings.password(),
            progress,
        }
    }
}

/// One connection that is ready for queries.
pub struct MySqlConnection {
    /// The driver's connection.
    pub conn: Conn,
    /// The server of the list that answered.
    pub endpoint: Endpoint,
    /// How long each stage took. At the direct depth the driver makes dial, TLS and login in one
    /// go, so they stand together under `connect`.
    pub times: StageTimes,
    /// When the certificates end.
    pub expiries: CertificateExpiries,
}

impl fmt::Debug for MySqlConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The driver's own Debug prints its options, password included.
        f.debug_struct("MySqlConnection")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MySqlConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlConnector")
            .field("endpoints", &self.0.settings.endpoints())
            .finish_non_exhaustive()
    }
}

impl MySqlConnector {
    /// Reads the certificate files; nothing is dialled yet.
    ///
    /// # Errors
    /// Stage `settings`, with every fault of every file, or because the settings are for another
    /// engine.
    pub fn new(settings: &Settings) -> Result<Self, ConnectError> {
        settings.require_engine(Engine::MySql)?;
        let files = Reloading::new(settings.tls().clone(), |policy| {
            all_options(settings, LARGEST_PACKET, policy)
        })?;
        Ok(Self::of(settings, LARGEST_PACKET, files))
    }

    /// The same with a policy that was loaded from these settings before, and a bound on what the
    /// server may send in one packet, for sessions that expect small answers only.
    #[cfg(feature = "cli")]
    pub(crate) fn with_policy(
        settings: &Settings,
        policy: TlsPolicy,
        packet_limit: usize,
    ) -> Result<Self, ConnectError> {
        let files = Reloading::starting_with(policy, settings.tls().clone(), |policy| {
            all_options(settings, packet_limit, policy)
        })?;
        Ok(Self::of(settings, packet_limit, files))
    }

    fn of(settings: &Settings, packet_limit: usize, files: Reloading<Arc<[Opts]>>) -> Self {
        Self(Arc::new(Inner {
            settings: settings.remembering_password(),
            dialer: Dialer::new(settings),
            packet_limit,
            files,
            may_look_again: AtomicBool::new(false),
        }))
    }

    /// The settings that this connector was made of.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Makes one connection, under the deadline of `WA_DB_CONNECT_TIMEOUT`. Certificate, key, CA
    /// and password files that changed are read again first.
    ///
    /// # Errors
    /// Every server that was tried, with the stage that failed.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub async fn connect(&self) -> Result<MySqlConnection, ConnectError> {
        let inner = &*self.0;
        let Inner {
            settings,
            packet_limit,
            files,
            ..
        } = inner;
        let (policy, options) =
            files.current::<ConnectError>(|policy| all_options(settings, *packet_limit, policy));
        let mut options = options.iter();
        let policy = &policy;
        first_of(settings, |endpoint, turn| {
            // The list of options was made from the same list of servers.
            let options = options.next().cloned().unwrap_or_default();
            async move {
                let (mut conn, server) = open(inner, &endpoint, options, &turn, policy).await?;
                turn.progress.enter(Stage::Session);
                if settings.target() != TargetSession::Any {
                    session::check_target(&mut conn, settings.target(), &endpoint).await?;
                }
                Ok(MySqlConnection {
                    conn,
                    endpoint,
                    times: turn.progress.times(),
                    expiries: CertificateExpiries {
                        server,
                        ..policy.expiries()
                    },
                })
            }
        })
        .await
    }
}

#[cfg(feature = "cli")]
impl MySqlConnector {
    /// Secures a connection to the first server of the list that `dialer` has dialled, for the driver to
    /// log in on it.
    ///
    /// # Errors
    /// Stages `settings` and `tls`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(crate) async fn introduce(
        &self,
        dialer: &Dialer,
        greeted: Greeted,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        progress: &Progress,
    ) -> Result<Introduced, Rejected> {
        let inner = &*self.0;
        let build = |policy: &_| all_options(&inner.settings, inner.packet_limit, policy);
        let (_, options) = inner.files.current::<ConnectError>(build);
        let password = inner.settings.password().read().map_err(Failure::from)?;
        let password = password.map(|password| password.expose().to_owned());
        let options = options.first().cloned().unwrap_or_default();
        let options = OptsBuilder::from_opts(options).pass(password);
        let way = inner.way(dialer, endpoint, policy, progress);
        relay::introduce(&way, greeted, options).await
    }

    /// Lets the driver log in where it was introduced.
    ///
    /// # Errors
    /// Stages `tls` and `authenticate`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(crate) async fn login(
        &self,
        introduced: Introduced,
        dialer: &Dialer,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
    ) -> Result<Conn, Failure> {
        let inner = &*self.0;
        let progress = Progress::start(Stage::Authenticate);
        let way = inner.way(dialer, endpoint, policy, &progress);
        let login = introduced.login(&way).await;
        let (conn, _) = login.map_err(|rejected| rejected.failure)?;
        inner.let_in(&conn);
        Ok(conn)
    }
}

/// The session, and when the server's certificate ends if that was seen.
async fn open(
    inner: &Inner,
    endpoint: &Endpoint,
    options: Opts,
    turn: &Turn,
    policy: &TlsPolicy,
) -> Result<(Conn, Option<SystemTime>), Failure> {
    let Inner {
        settings, dialer, ..
    } = inner;
    let Turn { progress, deadline } = turn;
    let password = settings.password().read()?;
    let with_password = OptsBuilder::from_opts(options).pass(
        password
            .as_ref()
            .map(|password| password.expose().to_owned()),
    );
    if let Host::Socket(_) = endpoint.host() {
        progress.enter(Stage::Connect);
        let login = dial_and_login(with_password).await;
        let conn = login
            .map_err(|error| failure::of_login(&error, Reached::Socket, settings.password()))?;
        return Ok((conn, None));
    }
    let by_relay = async |address, stream| {
        let way = inner.way(dialer, endpoint, policy, progress);
        let greeted = Greeted::read(address, stream).await?;
        relay::open(way, greeted, with_password.clone()).await
    };
    if let Depth::Wire(_) = policy.depth() {
        // In a box, so that the driver's own way does not carry the room this needs.
        let opened = Box::pin(dialer.each(endpoint, *deadline, progress, by_relay)).await;
        let (conn, facts) = opened.map_err(|rejected| rejected.failure)?;
        return Ok((conn, facts.expires));
    }
    let addresses = resolve::resolve(endpoint, settings.allowed_networks()).await?;
    progress.enter(Stage::Connect);
    let name = policy.name_for(endpoint.host());
    let attempt = |address: SocketAddr| {
        // The driver resolves for itself unless it is given the address.
        let options = with_password.clone().resolved_ips(Some(vec![address.ip()]));
        let reached = Reached::Address {
            address,
            policy,
            name: &name,
        };
        async move {
            dial_and_login(options).await.map_err(|error| {
                let failure = failure::of_login(&error, reached, settings.password());
                progress.failed(address, failure.clone());
                failure
            })
        }
    };
    // Each of a server's addresses would count the same wrong password once more, until the
    // account is locked.
    let goes_on = |failure: &Failure| !failure.is_refused_login();
    let attempts = match dial::race(&addresses, attempt, goes_on).await {
        Ok((address, conn)) => {
            progress.at(address);
            inner.let_in(&conn);
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
    // The driver gets one ed25519 proof in 256 wrong, which the relay mends. A password that was good
    // is worth that second look, once until the next login. What keeps the look from an answer is no
    // news: the refusal stands.
    if failure.code() == ErrorCode::AuthenticationFailed
        && inner.may_look_again.swap(false, Ordering::Relaxed)
        && let Ok(stream) = dial::one(address).await
    {
        tracing::debug!(%endpoint, %address, "refused, though it was let in before: once more through the relay");
        if let Ok((conn, facts)) = Box::pin(by_relay(address, stream)).await {
            progress.at(address);
            inner.let_in(&conn);
            return Ok((conn, facts.expires));
        }
    }
    let explained = after_tls::explain(dialer, failure, endpoint, address, policy).await;
    // Only now: a deadline that passes during that look must not stand for what is known already.
    progress.at(address);
    Err(explained)
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

/// The options for each server of the list, all but the password.
fn all_options(
    settings: &Settings,
    packet_limit: usize,
    policy: &TlsPolicy,
) -> Result<Arc<[Opts]>, ConnectError> {
    settings
        .endpoints()
        .iter()
        .map(|endpoint| {
            options(settings, packet_limit, policy, endpoint).map_err(ConnectError::from)
        })
        .collect()
}

/// Seconds that the driver's own pool, which is not used here, would keep a connection.
const POOL_OF_THE_DRIVER: usize = 28_800;

fn options(
    settings: &Settings,
    packet_limit: usize,
    policy: &TlsPolicy,
    endpoint: &Endpoint,
) -> Result<Opts, Failure> {
    let mut builder = OptsBuilder::default()
        .user(Some(settings.username()))
        .db_name(settings.database())
        // On by default: after the verified login the driver would ask the server for a socket
        // path, dial it without TLS and log in there again.
        .prefer_socket(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(dial::KEEPALIVE_IDLE))
        // What is not set here, the driver asks the server for in another round trip, collects
        // however many rows come, and panics at an answer that is no number.
        .max_allowed_packet(Some(packet_limit.min(match policy.verification() {
            Verification::Off => UNVERIFIED_PACKET,
            Verification::ChainOnly | Verification::Full => LARGEST_PACKET,
        })))
        .wait_timeout(Some(POOL_OF_THE_DRIVER))
        .secure_auth(true)
        .enable_cleartext_plugin(false);
    if let Some(timeout) = settings.idle_timeout() {
        builder = builder.setup(vec![format!(
            "SET SESSION wait_timeout = {}",
            whole_seconds(timeout)
        )]);
    }
    let builder = match endpoint.host() {
        Host::Socket(path) => builder.socket(Some(socket_path(path))),
        Host::Name(name) => builder.ip_or_hostname(name.clone()),
        Host::Ip(ip) => builder.ip_or_hostname(ip.to_string()),
    };
    if matches!(endpoint.host(), Host::Socket(_)) {
        return Ok(builder.into());
    }
    let builder = builder.tcp_port(endpoint.port());
    if let Depth::Wire(_) = policy.depth() {
        return Ok(builder.into());
    }
    let name = policy.name_for(endpoint.host());
    Ok(builder
        .ssl_opts(native::mysql_options(policy, &name)?)
        .into())
}

fn socket_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// MySQL counts `wait_timeout` in whole seconds from 1 on.
fn whole_seconds(timeout: Duration) -> u64 {
    timeout
        .as_millis()
        .div_ceil(1000)
        .clamp(1, 31_536_000)
        .try_into()
        .unwrap_or(31_536_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::whole_seconds;

    #[test]
    fn wait_timeout_is_rounded_up_and_never_zero() {
        for (timeout, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (180_000, 180)] {
            assert_eq!(whole_seconds(Duration::from_millis(timeout)), seconds);
        }
    }
}
