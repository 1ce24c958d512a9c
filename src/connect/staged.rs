//! A connection made one stage at a time, for whoever wants to know where it breaks.
//!
//! The stages before the login are our own dialer's. PostgreSQL logs in on the very stream that
//! was examined. `mysql_async` takes no stream: it makes a connection of its own, or is introduced to the
//! server where a connection that was examined and dropped would be counted against us.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use super::answer::Row;
use super::facts::SessionFacts;
use super::mysql::{self, MySqlConnector, session as mysql_session};
pub(crate) use super::postgres::LoginMethod;
use super::postgres::{self, PostgresConnector, session as postgres_session};
pub(crate) use super::target::judge;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::failure::Failure;
use crate::settings::{Environment, Role, Settings, SettingsError, TargetSession};
use crate::tls::TlsPolicy;
use crate::wire::{Dialer, Greeted, Progress, Rejected, Secured, dial};

/// What a MySQL server may send in one packet to a session that asks a handful of small questions.
const PACKET_LIMIT: usize = 1024 * 1024;

/// How far the connection has come before the login.
pub(crate) enum Staged {
    /// A Unix socket: nothing to secure.
    Socket(PathBuf),
    /// TLS is set up and the server is trusted as far as the policy asks.
    Tls(Box<Secured>),
    /// The same, and the driver of MySQL is about to log in on that very connection.
    Introduced(Box<Introduced>),
}

/// A MySQL server that is secured, and a driver that is about to log in on that very connection.
pub(crate) struct Introduced {
    connector: MySqlConnector,
    driver: mysql::Introduced,
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

/// Settings and files of one role, or every fault of either.
pub(crate) fn load(
    role: Role,
    environment: &Environment,
) -> Result<(Settings, TlsPolicy), SettingsError> {
    match Settings::from_environment(role, environment) {
        Ok(settings) => {
            let policy = TlsPolicy::load(settings.tls()).map_err(|faults| {
                SettingsError::new(faults).with_warnings(settings.warnings().to_vec())
            })?;
            Ok((settings, policy))
        }
        Err(error) => {
            let files = error
                .tls()
                .and_then(|tls| TlsPolicy::load(tls).err())
                .unwrap_or_default();
            let faults = error.faults().iter().cloned().chain(files).collect();
            Err(SettingsError::new(faults).with_warnings(error.warnings().to_vec()))
        }
    }
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

impl Staged {
    /// What was secured, where it is no socket.
    pub(crate) fn secured(&self) -> Option<&Secured> {
        match self {
            Self::Socket(_) => None,
            Self::Tls(secured) => Some(secured),
            Self::Introduced(introduced) => Some(introduced.driver.secured()),
        }
    }
}

impl Introduced {
    /// Secures a connection to a server that has greeted, for the driver to log in on it.
    ///
    /// # Errors
    /// Stages `settings` and `tls`.
    pub(crate) async fn new(
        connector: &MySqlConnector,
        dialer: &Dialer,
        greeted: Greeted,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        progress: &Progress,
    ) -> Result<Self, Rejected> {
        let driver = connector.introduce(dialer, greeted, endpoint, policy, progress);
        Ok(Self {
            driver: driver.await?,
            connector: connector.clone(),
        })
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

    /// Asks the server a question of one statement, in its own language and in the text protocol.
    /// `None`: it refuses to answer and goes on, since the account may not ask or it is too old to
    /// know. Rows and texts beyond any sensible number and length are left out.
    pub(crate) async fn ask(&mut self, question: &str) -> Result<Option<Vec<Row>>, Failure> {
        match self {
            Self::Postgres(session) => postgres_session::ask(session, question).await,
            Self::MySql(conn) => mysql_session::ask(conn, question).await,
        }
    }

    /// What a PostgreSQL server asked for before it let the account in.
    pub(crate) fn login_method(&self) -> Option<LoginMethod> {
        match self {
            Self::Postgres(session) => session.monitor.login_method(),
            Self::MySql(_) => None,
        }
    }

    /// Whether the login was bound to the TLS channel.
    pub(crate) fn is_channel_bound(&self) -> bool {
        match self {
            Self::Postgres(session) => session.monitor.is_channel_bound(),
            Self::MySql(_) => false,
        }
    }

    /// Whether the server proved in the login that it knows the password (SCRAM).
    pub(crate) fn is_proven(&self) -> bool {
        match self {
            Self::Postgres(session) => session.monitor.is_proven(),
            Self::MySql(_) => false,
        }
    }

    /// Whether the server says that it lets nobody in without TLS. PostgreSQL, where that depends on
    /// who comes from where, does not say.
    pub(crate) async fn requires_tls(&mut self) -> Result<Option<bool>, Failure> {
        match self {
            Self::Postgres(_) => Ok(None),
            Self::MySql(conn) => mysql_session::requires_tls(conn).await.map(Some),
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
        (_, Staged::Introduced(introduced)) => {
            let Introduced { connector, driver } = *introduced;
            let conn = connector.login(driver, dialer, endpoint, policy).await?;
            Ok(Session::MySql(Box::new(conn)))
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
