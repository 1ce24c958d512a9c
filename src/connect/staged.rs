//! A connection made one stage at a time, for whoever wants to know where it breaks.
//!
//! The stages before the login are our own dialer's. PostgreSQL logs in on the very stream that
//! was examined; `mysql_async` takes no stream, so it makes a connection of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::facts::SessionFacts;
use super::mysql::{MySqlConnector, session as mysql_session};
use super::postgres::{self, PostgresConnector, session as postgres_session};
pub(crate) use super::target::judge;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::failure::Failure;
use crate::settings::{Settings, TargetSession};
use crate::tls::TlsPolicy;
use crate::wire::{Dialer, Progress, Secured, dial};

/// What a MySQL server may send in one packet to a session that asks a handful of small questions.
const PACKET_LIMIT: usize = 1024 * 1024;

/// How far the connection has come before the login.
pub(crate) enum Staged {
    /// A Unix socket: nothing to secure.
    Socket(PathBuf),
    /// TLS is set up and the server is trusted as far as the policy asks.
    Tls(Box<Secured>),
}

/// Makes connections to the server that was examined, by the policy it was examined with.
pub(crate) enum Connector {
    Postgres(PostgresConnector),
    MySql(MySqlConnector),
}

/// A session after the login.
pub(crate) enum Session {
    Postgres(Box<postgres::LoggedIn>),
    MySql(Box<mysql_async::Conn>),
}

impl Connector {
    /// A connector for the server that these settings name.
    pub(crate) fn new(settings: &Settings, policy: &TlsPolicy) -> Result<Self, Failure> {
        // What kind of server it is, the check asks for itself.
        let settings = &settings.with_target(TargetSession::Any);
        let made = match settings.engine() {
            Engine::Postgres => {
                PostgresConnector::with_policy(settings, policy.clone()).map(Self::Postgres)
            }
            Engine::MySql => {
                MySqlConnector::with_policy(settings, policy.clone(), PACKET_LIMIT).map(Self::MySql)
            }
        };
        made.map_err(|error| error.failure().clone())
    }
}

impl Session {
    /// Asks the server about the session.
    pub(crate) async fn facts(&mut self) -> Result<SessionFacts, Failure> {
        match self {
            Self::Postgres(session) => postgres_session::facts(session).await,
            Self::MySql(conn) => mysql_session::facts(conn).await,
        }
    }

    /// Whether the login was bound to the TLS channel.
    pub(crate) fn is_channel_bound(&self) -> bool {
        match self {
            Self::Postgres(session) => session.monitor.is_channel_bound(),
            Self::MySql(_) => false,
        }
    }

    /// Says goodbye, for at most as long as `patience`.
    pub(crate) async fn close(self, patience: Duration) {
        // A server that does not take the goodbye gets none: the socket closes all the same.
        match self {
            Self::Postgres(session) => {
                let postgres::LoggedIn { client, task, .. } = *session;
                drop(client);
                let _ = tokio::time::timeout(patience, task).await;
            }
            Self::MySql(conn) => {
                let _ = tokio::time::timeout(patience, conn.disconnect()).await;
            }
        }
    }
}

/// Shows that somebody listens on a Unix socket, and names it.
pub(crate) async fn touch_socket(
    settings: &Settings,
    host: &Path,
    port: u16,
) -> Result<PathBuf, Failure> {
    let socket = match settings.engine() {
        Engine::Postgres => postgres_session::socket_file(host, port),
        Engine::MySql => host.to_owned(),
    };
    dial::dial_unix(&socket).await?;
    Ok(socket)
}

/// Logs in.
pub(crate) async fn login(
    dialer: &Dialer,
    settings: &Settings,
    endpoint: &Endpoint,
    policy: &TlsPolicy,
    connector: &Connector,
    staged: Staged,
) -> Result<Session, Failure> {
    match (connector, staged) {
        (Connector::Postgres(_), Staged::Socket(socket)) => {
            let progress = Progress::start(Stage::Authenticate);
            let login = postgres::Login::local(settings);
            let session = postgres::login_locally(&socket, login, &progress).await?;
            Ok(Session::Postgres(Box::new(session)))
        }
        (Connector::Postgres(_), Staged::Tls(secured)) => {
            let progress = Progress::start(Stage::Authenticate);
            let server = postgres::Server {
                dialer,
                settings,
                endpoint,
                policy,
            };
            let session = postgres::login_secured(*secured, server, &progress).await?;
            Ok(Session::Postgres(Box::new(session)))
        }
        (Connector::MySql(connector), staged) => {
            // Whatever was examined is closed before the driver dials.
            drop(staged);
            let connection = connector
                .connect()
                .await
                .map_err(|error| not_before_login(error.failure()))?;
            Ok(Session::MySql(Box::new(connection.conn)))
        }
    }
}

/// The driver makes dial, TLS and login in one go. Dial and TLS were shown to work a moment ago,
/// so what has no telling code of its own is the login's.
fn not_before_login(failure: &Failure) -> Failure {
    use crate::code::ErrorCode::{ProtocolError, ServerError, Timeout};
    if failure.stage() < Stage::Authenticate
        && matches!(failure.code(), Timeout | ProtocolError | ServerError)
    {
        return failure.at(Stage::Authenticate);
    }
    failure.clone()
}
