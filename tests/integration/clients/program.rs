//! Which programs there are: [`Program`].

use std::path::PathBuf;
use std::process::Command;

use wa_db_lab::server::{Engine, client_program};

/// A program that knows nothing of wa-db, and how it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// PostgreSQL's own client, on libpq.
    Psql,
    /// MariaDB's own client.
    MariaDb,
    /// MySQL's own client.
    MySql,
    /// PHP with PDO, as the webapp has it.
    Pdo,
    /// Qt with `QSqlDatabase`, as the coreapp has it.
    Qt,
    /// A driver for Python.
    Psycopg,
    /// A driver for Python.
    PyMySql,
}

impl Program {
    /// What starts it, without its environment.
    pub(super) fn command(self) -> Command {
        let (interpreter, script) = match self {
            Self::Psql => ("/bin/bash", "psql.sh"),
            Self::MariaDb | Self::MySql => ("/bin/bash", "mysql.sh"),
            Self::Pdo => ("/usr/bin/php", "pdo.php"),
            // Debian's own, which has the packages: another may come first on the path.
            Self::Qt => ("/usr/bin/python3", "qt.py"),
            Self::Psycopg => ("/usr/bin/python3", "psycopg_driver.py"),
            Self::PyMySql => ("/usr/bin/python3", "pymysql_driver.py"),
        };
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let mut command = Command::new(interpreter);
        command
            .arg(scripts.join(script))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8");
        match self {
            Self::MariaDb => command.env("CLIENT", client_program(Engine::MariaDb)),
            Self::MySql => command.env("CLIENT", client_program(Engine::MySql)),
            _ => &mut command,
        };
        command
    }

    /// The steps it says it has done before the server restarts.
    pub(super) fn steps(self, engine: Engine) -> Vec<&'static str> {
        let all = [
            "query",
            "prepared",
            "transaction",
            "50 MB",
            "load",
            "cancel",
            "wrong password",
            "held",
        ];
        let can_load = (self, engine) != (Self::Qt, Engine::Postgres);
        all.into_iter()
            .filter(|step| can_load || *step != "load")
            .collect()
    }
}
