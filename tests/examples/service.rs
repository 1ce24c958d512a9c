//! An example as a process: [`Service`].

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// How long a process may take to end after it was told to: twice two seconds by its own rules, and
/// what a busy machine adds.
const END: Duration = Duration::from_secs(20);
/// How long a service may take to notice what happened to its server.
const NOTICE: Duration = Duration::from_secs(30);

/// A running example, killed if the test does not end it.
pub(crate) struct Service {
    child: Child,
    output: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start(example: &str, variables: &BTreeMap<String, String>) -> Self {
        let mut child = Command::new(program(example))
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kept = Arc::clone(&output);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        Self {
            child,
            output,
            reader: Some(reader),
        }
    }

    /// All that it has logged so far.
    pub(crate) fn said(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Where it listens, once it has said so.
    pub(crate) fn try_address(&self) -> Option<SocketAddr> {
        let said = self.said();
        let (_, after) = said.split_once("listening on ")?;
        after.lines().next()?.parse().ok()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.try_address().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n"), "")
    }

    pub(crate) fn post(&self, header: &str, form: &str) -> Answer {
        let length = form.len();
        let head = format!(
            "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{header}"
        );
        self.ask(&head, form)
    }

    pub(crate) fn write(&self, message: &str) {
        let answer = self.post("", &format!("body={message}"));
        assert_eq!(answer.status, 303, "{} {}", answer.text, self.said());
    }

    fn ask(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(NOTICE)).unwrap();
        write!(
            stream,
            "{head}Host: localhost\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut bytes = Vec::new();
        // Where the body is too long, the rest of it is cut off after the answer.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {text:?} {}", self.said()));
        Answer { status, text }
    }

    /// Asks until the answer has this status and holds this text.
    pub(crate) fn answers_in_time(&self, path: &str, status: u16, text: &str) {
        let begun = Instant::now();
        loop {
            let answer = self.get(path);
            if answer.status == status && answer.text.contains(text) {
                return;
            }
            assert!(
                begun.elapsed() < NOTICE,
                "{path}: no {status} with {text:?}, but {} {}\n{}",
                answer.status,
                answer.text,
                self.said()
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Sends it a signal, and expects exit code 0 in time. Gives back all that was logged.
    pub(crate) fn end(mut self, signal: &str) -> String {
        let begun = Instant::now();
        send(signal, self.child.id());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // Its last lines may not have been read yet.
                self.reader.take().unwrap().join().unwrap();
                assert_eq!(status.code(), Some(0), "{}", self.said());
                return self.said();
            }
            assert!(begun.elapsed() < END, "still running: {}", self.said());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a service answered, headers included.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

pub(crate) fn send(signal: &str, pid: u32) {
    let mut kill = Command::new("kill");
    let sent = kill
        .args(["-s", signal, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "cannot send {signal}");
}

pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < NOTICE, "waited in vain: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// The path of an example, built now in case only this test was asked for.
pub(crate) fn program(example: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let target = profile.parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--workspace", "--examples", "--target-dir"])
            .arg(target)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        // What cargo tells a test of its package would have build scripts run again.
        for (name, _) in std::env::vars_os() {
            let told = ["CARGO_MANIFEST_", "CARGO_PKG_"];
            if told
                .iter()
                .any(|start| name.to_string_lossy().starts_with(start))
            {
                build.env_remove(name);
            }
        }
        let built = build.output().unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        profile.join("examples")
    });
    directory.join(example)
}
