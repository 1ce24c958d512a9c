//! Which servers there are.

use rustix::process::Signal;

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    MariaDb,
    /// MySQL.
    MySql,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::MariaDb, Self::MySql];

    /// The value of `WA_DB_ENGINE` for it.
    pub fn wa_db_engine(self) -> &'static str {
        match self {
            Self::Postgres => "PGSQL",
            Self::MariaDb => "MARIADB",
            Self::MySql => "MYSQL",
        }
    }

    /// An orderly end that does not wait for clients.
    pub(super) fn stop_signal(self) -> Signal {
        match self {
            Self::Postgres => Signal::INT,
            _ => Signal::TERM,
        }
    }

    /// The quickest end that leaves nothing behind: PostgreSQL gives its shared memory back on
    /// QUIT, the others hold none.
    pub(super) fn last_signal(self) -> Signal {
        match self {
            Self::Postgres => Signal::QUIT,
            _ => Signal::KILL,
        }
    }

    pub(super) fn last_signal_name(self) -> &'static str {
        match self {
            Self::Postgres => "QUIT",
            _ => "KILL",
        }
    }
}
