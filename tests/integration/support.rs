//! Running `wa-db` as its users do, and reading what it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wa_db_lab::run::finish;

/// Variables for one run; nothing else is in the environment of the process.
pub(crate) type Variables = BTreeMap<String, String>;

/// The stages, by the contract's names and in its order.
pub(crate) const STAGES: [&str; 7] = [
    "settings",
    "resolve",
    "connect",
    "tls",
    "authenticate",
    "session",
    "pool",
];

/// How one run of `wa-db` ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Outcome {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The one target of a run with one role and one host.
    pub(crate) fn target(&self) -> Value {
        let targets = self.json()["targets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert_eq!(targets.len(), 1, "one target expected: {self:?}");
        targets.into_iter().next().unwrap_or_default()
    }

    /// Exit code and the code of the error that caused it, or an empty text.
    pub(crate) fn verdict(&self) -> (i32, String) {
        let target = self.target();
        let stages = target["stages"].as_array().cloned().unwrap_or_default();
        let error = stages
            .iter()
            .find_map(|stage| stage["error"]["code"].as_str().map(str::to_owned));
        (self.code, error.unwrap_or_default())
    }
}

/// `wa-db` with these arguments, in an environment of these variables alone.
pub(crate) fn wa_db(arguments: &[&str], variables: &Variables) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wa-db"));
    command.args(arguments).env_clear().envs(variables);
    let finished =
        finish(&mut command, "", Duration::from_secs(60)).expect("wa-db must end by itself");
    Outcome {
        code: finished.code.expect("no signal ends wa-db"),
        stdout: finished.stdout,
        stderr: finished.stderr,
        took: finished.took,
    }
}

/// `wa-db check --format json` for one role.
pub(crate) fn check(role: &str, variables: &Variables) -> Outcome {
    wa_db(&["check", "--role", role, "--format", "json"], variables)
}

/// The variables with some of them set anew, or unset by an empty value.
pub(crate) fn with<const N: usize>(variables: &Variables, changes: [(&str, &str); N]) -> Variables {
    let mut changed = variables.clone();
    for (name, value) in changes {
        changed.insert(name.to_owned(), value.to_owned());
    }
    changed
}

/// A path as a variable's value.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the lab are UTF-8")
}

/// What holds up for good whoever reads the system's store from it: a pipe that nobody writes to.
pub(crate) fn unreadable_store(directory: &Path) -> PathBuf {
    let store = directory.join("store");
    let made = Command::new("mkfifo").arg(&store).status();
    assert!(made.expect("coreutils are installed").success());
    store
}

/// A port of loopback on which nobody listens, nor ever will while these tests run: it stays bound.
pub(crate) fn closed_port() -> String {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = ([127, 0, 0, 1], 0).into();
    socket.bind(any).expect("a port is free");
    let port = socket.local_addr().expect("it is bound").port();
    std::mem::forget(socket);
    port.to_string()
}
