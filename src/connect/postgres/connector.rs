//! [`PostgresConnector`]: dial, TLS, login, and a look at what kind of server it is.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::tls::TlsConnect;

use super::direct_tls::DirectTls;
use super::login::{LoggedIn, Login, login, login_locally};
use super::monitor::SessionMonitor;
use super::secured::{Server, login_secured};
use super::session;
use crate::code::Stage;
use crate::connect::after_tls;
use crate::connect::error::ConnectError;
use crate::connect::sequence::{Turn, first_of};
use crate::endpoint::{Endpoint, Engine, Host};
use crate::failure::Failure;
use crate::settings::{Depth, Settings};
use crate::tls::{CertificateExpiries, Reloading, TlsPolicy, native};
use crate::wire::{Dialer, Progress, StageTimes, starttls};

/// Makes verified connections to the PostgreSQL servers that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct PostgresConnector(Arc<Inner>);

struct Inner {
    settings: Settings,
    dialer: Dialer,
    files: Reloading<TlsBy>,
}

/// One connection that is ready for queries.
pub struct PostgresConnection {
    /// The driver's client.
    pub client: Client,
    /// The task that moves the bytes. Aborting it closes the connection at once.
    pub task: JoinHandle<()>,
    /// What is known of the session without asking the server.
    pub monitor: SessionMonitor,
    /// The server of the list that answered.
    pub endpoint: Endpoint,
    /// How long each stage took.
    pub times: StageTimes,
    /// When the certificates end.
    pub expiries: CertificateExpiries,
}

impl fmt::Debug for PostgresConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConnection")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PostgresConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConnector")
            .field("endpoints", &self.0.settings.endpoints())
            .finish_non_exhaustive()
    }
}

impl PostgresConnector {
    /// Reads the certificate files; nothing is dialled yet.
    ///
    /// # Errors
    /// Stage `settings`, with every fault of every file, or because the settings are for another
    /// engine.
    pub fn new(settings: &Settings) -> Result<Self, ConnectError> {
        settings.require_engine(Engine::Postgres)?;
        let files = Reloading::new(settings.tls().clone(), TlsBy::new)?;
        Ok(Self::of(settings, files))
    }

    /// The same with a policy that was loaded from these settings before.
    #[cfg(feature = "cli")]
    pub(crate) fn with_policy(
        settings: &Settings,
        policy: TlsPolicy,
    ) -> Result<Self, ConnectError> {
        let files = Reloading::starting_with(policy, settings.tls().clone(), TlsBy::new)?;
        Ok(Self::of(settings, files))
    }

    fn of(settings: &Settings, files: Reloading<TlsBy>) -> Self {
        Self(Arc::new(Inner {
            settings: settings.remembering_password(),
            dialer: Dialer::new(settings),
            files,
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
    pub async fn connect(&self) -> Result<PostgresConnection, ConnectError> {
        let settings = &self.0.settings;
        let (policy, tls) = self.0.files.current::<ConnectError>(TlsBy::new);
        if let TlsBy::Driver(direct) = &tls {
            direct.prepare();
        }
        let (policy, tls) = (&policy, &tls);
        first_of(settings, |endpoint, turn| async move {
            let (opened, server) = self.open(&endpoint, &turn, policy, tls).await?;
            session::check_target(&opened, settings.target(), &endpoint).await?;
            opened.monitor.0.hand_over();
            Ok(PostgresConnection {
                client: opened.client,
                task: opened.task,
                monitor: opened.monitor,
                endpoint,
                times: turn.progress.times(),
                expiries: CertificateExpiries {
                    server,
                    ..policy.expiries()
                },
            })
        })
        .await
    }

    /// The session, and when the server's certificate ends if that was seen.
    async fn open(
        &self,
        endpoint: &Endpoint,
        turn: &Turn,
        policy: &TlsPolicy,
        tls: &TlsBy,
    ) -> Result<(LoggedIn, Option<SystemTime>), Failure> {
        let Inner {
            settings, dialer, ..
        } = &*self.0;
        let Turn { progress, deadline } = turn;
        if let Host::Socket(directory) = endpoint.host() {
            progress.enter(Stage::Connect);
            let socket = session::socket_file(directory, endpoint.port());
            let local = login_locally(&socket, Login::local(settings), progress).await?;
            return Ok((local, None));
        }
        let server = Server {
            dialer,
            settings,
            endpoint,
            policy,
        };
        let attempt = async |address, stream| {
            progress.enter(Stage::Tls);
            match tls {
                TlsBy::Driver(direct) => {
                    let session =
                        log_in_directly(direct, server, address, stream, progress).await?;
                    Ok((session, None))
                }
                TlsBy::Dialer => {
                    let secured = dialer.secure(endpoint, policy, address, stream).await?;
                    let expires = secured.facts.expires;
                    let session = login_secured(secured, server, progress).await?;
                    Ok((session, expires))
                }
            }
        };
        let logged_in = dialer.each(endpoint, *deadline, progress, attempt).await;
        logged_in.map_err(|rejected| rejected.failure)
    }
}

/// Who performs the TLS handshake.
#[derive(Clone)]
enum TlsBy {
    /// native-tls, as `postgres-native-tls` has it.
    Driver(DirectTls),
    /// Our own dialer: the policy asks for more than native-tls can say.
    Dialer,
}

impl TlsBy {
    fn new(policy: &TlsPolicy) -> Result<Self, ConnectError> {
        match policy.depth() {
            Depth::Direct => Ok(Self::Driver(DirectTls::new(policy)?)),
            Depth::Wire(_) => Ok(Self::Dialer),
        }
    }
}

/// TLS as the driver does it, and the login.
async fn log_in_directly(
    direct: &DirectTls,
    server: Server<'_>,
    address: SocketAddr,
    mut stream: TcpStream,
    progress: &Progress,
) -> Result<LoggedIn, Failure> {
    let Server {
        dialer,
        settings,
        endpoint,
        policy,
    } = server;
    let name = policy.name_for(endpoint.host());
    starttls::postgres::request(&mut stream).await?;
    let connector = native::postgres_connector(direct.connector().await?, &name)?;
    let logged_in = match TlsConnect::<TcpStream>::connect(connector, stream).await {
        Ok(stream) => login(stream, Login::over_tls(settings, policy), progress).await,
        Err(error) => Err(native::failure(&error, policy, &name).caused_by(error)),
    };
    match logged_in {
        Err(failure) => Err(after_tls::explain(dialer, failure, endpoint, address, policy).await),
        ready => ready,
    }
}
