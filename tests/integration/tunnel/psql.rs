//! `psql`, as a user of a tunnel has it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use wa_db_lab::run::{Finished, finish};
use wa_db_lab::server::newer_psql;

use super::running::PATIENCE;

/// Where a session goes and as whom.
#[derive(Clone, Debug)]
pub(super) struct Psql {
    program: PathBuf,
    /// A connection string of libpq.
    pub(super) target: String,
    pub(super) password: String,
}

impl Psql {
    pub(super) fn new(host: &str, port: u16, password: &str) -> Self {
        let target = format!("host={host} port={port} user=app dbname=appdb");
        Self {
            program: "psql".into(),
            target,
            password: password.to_owned(),
        }
    }

    /// The same by a `psql` that knows TLS from the first byte on.
    pub(super) fn newer(self) -> Self {
        Self {
            program: newer_psql(),
            ..self
        }
    }

    /// The same with more words in the connection string.
    pub(super) fn with(&self, words: &str) -> Self {
        Self {
            target: format!("{} {words}", self.target),
            ..self.clone()
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args([
                "--no-psqlrc",
                "-Atq",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                &self.target,
            ])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PGPASSWORD", &self.password);
        command
    }

    /// Runs these statements, given on standard input.
    pub(super) fn try_run(&self, statements: &str) -> Finished {
        finish(&mut self.command(&[]), statements, PATIENCE * 4).expect("psql ends")
    }

    /// The same where failing is not an option; what it printed.
    pub(super) fn run(&self, statements: &str) -> String {
        let finished = self.try_run(statements);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.stdout
    }

    /// Runs one statement in a process that the test goes on beside.
    pub(super) fn spawn(&self, statement: &str) -> Child {
        self.command(&["-c", statement])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql starts")
    }
}
