//! The client programs of MariaDB and MySQL, as users of a tunnel have them.

use std::path::PathBuf;
use std::process::Command;

use wa_db_lab::run::{Finished, finish};
use wa_db_lab::server::{Engine, client_program};

use super::super::running::PATIENCE;

/// Where a tunnel listens.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Tcp(u16),
    Unix(PathBuf),
}

/// A client program, where it goes and as whom.
#[derive(Clone, Debug)]
pub(super) struct Program {
    client: Engine,
    arguments: Vec<String>,
    password: String,
}

impl Program {
    pub(super) fn new(client: Engine, place: &Place, user: &str, password: &str) -> Self {
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            "--batch".to_owned(),
            "--skip-column-names".to_owned(),
            format!("--user={user}"),
            "--database=appdb".to_owned(),
        ];
        arguments.extend(match client {
            // Without TLS it asks for the server's key only when told to.
            Engine::MySql => vec![
                "--ssl-mode=DISABLED".to_owned(),
                "--get-server-public-key".to_owned(),
            ],
            _ => vec!["--skip-ssl".to_owned()],
        });
        arguments.extend(match place {
            Place::Tcp(port) => vec![
                "--protocol=TCP".to_owned(),
                "--host=127.0.0.1".to_owned(),
                format!("--port={port}"),
            ],
            Place::Unix(path) => vec![format!("--socket={}", path.display())],
        });
        Self {
            client,
            arguments,
            password: password.to_owned(),
        }
    }

    /// The same with more arguments.
    pub(super) fn with(&self, arguments: &[&str]) -> Self {
        let mut more = self.clone();
        more.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        more
    }

    /// Runs these statements, given on standard input.
    pub(super) fn try_run(&self, statements: &str) -> Finished {
        let mut command = Command::new(client_program(self.client));
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MYSQL_PWD", &self.password);
        finish(&mut command, statements, PATIENCE * 4).expect("the client ends")
    }

    /// The same where failing is not an option; what it printed.
    pub(super) fn run(&self, statements: &str) -> String {
        let finished = self.try_run(statements);
        assert_eq!(finished.code, Some(0), "{self:?}: {finished:?}");
        finished.stdout
    }
}
