//! The way to the server, and which server of the list it is: [`Upstream`].

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::health::Health;
use super::meters::Meters;
use super::outcome::ServerStream;
use crate::code::Stage;
use crate::connect::{
    ConnectError, MySqlConnector, PostgresConnector, StageTimes, Trail, first_of,
};
use crate::endpoint::{Endpoint, Engine};
use crate::failure::Failure;
use crate::settings::{Fault, Settings, TargetSession, Verification};
use crate::tls::{Reloading, TlsPolicy};
use crate::wire::{dial, handshake, resolve, starttls};

/// How long a server that was found to be of the wanted kind is taken for one.
const FOUND: Duration = Duration::from_secs(5);

/// The way to the servers that the settings name, under their whole policy.
pub(super) struct Upstream {
    settings: Settings,
    files: Reloading<()>,
    wanted: Option<Wanted>,
    health: Arc<Health>,
    meters: Arc<Meters>,
}

/// How a server of the wanted kind is found: by a login of our own.
struct Wanted {
    connector: Connector,
    found: Mutex<Option<(Endpoint, Instant)>>,
    /// Only one looks at a time; the others take what it finds.
    looking: tokio::sync::Mutex<()>,
}

enum Connector {
    Postgres(PostgresConnector),
    MySql(MySqlConnector),
}

/// One attempt to reach one server of the list.
pub(super) struct Attempt {
    pub(super) endpoint: Endpoint,
    pub(super) policy: TlsPolicy,
    pub(super) trail: Trail,
}

/// A stream on which TLS is set up, to a server that is trusted as far as the policy asks.
pub(super) struct Secured {
    pub(super) stream: ServerStream,
    pub(super) trust: Trust,
}

/// What is known of the server at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its certificate chain was verified.
    Verified,
    /// Nobody vouches for it: verification is off.
    Unverified,
}

impl Upstream {
    pub(super) fn new(
        settings: &Settings,
        health: &Arc<Health>,
        meters: &Arc<Meters>,
    ) -> Result<Self, Vec<Fault>> {
        let files = Reloading::new::<Vec<Fault>>(settings.tls().clone(), |_| Ok(()))?;
        let wanted = match settings.target() {
            TargetSession::Any => None,
            _ => Some(Wanted::new(settings).map_err(|error| {
                let failure = error.failure();
                vec![Fault::new(
                    failure.code(),
                    "WA_DB_TARGET",
                    failure.message(),
                    failure.hint(),
                )]
            })?),
        };
        Ok(Self {
            settings: settings.clone(),
            files,
            wanted,
            health: Arc::clone(health),
            meters: Arc::clone(meters),
        })
    }

    /// Looks at the policy's files, and reads them where they changed.
    pub(super) fn look(&self) -> TlsPolicy {
        let (policy, ()) = self.files.current::<Faults>(|_| Ok(()));
        self.meters.certificates_end(policy.expiries());
        policy
    }

    /// A secured stream to the first PostgreSQL server that can be reached and is trusted.
    ///
    /// # Errors
    /// Every server that was tried, in one failure.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(super) async fn secure_postgres(&self) -> Result<Secured, Failure> {
        self.reach(|attempt| self.attempt_postgres(attempt)).await
    }

    /// Runs `attempt` on one server of the list after the other until one is good, all under
    /// `WA_DB_CONNECT_TIMEOUT`. What comes of it decides whether the tunnel is ready.
    ///
    /// # Errors
    /// Every server that was tried, in one failure.
    pub(super) async fn reach<T, F>(
        &self,
        mut attempt: impl FnMut(Attempt) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let policy = self.look();
        let reached = async {
            let chosen = self.chosen().await?;
            let settings = chosen.as_ref().unwrap_or(&self.settings);
            first_of(settings, |endpoint, trail| {
                let progress = trail.progress.clone();
                let made = attempt(Attempt {
                    endpoint,
                    policy: policy.clone(),
                    trail,
                });
                async move { Ok((made.await?, progress.times())) }
            })
            .await
        };
        match reached.await {
            Ok((made, times)) => {
                self.took(&times);
                self.health.reached();
                Ok(made)
            }
            Err(error) => {
                let failure = as_one(&error);
                self.forget();
                self.meters.failed(failure.code());
                self.health.failed_with(&failure);
                Err(failure)
            }
        }
    }

    async fn attempt_postgres(&self, attempt: Attempt) -> Result<Secured, Failure> {
        let Attempt {
            endpoint,
            policy,
            trail,
        } = attempt;
        let addresses = resolve::resolve(&endpoint, self.settings.allowed_networks()).await?;
        trail.progress.enter(Stage::Connect);
        let (address, mut stream) = dial::dial(&addresses).await?;
        trail.at(address);
        trail.progress.enter(Stage::Tls);
        starttls::request(Engine::Postgres, &mut stream).await?;
        let name = policy.name_for(endpoint.host());
        let (stream, _) = handshake(stream, &policy, &name)
            .await
            .map_err(|rejected| rejected.failure)?;
        Ok(Secured {
            stream,
            trust: Trust::under(&policy),
        })
    }

    /// The settings for the one server that is of the wanted kind, where one is wanted.
    async fn chosen(&self) -> Result<Option<Settings>, ConnectError> {
        let Some(wanted) = &self.wanted else {
            return Ok(None);
        };
        let endpoint = wanted.find().await?;
        Ok(Some(self.settings.with_endpoint(endpoint)))
    }

    /// Which server was found counts no more.
    fn forget(&self) {
        if let Some(wanted) = &self.wanted {
            *wanted.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn took(&self, times: &StageTimes) {
        for (stage, took) in times {
            self.meters.took(*stage, *took);
        }
    }
}

impl Trust {
    /// What a handshake under this policy says of the server.
    pub(super) fn under(policy: &TlsPolicy) -> Self {
        match policy.verification() {
            Verification::Full | Verification::ChainOnly => Self::Verified,
            Verification::Off => Self::Unverified,
        }
    }
}

impl Wanted {
    fn new(settings: &Settings) -> Result<Self, ConnectError> {
        let connector = match settings.engine() {
            Engine::Postgres => Connector::Postgres(PostgresConnector::new(settings)?),
            Engine::MySql => Connector::MySql(MySqlConnector::new(settings)?),
        };
        Ok(Self {
            connector,
            found: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        })
    }

    async fn find(&self) -> Result<Endpoint, ConnectError> {
        let _turn = self.looking.lock().await;
        if let Some(endpoint) = self.known() {
            return Ok(endpoint);
        }
        let endpoint = match &self.connector {
            Connector::Postgres(connector) => connector.connect().await?.endpoint,
            Connector::MySql(connector) => {
                let connection = connector.connect().await?;
                // It is closed either way; the goodbye keeps the server's log quiet.
                let _ = tokio::time::timeout(FOUND, connection.conn.disconnect()).await;
                connection.endpoint
            }
        };
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((endpoint.clone(), Instant::now()));
        Ok(endpoint)
    }

    fn known(&self) -> Option<Endpoint> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found
            .as_ref()
            .filter(|(_, since)| since.elapsed() < FOUND)
            .map(|(endpoint, _)| endpoint.clone())
    }
}

/// All attempts in the words of one failure.
fn as_one(error: &ConnectError) -> Failure {
    Failure::new(error.stage(), error.code(), error.to_string(), error.hint())
}

/// Faults with words for the log.
#[derive(Debug)]
struct Faults(Vec<Fault>);

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let comma = if index > 0 { "; " } else { "" };
            write!(f, "{comma}{}", fault.message)?;
        }
        Ok(())
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults)
    }
}
