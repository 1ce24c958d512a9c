//! Which server of the list is of the kind that `WA_DB_TARGET` asks for: [`Wanted`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::connect::{ConnectError, MySqlConnector, PostgresConnector};
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Settings, TargetSession};

/// How long a server that was found is taken to be of its kind still.
const FOUND: Duration = Duration::from_secs(5);
/// How long a server may take to hear a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a server of the wanted kind is found: by a login with the account of the settings, since only a
/// session can tell.
pub(super) struct Wanted {
    connector: Connector,
    found: Mutex<Option<(Endpoint, Instant)>>,
    /// Only one looks at a time; the others take what it finds.
    looking: tokio::sync::Mutex<()>,
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
            found: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }))
    }

    /// The server, found a moment ago or now.
    ///
    /// # Errors
    /// Every server of the list, and what it is instead.
    pub(super) async fn find(&self) -> Result<Endpoint, ConnectError> {
        let _turn = self.looking.lock().await;
        if let Some(endpoint) = self.known() {
            return Ok(endpoint);
        }
        let endpoint = match &self.connector {
            Connector::Postgres(connector) => {
                let connection = connector.connect().await?;
                drop(connection.client);
                let _ = timeout(GOODBYE, connection.task).await;
                connection.endpoint
            }
            Connector::MySql(connector) => {
                let connection = connector.connect().await?;
                let _ = timeout(GOODBYE, connection.conn.disconnect()).await;
                connection.endpoint
            }
        };
        *self.found() = Some((endpoint.clone(), Instant::now()));
        Ok(endpoint)
    }

    /// The next session looks again.
    pub(super) fn forget(&self) {
        *self.found() = None;
    }

    fn known(&self) -> Option<Endpoint> {
        let found = self.found();
        let fresh = found.as_ref().filter(|(_, since)| since.elapsed() < FOUND);
        fresh.map(|(endpoint, _)| endpoint.clone())
    }

    fn found(&self) -> MutexGuard<'_, Option<(Endpoint, Instant)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
