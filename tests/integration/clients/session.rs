//! One program at work: [`Session`], and its [`Run`].

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use wa_db_lab::server::{DATABASE, Engine, Server};

use super::program::Program;

/// How long a program may take for all its steps on a busy machine, and again after the restart.
const LIMIT: Duration = Duration::from_secs(150);

/// Where the tunnel lets programs in.
pub(super) struct Door {
    /// On 127.0.0.1.
    pub(super) port: u16,
    /// Named as libpq would have it for port 5432.
    pub(super) socket: PathBuf,
}

/// Which way a program takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp,
    Socket,
}

impl Place {
    pub(super) const BOTH: [Self; 2] = [Self::Tcp, Self::Socket];
}

/// A program, the way it takes, and the account it has for itself.
pub(super) struct Session {
    pub(super) program: Program,
    pub(super) place: Place,
    pub(super) account: String,
}

impl Session {
    /// Starts the program.
    pub(super) fn start(&self, server: &Server, door: &Door, rows: &Path) -> Run {
        let engine = server.engine();
        let mut command = self.program.command();
        let name = if engine == Engine::Postgres {
            "postgres"
        } else {
            "mysql"
        };
        command
            .env("ENGINE", name)
            .env("ACCOUNT", &self.account)
            .env("PASSWORD", server.password())
            .env("DATABASE", DATABASE)
            .env("TABLE", format!("of_{}", self.account))
            .env("ROWS", rows);
        match (self.place, engine) {
            (Place::Tcp, _) => command
                .env("HOST", "127.0.0.1")
                .env("PORT", door.port.to_string()),
            (Place::Socket, Engine::Postgres) => command
                .env("HOST", door.socket.parent().unwrap())
                .env("PORT", "5432"),
            (Place::Socket, _) => command.env("SOCKET", &door.socket),
        };
        let complaints = NamedTempFile::new().unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(File::create(complaints.path()).unwrap()))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (told, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        Run {
            name: format!("{:?} on {engine:?} by {:?}", self.program, self.place),
            expected: self.program.steps(engine),
            child,
            lines,
            complaints,
        }
    }
}

/// A program that runs.
pub(super) struct Run {
    name: String,
    expected: Vec<&'static str>,
    child: Child,
    lines: Receiver<String>,
    complaints: NamedTempFile,
}

impl Run {
    /// Waits until it has done all steps and holds a session.
    ///
    /// # Errors
    /// What it said, if it does not come so far.
    pub(super) fn reaches_its_hold(mut self) -> Result<Self, String> {
        let expected = std::mem::take(&mut self.expected);
        self.says(&expected)?;
        Ok(self)
    }

    /// Lets it go on after the server's restart, and waits for its end.
    ///
    /// # Errors
    /// What it said, if it does not end well.
    pub(super) fn ends_well(mut self) -> Result<(), String> {
        let mut stdin = self.child.stdin.take().unwrap();
        // A program that is gone has said why.
        let _ = stdin.write_all(b"\n");
        drop(stdin);
        self.says(&["restart"])?;
        let end = Instant::now() + LIMIT;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.failure(&status.to_string())),
                None if Instant::now() > end => return Err(self.failure("it does not end")),
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn says(&self, expected: &[&str]) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        for step in expected {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == *step => {}
                other => return Err(self.failure(&format!("{step:?} expected, {other:?} came"))),
            }
        }
        Ok(())
    }

    fn failure(&self, what: &str) -> String {
        let said = fs::read_to_string(self.complaints.path()).unwrap_or_default();
        format!("{}: {what}\n{said}", self.name)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
