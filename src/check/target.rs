//! One target, stage by stage.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::recorder::{Awaited, Deadline, Recorder, Stopped};
use super::report::{PoolReport, ServerReport, StageReport, TlsReport};
use crate::code::{ErrorCode, Stage};
use crate::connect::staged::{self, Connector, Introduced, Session, Staged};
use crate::endpoint::{Endpoint, Engine, Host};
use crate::failure::Failure;
use crate::pool::{MySqlPool, Pool, PoolError, PostgresPool};
use crate::settings::{Settings, TargetSession, Verification};
use crate::tls::{Chain, TlsPolicy, Violation};
use crate::wire::{Dialer, Greeted, Progress, Rejected, SslRequest, TlsFacts};

const CONNECT_TIMEOUT: &str = "WA_DB_CONNECT_TIMEOUT";
const READ_TIMEOUT: &str = "WA_DB_READ_TIMEOUT";
/// What to do where the server refuses further connections.
const LIMITED: &str = "lower WA_DB_POOL_MAX_SIZE or --connections, or raise the connection limit of the account or of the server";
/// How long the pool of the last stage may take to say goodbye.
const CLOSING: Duration = Duration::from_secs(1);

/// What becomes of the connection to a MySQL server that was examined. (PostgreSQL always logs in on it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Examined {
    /// It is closed, and the driver logs in on one of its own, as it does for a service.
    Closed,
    /// The driver logs in on it. The server then counts no aborted connection, which it would hold against
    /// whoever looks again and again.
    LoggedIn,
}

/// One server for one role.
pub(super) struct Target<'a> {
    /// The role's settings, with this server alone in the list.
    pub(super) settings: &'a Settings,
    pub(super) endpoint: &'a Endpoint,
    pub(super) policy: &'a TlsPolicy,
    pub(super) connections: usize,
    pub(super) examined: Examined,
    /// Whether a server of the other kind than `WA_DB_TARGET` is no failure, since the list holds
    /// others.
    pub(super) others_may_serve: bool,
}

