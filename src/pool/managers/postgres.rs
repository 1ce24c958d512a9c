//! `PostgreSQL` for the pool: [`PostgresEngine`].

use std::time::Duration;

use deadpool::managed::Metrics;
use deadpool_postgres::ClientWrapper;
use tokio::task::JoinHandle;
use tokio_postgres::SimpleQueryMessage;

use crate::code::ErrorCode;
use crate::connect::{ConnectError, PostgresConnector, SessionMonitor, SessionState};
use crate::pool::engine::{Condition, Engine, Opened, Unfit};
use crate::settings::Recycle;

/// Resets what a session may have changed.
///
/// Not `DISCARD ALL`: it would also drop the statements by which the driver looks up types, and the
/// driver keeps their names. Its prepared statements go one by one instead, with the statement cache; the
/// answer names those that the last user made with PREPARE.
const RESET: &str = "CLOSE ALL; RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); \
    DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES; \
    SELECT name AS prepared FROM pg_catalog.pg_prepared_statements WHERE from_sql";

/// How often to look again at a driver about to rest: a microsecond or two.
const SPINS: usize = 50;

/// Opens, judges and restores connections of `PostgreSQL`.
pub(in crate::pool) struct PostgresEngine {
    connector: PostgresConnector,
}

impl PostgresEngine {
    /// An engine that opens its connections with this connector.
    pub(in crate::pool) fn new(connector: PostgresConnector) -> Self {
        Self { connector }
    }
}

/// A session, and the word of our own stream guard on what it is doing.
pub(in crate::pool) struct PostgresSession {
    // Before the client, whose end wakes the driver: it is judged by what it did until then.
    driver: DriverTask,
    pub(in crate::pool) client: ClientWrapper,
    monitor: SessionMonitor,
}

/// The task that moves the bytes. Once the client is gone an idle one says goodbye and ends by
/// itself; one that still owes an answer could take long, and is ended here.
struct DriverTask {
    task: JoinHandle<()>,
    monitor: SessionMonitor,
    /// Whether a question of ours to the server is still without an answer.
    asking: bool,
}

impl Drop for DriverTask {
    fn drop(&mut self) {
        if self.asking || self.monitor.state() != SessionState::Idle {
            self.task.abort();
        }
    }
}

impl PostgresSession {
    /// Whether the session is inside a transaction, once what is in flight has come back.
    async fn settle(&self) -> Result<SessionState, Unfit> {
        let settled = tokio::time::timeout(super::PATIENCE, async {
            if let Some(state) = self.rests_soon().await {
                return Ok(state);
            }
            // Answers come in order: this one comes after all that the last user left behind.
            self.client.simple_query("").await?;
            loop {
                if let Some(state) = self.rests_soon().await {
                    return Ok(state);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        settled
            .await
            .unwrap_or_else(|_| Err("a statement that was given up still runs".into()))
    }

    /// The driver's task delivers the last answer a moment before it rests: give it that moment.
    async fn rests_soon(&self) -> Option<SessionState> {
        for _ in 0..8 {
            match self.monitor.state() {
                SessionState::Unsettled => tokio::task::yield_now().await,
                state => return Some(state),
            }
        }
        None
    }

    async fn restore(&self, effort: Recycle) -> Result<(), Unfit> {
        let found = self.settle().await?;
        if found == SessionState::InTransaction {
            self.client.simple_query("ROLLBACK").await?;
        }
        match effort {
            Recycle::Fast => {}
            Recycle::Verified => {
                if found != SessionState::InTransaction {
                    self.client.simple_query("").await?;
                }
            }
            Recycle::Clean => {
                let answer = self.client.simple_query(RESET).await?;
                if let Some(deallocate) = deallocate(&answer) {
                    self.client.simple_query(&deallocate).await?;
                }
                self.client.statement_cache.clear();
                self.client.clear_type_cache();
            }
        }
        // Dropped statements are closed with messages of their own: see them through.
        match self.settle().await? {
            SessionState::Idle => Ok(()),
            state => Err(format!("the session is {state:?} after it was put in order").into()),
        }
    }
}

impl Engine for PostgresEngine {
    type Connection = PostgresSession;
    type Error = ConnectError;

    const NAME: &'static str = "postgres";

    async fn open(&self) -> Result<Opened<PostgresSession>, ConnectError> {
        let opened = self.connector.connect().await?;
        let driver = DriverTask {
            task: opened.task,
            monitor: opened.monitor.clone(),
            asking: false,
        };
        // The wrapper aborts the task it is given when it is dropped, and the server would count
        // every session as abandoned: it gets one that has nothing to do.
        let client = ClientWrapper::new(opened.client, tokio::spawn(std::future::ready(())));
        Ok(Opened {
            connection: PostgresSession {
                driver,
                client,
                monitor: opened.monitor,
            },
            times: opened.times,
            expiries: opened.expiries,
        })
    }

    fn code(error: &ConnectError) -> ErrorCode {
        error.code()
    }

    fn is_closed(session: &PostgresSession) -> bool {
        session.client.is_closed()
    }

    fn condition(&self, session: &mut PostgresSession, _: &Metrics) -> Condition {
        if session.client.is_closed() {
            return Condition::Closed;
        }
        let mut state = session.monitor.state();
        // The driver's task delivers the last answer a microsecond before it rests, and whoever
        // waits for the connection may be here by then.
        for _ in 0..SPINS {
            if state != SessionState::Unsettled {
                break;
            }
            std::hint::spin_loop();
            state = session.monitor.state();
        }
        match state {
            SessionState::Idle => Condition::Clean,
            SessionState::InTransaction | SessionState::Unsettled => Condition::Dirty,
            SessionState::Closed => Condition::Closed,
        }
    }

    async fn restore(&self, session: &mut PostgresSession, effort: Recycle) -> Result<(), Unfit> {
        session.driver.asking = true;
        session.restore(effort).await?;
        session.driver.asking = false;
        Ok(())
    }

    async fn part(session: PostgresSession) {
        let PostgresSession {
            mut driver, client, ..
        } = session;
        // The driver sees through what is queued, says goodbye and ends.
        drop(client);
        // An error means that the task had been ended before.
        let _ = (&mut driver.task).await;
    }
}

/// What drops the statements that the answer to [`RESET`] names.
fn deallocate(answer: &[SimpleQueryMessage]) -> Option<String> {
    let names = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get("prepared").ok().flatten(),
        _ => None,
    });
    let statements: Vec<String> = names
        .map(|name| format!("DEALLOCATE \"{}\"", name.replace('"', "\"\"")))
        .collect();
    (!statements.is_empty()).then(|| statements.join("; "))
}
