//! Which server of the list is of the kind that `WA_DB_TARGET` asks for: [`Wanted`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::code::{ErrorCode, Stage};
use crate::connect::{ConnectError, MySqlConnector, PostgresConnector};
use crate::endpoint::{Endpoint, Engine};
use crate::failure::Failure;
use crate::settings::{Settings, TargetSession};

/// How long a server that was found is taken to be of its kind still.
const FOUND: Duration = Duration::from_secs(5);
/// How long those who waited are told what was found instead, before somebody looks again.
const MISSED: Duration = Duration::from_secs(1);
/// How long a server may take to hear a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a server of the wanted kind is found: by a login with the account of the settings, since only a
/// session can tell.
pub(super) struct Wanted {
    connector: Connector,
    seen: Mutex<Option<Seen>>,
    /// Only one looks at a time; the others take what it finds, or hear why there is nothing.
    looking: tokio::sync::Mutex<()>,
}

/// What came of the last look, and when.
struct Seen {
    outcome: Result<Endpoint, ConnectError>,
    since: Instant,
}

enum Connector {
    Postgres(PostgresConnector),
    MySql(MySqlConnector),
}

impl Wanted {
    /// `None` where any server will do.
    pub(super) fn new(settings: &Settings) -> Result<Option<Self>, ConnectError> {
        if settings.target() == TargetSession::Any {
            return Ok(None);
        }
        let connector = match settings.engine() {
            Engine::Postgres => Connector::Postgres(PostgresConnector::new(settings)?),
            Engine::MySql => Connector::MySql(MySqlConnector::new(settings)?),
        };
        Ok(Some(Self {
            connector,
            seen: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }))
    }

    /// The server, found a moment ago or now. A look takes no longer than `WA_DB_CONNECT_TIMEOUT`.
    ///
    /// # Errors
    /// Every server of the list, and what it is instead; or nothing was found until the deadline.
    pub(super) async fn find(&self, deadline: Instant) -> Result<Endpoint, ConnectError> {
        let turn = timeout_at(deadline, self.looking.lock()).await;
        let _turn = turn.map_err(|_| too_late())?;
        if let Some(outcome) = self.known() {
            return outcome;
        }
        let outcome = self.look().await;
        *self.seen() = Some(Seen {
            outcome: outcome.clone(),
            since: Instant::now(),
        });
        outcome
    }

    /// Logs in, under the connector's own deadline. Nobody waits for the goodbye.
    async fn look(&self) -> Result<Endpoint, ConnectError> {
        match &self.connector {
            Connector::Postgres(connector) => {
                let connection = connector.connect().await?;
                drop(connection.client);
                tokio::spawn(timeout(GOODBYE, connection.task));
                Ok(connection.endpoint)
            }
            Connector::MySql(connector) => {
                let connection = connector.connect().await?;
                tokio::spawn(timeout(GOODBYE, connection.conn.disconnect()));
                Ok(connection.endpoint)
            }
        }
    }

    /// The next session looks again, if a server was found.
    pub(super) fn forget(&self) {
        let mut seen = self.seen();
        if seen.as_ref().is_some_and(|seen| seen.outcome.is_ok()) {
            *seen = None;
        }
    }

    fn known(&self) -> Option<Result<Endpoint, ConnectError>> {
        let seen = self.seen();
        let Seen { outcome, since } = seen.as_ref()?;
        let good_for = if outcome.is_ok() { FOUND } else { MISSED };
        (since.elapsed() < good_for).then(|| outcome.clone())
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `WA_DB_CONNECT_TIMEOUT` has passed on the way to a server of the wanted kind.
pub(super) fn too_late() -> ConnectError {
    ConnectError::from(Failure::new(
        Stage::Connect,
        ErrorCode::Timeout,
        "WA_DB_CONNECT_TIMEOUT has passed before a server of the kind that WA_DB_TARGET asks for was reached",
        "check that the servers of WA_DB_HOSTNAME are up and not overloaded; raise WA_DB_CONNECT_TIMEOUT if they are merely far away",
    ))
}