impl Target<'_> {
    /// Runs every stage after `settings` until one fails.
    pub(super) async fn run(&self, recorder: &Recorder<'_>) -> Result<(), Stopped> {
        let deadline = Deadline::after(self.settings.connect_timeout(), CONNECT_TIMEOUT);
        let dialer = Dialer::new(self.settings);
        let staged = if let Host::Socket(path) = self.endpoint.host() {
            recorder.push(StageReport::not_needed(Stage::Resolve, "local socket"));
            recorder.push(StageReport::not_needed(
                Stage::Tls,
                "local socket, stays plain",
            ));
            let touching = staged::touch_socket(self.settings, path, self.endpoint.port());
            Staged::Socket(recorder.stage(Stage::Connect, deadline, touching).await?)
        } else {
            self.reach(recorder, &dialer, deadline).await?
        };
        let is_local = matches!(staged, Staged::Socket(_));
        // Who logs in on the connection that was examined shares its deadline; otherwise the driver for
        // MySQL makes a connection of its own.
        let login_deadline = match (self.settings.engine(), &staged) {
            (Engine::Postgres, _) | (Engine::MySql, Staged::Introduced(_)) => deadline,
            (Engine::MySql, _) => Deadline::after(self.settings.connect_timeout(), CONNECT_TIMEOUT),
        };
        let logging_in = async {
            let connector = Connector::new(self.settings, self.policy)?;
            let session = staged::login(
                &dialer,
                self.settings,
                self.endpoint,
                self.policy,
                &connector,
                staged,
            );
            Ok((session.await?, connector))
        };
        let (session, connector) = recorder
            .stage(Stage::Authenticate, login_deadline, logging_in)
            .await?;
        if session.is_channel_bound() {
            recorder.set_channel_bound();
        }
        match self.session(recorder, session, is_local).await? {
            Some(session) => self.pool(recorder, connector, session).await,
            None => Ok(()),
        }
    }

    /// Resolve, connect and tls.
    async fn reach(
        &self,
        recorder: &Recorder<'_>,
        dialer: &Dialer,
        deadline: Deadline,
    ) -> Result<Staged, Stopped> {
        let resolving = dialer.resolve(self.endpoint, deadline.at());
        let mut addresses = recorder.stage(Stage::Resolve, deadline, resolving).await?;
        recorder.detail(Stage::Resolve, &addresses.to_string());
        let progress = Progress::start(Stage::Connect);
        let dialling = async {
            let dialled = addresses.dial(&progress).await;
            dialled.map_err(|failure| progress.with_others(failure))
        };
        let first = recorder.stage(Stage::Connect, deadline, dialling).await?;
        recorder.detail(Stage::Connect, &first.0.to_string());
        let secure = async |address, stream| {
            progress.enter(Stage::Tls);
            self.secure(recorder, dialer, &progress, address, stream)
                .await
        };
        let securing = async {
            let secured = addresses.until_good(first, &progress, secure).await;
            secured.map_err(|Rejected { failure, seen }| {
                if !seen.served.is_empty() {
                    recorder.set_tls(rejected_report(&seen.served));
                }
                failure
            })
        };
        let staged = recorder.stage(Stage::Tls, deadline, securing).await?;
        if let Some(secured) = staged.secured() {
            recorder.detail(Stage::Connect, &secured.address.to_string());
            self.warn_of_weakening(recorder, &secured.facts);
            warn_of_pins(recorder, &secured.facts);
            recorder.set_tls(report(&secured.facts));
        }
        Ok(staged)
    }

    /// The tls stage at one address.
    async fn secure(
        &self,
        recorder: &Recorder<'_>,
        dialer: &Dialer,
        progress: &Progress,
        address: SocketAddr,
        stream: TcpStream,
    ) -> Result<Staged, Rejected> {
        let (endpoint, policy) = (self.endpoint, self.policy);
        if self.settings.engine() == Engine::Postgres {
            let secured = dialer.secure(endpoint, policy, address, stream).await?;
            return Ok(Staged::Tls(Box::new(secured)));
        }
        recorder.awaits(Some(Awaited::MySqlGreeting));
        let greeted = Greeted::read(address, stream).await?;
        recorder.awaits(None);
        if self.examined == Examined::LoggedIn
            && let Connector::MySql(connector) = Connector::new(self.settings, policy)?
        {
            let introducing =
                Introduced::new(&connector, dialer, greeted, endpoint, policy, progress);
            return Ok(Staged::Introduced(Box::new(introducing.await?)));
        }
        let secured = dialer.answer(greeted, endpoint, policy, SslRequest::own());
        Ok(Staged::Tls(Box::new(secured.await?)))
    }

    fn warn_of_weakening(&self, recorder: &Recorder<'_>, facts: &TlsFacts) {
        let verdict = match facts.would_fail {
            None => "verification would have passed: switch it on".to_owned(),
            Some(code) => format!("verification would have failed with {code}"),
        };
        let off = match self.policy.verification() {
            Verification::Full => return,
            Verification::ChainOnly => {
                "the certificate's name is not compared, as the legacy string asks"
            }
            Verification::Off => {
                "the server is not verified: whoever answers at its address can read and change everything, the password included"
            }
        };
        recorder.warn(Stage::Tls, &format!("{off}; {verdict}"));
    }

    /// What the server says of the session. Returns it where a service would use this server.
    async fn session(
        &self,
        recorder: &Recorder<'_>,
        mut session: Session,
        is_local: bool,
    ) -> Result<Option<Session>, Stopped> {
        let deadline = Deadline::after(self.settings.read_timeout(), READ_TIMEOUT);
        let target = self.settings.target();
        let mut server = None;
        let asking = async {
            let facts = session.facts().await?;
            server = Some(ServerReport {
                version: facts.version.clone(),
                read_only: facts.read_only,
                encrypted: facts.encrypted,
            });
            if !is_local && !facts.encrypted {
                return Err(not_encrypted());
            }
            match staged::judge(target, facts.read_only, self.endpoint) {
                Err(other_kind) if self.others_may_serve => Ok(Some(other_kind)),
                verdict => verdict.map(|()| None),
            }
        };
        let outcome = recorder.stage(Stage::Session, deadline, asking).await;
        if let Some(server) = server {
            recorder.set_server(server);
        }
        let other_kind = outcome?;
        if let Some(other_kind) = other_kind {
            session.close(CLOSING).await;
            recorder.warn(Stage::Session, other_kind.message());
            recorder.push(StageReport::not_needed(
                Stage::Pool,
                "passed over: WA_DB_TARGET asks for another kind",
            ));
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// A pool as a service has it, on the connector of the stages before. MySQL's session was made
    /// by that connector and becomes the pool's first; PostgreSQL's was made by our own dialer.
    async fn pool(
        &self,
        recorder: &Recorder<'_>,
        connector: Connector,
        session: Session,
    ) -> Result<(), Stopped> {
        let first = match session {
            Session::MySql(conn) => Some(*conn),
            postgres @ Session::Postgres(_) => {
                postgres.close(CLOSING).await;
                None
            }
        };
        // Each connection has its own deadline in the pool; this one only ends what hangs beside.
        let length = self.settings.connect_timeout()
            + self.settings.pool().wait_timeout
            + self.settings.read_timeout();
        let deadline = Deadline::after(length, CONNECT_TIMEOUT);
        let started = Instant::now();
        let opened = Cell::new(0);
        let opening = async {
            let pool = match connector {
                Connector::Postgres(connector) => {
                    Pool::Postgres(PostgresPool::with_connector(connector, self.settings))
                }
                Connector::MySql(connector) => {
                    Pool::MySql(MySqlPool::starting_with(connector, first, self.settings))
                }
            };
            let open = async || {
                let client = pool.get().await?;
                opened.set(opened.get() + 1);
                Ok(client)
            };
            // Each is waited for, also where one has failed: how many there can be is half of what
            // is to be found out.
            let all = join_all((0..self.connections).map(|_| open())).await;
            recorder.set_pool(PoolReport {
                opened: opened.get(),
                elapsed_ms: started.elapsed().into(),
            });
            let clients: Result<Vec<_>, _> = all.into_iter().collect();
            let clients =
                clients.map_err(|error| in_pool(&error, opened.get(), self.connections))?;
            drop(clients);
            // Whether the goodbyes arrive in time changes nothing of what was shown.
            let _ = pool.close(CLOSING).await;
            Ok(())
        };
        recorder.stage(Stage::Pool, deadline, opening).await
    }
}

/// Whether `WA_DB_TARGET` passes over servers of one kind.
pub(super) fn is_choosy(settings: &Settings) -> bool {
    settings.target() != TargetSession::Any
}

/// What the pins say that does not end the connection.
fn warn_of_pins(recorder: &Recorder<'_>, facts: &TlsFacts) {
    // What verification would have said is told beside what is switched off.
    let of_pins = |violation: &&Violation| violation.code == ErrorCode::PinMismatch;
    let reported = facts.violations.iter().filter(of_pins);
    for told in reported
        .map(|violation| &violation.what)
        .chain(&facts.warnings)
    {
        recorder.warn(Stage::Tls, told);
    }
}

fn in_pool(error: &PoolError, opened: usize, wanted: usize) -> Failure {
    let (code, message, hint) = match error {
        PoolError::Connect(cause) => {
            let failure = cause.failure();
            let hint = match failure.code() {
                // One session has just been opened, so this is most often a limit.
                ErrorCode::ServerError => LIMITED,
                _ => failure.hint(),
            };
            (failure.code(), failure.message().to_owned(), hint)
        }
        other => (
            other.code().unwrap_or(ErrorCode::ServerError),
            other.to_string(),
            "ask for fewer connections with --connections, or raise WA_DB_POOL_MAX_SIZE",
        ),
    };
    let message = format!("{opened} of {wanted} connections opened, then {message}");
    Failure::new(Stage::Pool, code, message, hint)
}

fn not_encrypted() -> Failure {
    Failure::new(
        Stage::Session,
        ErrorCode::NotEncrypted,
        "the server at WA_DB_HOSTNAME says that its session is not encrypted, though ours is",
        "something in between ends TLS and goes on in the clear: find it, and connect to the database itself",
    )
}

fn report(facts: &TlsFacts) -> TlsReport {
    let chain = facts.chain().facts();
    let served = facts.served.facts();
    let from_store = chain.iter().filter(|one| !served.contains(one)).cloned();
    let from_store = from_store.collect();
    TlsReport {
        protocol: Some(facts.protocol.clone()),
        cipher: Some(facts.cipher.clone()),
        verified: facts.verified,
        channel_bound: false,
        certificate: chain.first().cloned(),
        chain,
        from_store,
        would_fail: facts.would_fail,
    }
}

fn rejected_report(served: &Chain) -> TlsReport {
    let chain = served.facts();
    TlsReport {
        protocol: None,
        cipher: None,
        verified: false,
        channel_bound: false,
        certificate: chain.first().cloned(),
        chain,
        from_store: Vec::new(),
        would_fail: None,
    }
}
