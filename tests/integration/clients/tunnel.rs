//! A running `wa-db tunnel`: [`Tunnel`].

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::Variables;

/// How long it may take to listen.
const LIMIT: Duration = Duration::from_secs(60);

/// A tunnel of its own process, on a port of loopback and on a Unix socket; killed when dropped.
pub(super) struct Tunnel {
    child: Child,
    port: u16,
    directory: TempDir,
    said: Arc<Mutex<String>>,
}

impl Tunnel {
    /// The name of its socket, which suits libpq as well as any other client.
    const SOCKET: &str = ".s.PGSQL.5432";

    /// Starts it with these variables alone, as webapp, and waits until it listens.
    pub(super) fn start(variables: &Variables) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join(Self::SOCKET);
        let mut child = Command::new(env!("CARGO_BIN_EXE_wa-db"))
            .args(["tunnel", "--role", "webapp", "--listen", "127.0.0.1:0"])
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&said);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        let mut tunnel = Self {
            child,
            port: 0,
            directory,
            said,
        };
        let end = Instant::now() + LIMIT;
        while tunnel.port == 0 || !tunnel.socket().exists() {
            assert!(
                Instant::now() < end,
                "it does not listen: {}",
                tunnel.said()
            );
            thread::sleep(Duration::from_millis(5));
            tunnel.port = told_port(&tunnel.said()).unwrap_or_default();
        }
        tunnel
    }

    /// Its port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its Unix socket: the host of a MySQL client.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory().join(Self::SOCKET)
    }

    /// The directory of that: the host of a PostgreSQL client, with port 5432.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Everything it logged so far.
    pub(super) fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }
}

/// The port in the line that says where it listens.
fn told_port(said: &str) -> Option<u16> {
    let line = said
        .lines()
        .find(|line| line.contains("place=127.0.0.1:"))?;
    let (_, after) = line.split_once("place=127.0.0.1:")?;
    after.split(' ').next()?.parse().ok()
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
