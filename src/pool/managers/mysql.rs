//! `MySQL` and `MariaDB` for the pool: [`MySqlEngine`].

use std::time::Duration;

use deadpool::managed::Metrics;
use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, QueryResult, TextProtocol};

use crate::code::ErrorCode;
use crate::connect::{ConnectError, MySqlConnector};
use crate::pool::engine::{Condition, Engine, Opened, Unfit};
use crate::settings::Recycle;

/// How long after a checkout a connection counts as alive without being asked.
///
/// The driver does not watch a connection that nobody uses, so that the server may have closed it
/// unnoticed: `wait_timeout`, or a restart.
const FRESH: Duration = Duration::from_millis(500);

/// Opens, judges and restores connections of `MySQL` and `MariaDB`.
pub(in crate::pool) struct MySqlEngine {
    connector: MySqlConnector,
}

impl MySqlEngine {
    /// An engine that opens its connections with this connector.
    pub(in crate::pool) fn new(connector: MySqlConnector) -> Self {
        Self { connector }
    }
}

/// A session, and how it began.
pub(in crate::pool) struct MySqlSession {
    pub(in crate::pool) conn: Conn,
    /// Whether the server commits each statement by itself, as the session began.
    autocommit: bool,
}

impl MySqlSession {
    /// A session on which nobody has changed anything yet.
    pub(in crate::pool) fn new(conn: Conn) -> Self {
        let mut session = Self {
            conn,
            autocommit: true,
        };
        session.autocommit = session.commits_by_itself();
        session
    }

    /// The server's last word on the session, where it is one.
    ///
    /// After an error there is none. The driver also takes the answer to a prepared statement for
    /// such a word: its flags are then the upper half of the statement's number, and what it takes
    /// for the server's message holds a zero byte.
    fn flags(&self) -> Option<StatusFlags> {
        let ok = self.conn.last_ok_packet()?;
        let genuine = ok.info_ref().is_none_or(|info| !info.contains(&0));
        genuine.then(|| ok.status_flags())
    }

    /// Whether an answer, or part of one, is still to be read.
    fn has_answer_pending(&mut self) -> bool {
        !QueryResult::<TextProtocol>::new(&mut self.conn).is_empty()
    }

    /// Whether the session is certainly outside a transaction and commits by itself.
    fn is_clean(&mut self) -> bool {
        let clean = self.flags().is_some_and(|flags| {
            flags & (StatusFlags::SERVER_STATUS_AUTOCOMMIT | StatusFlags::SERVER_STATUS_IN_TRANS)
                == StatusFlags::SERVER_STATUS_AUTOCOMMIT
        });
        clean && !self.has_answer_pending()
    }

    /// Reads and forgets what is left of an answer. An error in it was the last user's.
    ///
    /// The driver does that before any command; cut off in the middle of one, it closes the
    /// connection when that is dropped, rather than reading on for as long as it takes.
    async fn drain(&mut self) -> Result<(), Unfit> {
        match tokio::time::timeout(super::PATIENCE, self.conn.ping()).await {
            Ok(Ok(()) | Err(Error::Server(_))) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err("an answer that was given up is still being sent".into()),
        }
    }

    /// Goes back to the database that a new session has open: a reset leaves the last user's.
    async fn reopen(&mut self, database: Option<&str>) -> Result<(), Unfit> {
        if let Some(name) = database {
            let name = name.replace('`', "``");
            self.conn.query_drop(format!("USE `{name}`")).await?;
            return Ok(());
        }
        let open: Option<Option<Vec<u8>>> = self.conn.query_first("SELECT DATABASE()").await?;
        match open {
            Some(None) => Ok(()),
            // There is no way back to none.
            _ => Err("the session has a database open that a new one would not".into()),
        }
    }

    async fn restore(&mut self, effort: Recycle, database: Option<&str>) -> Result<(), Unfit> {
        let clean = self.is_clean();
        if !clean {
            if self.has_answer_pending() {
                self.drain().await?;
            }
            self.conn.query_drop("ROLLBACK").await?;
            if self.autocommit && !self.commits_by_itself() {
                self.conn.query_drop("SET autocommit = 1").await?;
            }
        }
        match effort {
            Recycle::Fast => {}
            Recycle::Verified => {
                if clean {
                    self.conn.ping().await?;
                }
            }
            Recycle::Clean => {
                if !self.conn.reset().await? {
                    return Err("the server cannot reset a session".into());
                }
                self.reopen(database).await?;
            }
        }
        match self.flags() {
            Some(flags) if !flags.contains(StatusFlags::SERVER_STATUS_IN_TRANS) => Ok(()),
            _ => Err("the session is inside a transaction after it was put in order".into()),
        }
    }

    fn commits_by_itself(&self) -> bool {
        self.flags()
            .is_some_and(|flags| flags.contains(StatusFlags::SERVER_STATUS_AUTOCOMMIT))
    }
}

impl Engine for MySqlEngine {
    type Connection = MySqlSession;
    type Error = ConnectError;

    const NAME: &'static str = "mysql";

    async fn open(&self) -> Result<Opened<MySqlSession>, ConnectError> {
        let opened = self.connector.connect().await?;
        Ok(Opened {
            connection: MySqlSession::new(opened.conn),
            times: opened.times,
            expiries: opened.expiries,
        })
    }

    fn code(error: &ConnectError) -> ErrorCode {
        error.code()
    }

    fn is_closed(session: &MySqlSession) -> bool {
        session.conn.is_disconnected()
    }

    fn condition(&self, session: &mut MySqlSession, usage: &Metrics) -> Condition {
        if session.conn.is_disconnected() {
            Condition::Closed
        } else if !session.is_clean() {
            Condition::Dirty
        } else if usage.last_used() > FRESH {
            Condition::Unproven
        } else {
            Condition::Clean
        }
    }

    async fn restore(&self, session: &mut MySqlSession, effort: Recycle) -> Result<(), Unfit> {
        let database = self.connector.settings().database();
        session.restore(effort, database).await
    }

    async fn part(session: MySqlSession) {
        // What goes wrong with a goodbye has no consequences: the socket is closed all the same.
        let _ = session.conn.disconnect().await;
    }
}
