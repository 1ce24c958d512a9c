//! Looks at one server for one role: [`gather`].

pub(super) mod account;
mod asking;
mod link;
pub(super) mod machine;
pub(super) mod server;

use std::future::Future;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use self::asking::Asking;
use super::evidence::{Evidence, Link, LoginProof, SessionSeen};
use super::plan::{AuditPlan, Subject};
use crate::code::{ErrorCode, Stage};
use crate::connect::staged::{self, Connector, Introduced, Session, Staged};
use crate::endpoint::{Endpoint, Engine, Host};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::tls::TlsPolicy;
use crate::wire::{Dialer, Greeted, Progress, Rejected, Secured};

/// How long the goodbye may take.
const CLOSING: Duration = Duration::from_secs(1);
/// Until then a schema that the account's `search_path` puts first could answer in the catalog's
/// place, with an operator or a function of the same name.
const CATALOG_ALONE: &str =
    "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)";
/// A year, which no audit lives to see.
const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// What was seen, and what kept the rest from being looked at.
pub(super) struct Gathered<'a> {
    pub(super) evidence: Evidence<'a>,
    pub(super) failure: Option<Failure>,
}

/// Looks at a server as far as it lets itself be looked at.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub(super) async fn gather<'a>(
    plan: &'a AuditPlan,
    subject: &'a Subject,
    settings: &'a Settings,
    policy: &'a TlsPolicy,
    endpoint: &'a Endpoint,
) -> Gathered<'a> {
    let mut evidence = Evidence::new(plan, subject, settings, policy, endpoint);
    evidence.neighbours = neighbours(&evidence);
    evidence.weaknesses = account::password::look(settings);
    evidence.machine = machine::look(plan.log_line, plan.today);
    let failure = look(&mut evidence).await.err();
    evidence.read_certificates();
    Gathered { evidence, failure }
}

async fn look(evidence: &mut Evidence<'_>) -> Result<(), Failure> {
    link::lead(evidence).await;
    let progress = Progress::start(Stage::Resolve);
    let looked = connect(evidence, &progress).await;
    // After the session, which must not wait for it.
    if let Some(address) = progress.address().filter(|_| evidence.is_secured()) {
        link::look(evidence, address).await;
    }
    looked
}

/// Connects as a service would, and keeps what that shows.
async fn connect(evidence: &mut Evidence<'_>, progress: &Progress) -> Result<(), Failure> {
    let (settings, endpoint, policy) = (evidence.settings, evidence.endpoint, evidence.policy);
    let dialer = Dialer::new(settings).without_reports();
    let deadline = Deadline::of_connection(settings);
    // Where there can be none, what the server presents is looked at all the same.
    let connector = Connector::new(settings, policy);
    let staged = if let Host::Socket(path) = endpoint.host() {
        progress.enter(Stage::Connect);
        let touching = staged::touch_socket(settings, path, endpoint.port());
        let touched = deadline.bound(progress, touching).await;
        Staged::Socket(touched.map_err(|rejected| rejected.failure)?)
    } else {
        let secure = async |address, stream: TcpStream| {
            progress.enter(Stage::Tls);
            let Ok(Connector::MySql(connector)) = &connector else {
                let secured = dialer.secure(endpoint, policy, address, stream).await?;
                return Ok(Staged::Tls(Box::new(secured)));
            };
            // A server counts every handshake that nobody logs in after as an aborted connection.
            let greeted = Greeted::read(address, stream).await?;
            let introducing =
                Introduced::new(connector, &dialer, greeted, endpoint, policy, progress);
            Ok(Staged::Introduced(Box::new(introducing.await?)))
        };
        let securing = dialer.each(endpoint, deadline.at, progress, secure);
        let staged = deadline.bound(progress, securing).await;
        examined(evidence, staged).map_err(|failure| progress.with_others(failure))?
    };
    progress.enter(Stage::Authenticate);
    let connector = connector?;
    let logging_in = staged::login(&dialer, settings, endpoint, policy, &connector, staged);
    // Only MySQL's driver, at a socket, makes a connection of its own, with a deadline of its own.
    let deadline = match (settings.engine(), endpoint.host()) {
        (Engine::MySql, Host::Socket(_)) => Deadline::of_connection(settings),
        _ => deadline,
    };
    let logged_in = deadline.bound(progress, logging_in).await;
    let mut session = logged_in.map_err(|rejected| rejected.failure)?;
    progress.enter(Stage::Session);
    let asked = Deadline::of_reading(settings)
        .bound(progress, ask(evidence, &mut session))
        .await;
    session.close(CLOSING).await;
    asked.map_err(|rejected| rejected.failure)
}

