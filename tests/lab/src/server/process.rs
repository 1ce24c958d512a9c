//! One run of a server program, from spawn to exit.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const POLL: Duration = Duration::from_millis(5);

/// A running server.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
    log_start: u64,
}

impl Process {
    /// Starts a program with both its outputs appended to the log.
    pub(super) fn spawn(mut command: Command, log: &Path) -> Self {
        let open = || -> File {
            let file = OpenOptions::new().create(true).append(true).open(log);
            file.expect("the log can be written")
        };
        let log_start = open().metadata().map_or(0, |metadata| metadata.len());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {}: {error}", command.get_program().display())
            });
        Self {
            child,
            log: log.to_owned(),
            log_start,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the log of this run says `words`; what it said instead, if it never does.
    pub(super) fn wait_for(&mut self, words: &str, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.child.try_wait().unwrap();
            let said = self.said();
            if said.contains(words) {
                return Ok(());
            }
            if let Some(status) = ended {
                return Err(format!("the server ended with {status}:\n{said}"));
            }
            if Instant::now() > deadline {
                return Err(format!("the server was not ready in {limit:?}:\n{said}"));
            }
            sleep(POLL);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself, which is as well.
        let _ = kill_process(pid.expect("a child has a process id"), signal);
    }

    /// Ends the server by this signal, or by force if that takes longer than `limit`.
    pub(super) fn end(mut self, signal: Signal, limit: Duration) {
        self.signal(signal);
        let deadline = Instant::now() + limit;
        while self.child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                return;
            }
            sleep(POLL);
        }
    }

    fn said(&self) -> String {
        let mut bytes = Vec::new();
        let mut log = File::open(&self.log).expect("the log can be read");
        log.seek(SeekFrom::Start(self.log_start)).unwrap();
        log.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
