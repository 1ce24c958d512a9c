//! A command that runs until it is told to end, in a process of its own: [`Service`]; and what it answers over
//! HTTP: [`Answer`].

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::DerefMut;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Variables;

/// What a loaded machine may need for anything that takes an instant.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The same where the default of `--drain` (30 s) must not have passed unnoticed.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);
/// How much of its log is shown where a test fails.
const TAIL: usize = 4000;

/// The process, and its log. Dropping it ends it.
pub(crate) struct Service {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Service {
    /// Starts `wa-db` with these words, in these variables alone, and waits until its log says that it is
    /// ready.
    pub(crate) fn start(
        words: &[&str],
        variables: &Variables,
        ready: impl Fn(&str) -> bool,
    ) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wa-db"))
            .args(words)
            .arg("--verbose")
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.reopen().unwrap())
            .spawn()
            .expect("wa-db starts");
        let mut service = Self { child, log };
        wait_for(&mut &mut service, "it is ready", |service| {
            let log = service.log();
            assert!(service.ended().is_none(), "it has ended:\n{log}");
            ready(&log)
        });
        service
    }

    /// Everything that it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for(&mut &mut *self, "it ends", |service| {
            status = service.ended();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits until its log holds these words.
    pub(crate) fn wait_for_log(&mut self, words: &str) {
        wait_for(&mut &mut *self, words, |service| {
            service.log().contains(words)
        });
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let text = log.get(log.len().saturating_sub(TAIL)..).unwrap_or(&log);
            let _ = writeln!(std::io::stderr(), "--- log of the service:\n{text}");
        }
    }
}

/// Waits until something is so of a service or of what has one.
pub(crate) fn wait_for<S: DerefMut<Target = Service>>(
    running: &mut S,
    what: &str,
    mut done: impl FnMut(&mut S) -> bool,
) {
    let start = Instant::now();
    while !done(running) {
        assert!(
            start.elapsed() < PATIENCE,
            "{what}: not after {PATIENCE:?}:\n{}",
            running.log()
        );
        sleep(LOOK);
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Asks for a path, by the name of a host.
    pub(crate) fn of(address: SocketAddr, path: &str, host: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::read(&mut stream, path, host)
    }

    /// The same over a connection that carries nothing else.
    pub(crate) fn read(stream: &mut (impl Read + Write), path: &str, host: &str) -> Self {
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
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    /// One value of metrics: the first whose line begins so and holds every label.
    pub(crate) fn metric(&self, beginning: &str, labels: &[&str]) -> Option<f64> {
        assert_eq!(self.status, 200, "{}", self.head);
        let line = self.body.lines().find(|line| {
            line.starts_with(beginning) && labels.iter().all(|label| line.contains(label))
        })?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}
