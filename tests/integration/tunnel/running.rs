//! A running tunnel, and what it says.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Variables;

/// What a loaded machine may need for anything that takes an instant.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);

/// A tunnel in a process of its own. Dropping it ends it.
pub(crate) struct Tunnel {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Tunnel {
    /// Starts `wa-db tunnel --role webapp` in these variables alone, and waits until it listens.
    pub(crate) fn start(arguments: &[&str], variables: &Variables) -> Self {
        let listening = |log: &str| log.contains("listening");
        Self::start_until(arguments, variables, listening)
    }

    fn start_until(
        arguments: &[&str],
        variables: &Variables,
        ready: impl Fn(&str) -> bool,
    ) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wa-db"))
            .args(["tunnel", "--role", "webapp", "--verbose"])
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .expect("wa-db starts");
        let mut tunnel = Self { child, log };
        let places = arguments.iter().filter(|word| **word == "--listen").count();
        let admin = usize::from(arguments.contains(&"--admin"));
        tunnel.wait_for("it listens", |tunnel| {
            let log = tunnel.log();
            assert!(tunnel.ended().is_none(), "the tunnel has ended:\n{log}");
            let lines = log.lines().filter(|line| line.contains("listening"));
            let served = log
                .lines()
                .filter(|line| line.contains("health and metrics"));
            ready(&log) && lines.count() >= places.max(1) && served.count() >= admin
        });
        tunnel
    }

    /// The port that it listens on: the first, if there are several.
    pub(crate) fn port(&self) -> u16 {
        self.port_after("place=")
    }

    /// The port of health and metrics.
    pub(super) fn admin_port(&self) -> u16 {
        self.port_after("address=")
    }

    fn port_after(&self, word: &str) -> u16 {
        let log = self.log();
        let place = log
            .lines()
            .filter_map(|line| line.split_once(word))
            .filter_map(|(_, rest)| rest.split_whitespace().next())
            .find(|place| !place.starts_with("unix:"));
        let place = place.unwrap_or_else(|| panic!("no {word} in:\n{log}"));
        let (_, port) = place.rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    /// Everything that it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the tunnel runs");
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        self.wait_for("it ends", |tunnel| {
            status = tunnel.ended();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits until its log holds these words.
    pub(super) fn wait_for_log(&mut self, words: &str) {
        self.wait_for(words, |tunnel| tunnel.log().contains(words));
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

    /// What its admin listener answers to a path: the status and the body.
    pub(super) fn ask(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin_port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: tunnel\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split_whitespace().nth(1).unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// One value of its metrics: the first whose line begins with the name and holds the label.
    pub(super) fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let (status, body) = self.ask("/metrics");
        assert_eq!(status, 200);
        let line = body
            .lines()
            .find(|line| line.starts_with(name) && line.contains(label))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(4000);
            let text = log.get(tail..).unwrap_or(&log);
            let _ = writeln!(std::io::stderr(), "--- log of the tunnel:\n{text}");
        }
    }
}