/// A point in time and the variable that sets it.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    length: Duration,
    variable: &'static str,
}

impl Deadline {
    fn of_connection(settings: &Settings) -> Self {
        Self::after(settings.connect_timeout(), "WA_DB_CONNECT_TIMEOUT")
    }

    fn of_reading(settings: &Settings) -> Self {
        Self::after(settings.read_timeout(), "WA_DB_READ_TIMEOUT")
    }

    fn after(length: Duration, variable: &'static str) -> Self {
        let now = Instant::now();
        // A length beyond what the clock can hold is as good as none.
        let at = now.checked_add(length).unwrap_or_else(|| now + NEVER);
        Self {
            at,
            length,
            variable,
        }
    }

    /// What the work comes to, or that it took too long.
    async fn bound<T, E: Into<Rejected>>(
        self,
        progress: &Progress,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Rejected> {
        match timeout_at(self.at, work).await {
            Ok(done) => done.map_err(Into::into),
            Err(_) => Err(self.passed(progress.stage()).into()),
        }
    }

    fn passed(self, stage: Stage) -> Failure {
        let Self {
            length, variable, ..
        } = self;
        Failure::new(
            stage,
            ErrorCode::Timeout,
            format!(
                "the server at WA_DB_HOSTNAME let {variable} ({length:?}) pass in stage {stage}"
            ),
            format!(
                "run wa-db check to see where it stands still; raise {variable} if the server is merely far away"
            ),
        )
    }
}

/// Keeps what the handshake showed, also where it failed.
fn examined(
    evidence: &mut Evidence<'_>,
    staged: Result<Staged, Rejected>,
) -> Result<Staged, Failure> {
    match staged {
        Ok(staged) => {
            evidence.link = staged.secured().map(|Secured { facts, .. }| Link {
                served: facts.served.clone(),
                verified: facts.verified_chain.clone(),
                verdict: facts.would_fail,
                facts: Some(facts.clone()),
            });
            Ok(staged)
        }
        Err(Rejected { failure, seen }) => {
            if !seen.served.is_empty() {
                evidence.link = Some(Link {
                    served: seen.served,
                    verified: seen.verified_chain,
                    verdict: Some(failure.code()),
                    facts: None,
                });
            }
            Err(failure)
        }
    }
}

/// What only a session tells.
async fn ask(evidence: &mut Evidence<'_>, session: &mut Session) -> Result<(), Failure> {
    let is_kept = match evidence.settings.engine() {
        Engine::Postgres => session.ask(CATALOG_ALONE).await?.is_some(),
        Engine::MySql => true,
    };
    let facts = session.facts().await?;
    evidence.session = Some(SessionSeen {
        login: login_proof(session),
        encrypted: facts.encrypted,
        requires_tls: session.requires_tls().await?,
    });
    let mut asking = Asking::new(session);
    if !is_kept {
        asking.lack("whether the answers are the catalog's own, since search_path cannot be set");
    }
    let server = server::look(&mut asking, facts.version).await?;
    let product = server.product;
    evidence.server = Some(server);
    evidence.account = account::look(&mut asking, product).await?;
    evidence.remarks.extend(asking.remarks());
    Ok(())
}

/// The settings of the other roles; what is at fault with one is told where that is looked at.
fn neighbours(evidence: &Evidence<'_>) -> Vec<Settings> {
    let others = evidence.others();
    let settings = others.map(|other| Settings::from_environment(other.role, &other.environment));
    settings.filter_map(Result::ok).collect()
}

fn login_proof(session: &Session) -> LoginProof {
    match (session.is_channel_bound(), session.is_proven()) {
        (true, _) => LoginProof::BoundScram,
        (false, true) => LoginProof::Scram,
        (false, false) => LoginProof::Other,
    }
}
