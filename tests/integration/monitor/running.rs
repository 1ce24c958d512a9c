//! A running monitor, and what it says.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::Variables;

/// What a loaded machine may need for anything that takes an instant.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// A monitor in a process of its own. Dropping it ends it.
pub(super) struct Monitor {
    child: Child,
    log: tempfile::NamedTempFile,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// Reads it off a connection that carries nothing else.
    pub(super) fn read(stream: &mut (impl Read + Write), path: &str, host: &str) -> Self {
        let mut answer = Vec::new();
        // A peer that hangs up, with or without a goodbye of TLS, has said all there is.
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split_whitespace().nth(1);
        Self {
            status: status.and_then(|status| status.parse().ok()).unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

impl Monitor {
    /// Starts `wa-db monitor` for one role in these variables alone, and waits until it serves.
    pub(super) fn start(role: &str, arguments: &[&str], variables: &Variables) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wa-db"));
        command.args(["monitor", "--role", role, "--verbose"]);
        if !arguments.contains(&"--admin") {
            command.args(["--admin", "127.0.0.1:0"]);
        }
        let child = command
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .expect("wa-db starts");
        let mut monitor = Self { child, log };
        monitor.wait_for("it serves", |monitor| {
            let log = monitor.log();
            assert!(monitor.ended().is_none(), "the monitor has ended:\n{log}");
            log.contains("the status page is at")
        });
        monitor
    }

    /// Where it serves.
    pub(super) fn address(&self) -> SocketAddr {
        let log = self.log();
        let place = log.split_once("address=").map(|(_, rest)| rest);
        let place = place.and_then(|rest| rest.split_whitespace().next());
        place.unwrap_or_default().parse().unwrap()
    }

    /// Everything that it logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the monitor runs");
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        self.wait_for("it ends", |monitor| {
            status = monitor.ended();
            status.is_some()
        });
        status.unwrap()
    }

    pub(super) fn wait_for(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(
                start.elapsed() < PATIENCE,
                "{what}: not after {PATIENCE:?}:\n{}",
                self.log()
            );
            sleep(LOOK);
        }
    }

    /// Waits until every target is in a state.
    pub(super) fn wait_until(&mut self, state: &str) -> Value {
        self.wait_for(state, |monitor| monitor.status()["state"] == state);
        self.status()
    }

    /// Waits until every target was audited once.
    pub(super) fn wait_for_audits(&mut self) {
        self.wait_for("an audit of each target", |monitor| {
            let status = monitor.status();
            let mut targets = status["targets"].as_array().unwrap().iter();
            targets.all(|target| target["audit"].is_object())
        });
    }

    /// What it answers to a path, asked for by `localhost`.
    pub(super) fn ask(&self, path: &str) -> Answer {
        self.ask_as(path, "localhost")
    }

    /// The same by another name.
    pub(super) fn ask_as(&self, path: &str, host: &str) -> Answer {
        let mut address = self.address();
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Answer::read(&mut stream, path, host)
    }

    /// `/status.json`.
    pub(super) fn status(&self) -> Value {
        serde_json::from_str(&self.ask("/status.json").body).unwrap()
    }

    /// One value of its metrics: the first whose line begins with the name and holds every label.
    pub(super) fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let body = self.ask("/metrics").body;
        let line = body.lines().find(|line| {
            line.starts_with(&format!("{name}{{"))
                && labels.iter().all(|label| line.contains(label))
        })?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(4000);
            let text = log.get(tail..).unwrap_or(&log);
            let _ = writeln!(std::io::stderr(), "--- log of the monitor:\n{text}");
        }
    }
}
