//! Meeting a server at every depth, and what must hold however it ends.

use std::error::Error;
use std::fmt::{self, Debug};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use wa_db::connect::{ConnectError, MySqlConnector, PostgresConnector};
use wa_db::endpoint::Engine;
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::fake::FAKE_PASSWORD;
use wa_db_lab::run::finish;

use crate::support::Variables;
use crate::verdict::at_wire_depth;

/// No run may take longer; a run that does is killed and fails.
const LIMIT: Duration = Duration::from_secs(30);

/// Who meets the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// `wa-db check --format json`, a process of its own.
    Check,
    /// One connection of the library's connector, in this process.
    Library,
    /// The same by our own dialer, for a policy that asks for more than the drivers' TLS can say.
    Wire,
}

impl Depth {
    pub(super) const ALL: [Self; 3] = [Self::Check, Self::Library, Self::Wire];

    /// Meets the server that the variables name, as the role webapp.
    pub(super) fn meet(self, variables: &Variables) -> Met {
        let met = match self {
            Self::Check => check(variables),
            Self::Library => connect(variables),
            Self::Wire => connect(&at_wire_depth(variables)),
        };
        met.assert_sound();
        met
    }
}

/// How it ended.
pub(super) struct Met {
    /// The exit code; for the library the one that belongs to the stage.
    pub(super) exit: i32,
    /// The stage that failed; empty if none did.
    pub(super) stage: String,
    /// The error's code; empty if there is none.
    pub(super) code: String,
    /// How long the stage that failed took by its own account, with those that share its deadline;
    /// for the library, all of it.
    pub(super) waited: Duration,
    /// From start to end.
    pub(super) took: Duration,
    /// The most memory that was resident, in KiB; 0 for the library.
    pub(super) peak: u64,
    /// Everything that was printed, or could be: the error with all its sources.
    pub(super) printed: String,
    /// What `check` reported of the target.
    pub(super) report: Value,
}

impl Debug for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the report, which stands in what was printed.
        f.debug_struct("Met")
            .field("exit", &self.exit)
            .field("stage", &self.stage)
            .field("code", &self.code)
            .field("waited", &self.waited)
            .field("took", &self.took)
            .field("peak", &self.peak)
            .finish_non_exhaustive()?;
        write!(f, "\n{}", self.printed)
    }
}

impl Met {
    /// Fails the test unless it ended at this stage with this code.
    pub(super) fn assert_failed(&self, stage: &str, code: &str, case: &dyn Debug) {
        assert_eq!(
            (self.stage.as_str(), self.code.as_str()),
            (stage, code),
            "{case:?}: {self:?}"
        );
    }

    pub(super) fn assert_passed(&self, case: &dyn Debug) {
        assert_eq!(self.exit, 0, "{case:?}: {self:?}");
    }

    /// What holds for every run, whatever the server does: no panic, no internal error, no secret
    /// shown, nothing that a terminal would act on.
    fn assert_sound(&self) {
        assert!(
            self.exit == 0 || self.exit >= 10,
            "internal error: {self:?}"
        );
        assert_printable(&self.printed);
        assert!(
            !self.printed.contains(FAKE_PASSWORD),
            "the password is shown: {self:?}"
        );
        for words in ["panicked", "internal error"] {
            assert!(!self.printed.contains(words), "{self:?}");
        }
    }
}

/// Fails the test if a terminal would act on the text.
pub(super) fn assert_printable(text: &str) {
    let steers = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let found: Vec<char> = text
        .chars()
        .filter(|character| steers(*character))
        .collect();
    assert!(found.is_empty(), "{found:?} in {text:?}");
}

/// `wa-db check --format json` in these variables alone, watched while it runs.
fn check(variables: &Variables) -> Met {
    let [stdout, stderr] = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_wa-db"));
    command
        .args(["check", "--role", "webapp", "--format", "json"])
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(stdout.reopen().unwrap())
        .stderr(stderr.reopen().unwrap());
    let started = Instant::now();
    let mut child = command.spawn().expect("wa-db starts");
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("wa-db was not done after {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let took = started.elapsed();
    let [stdout, stderr] = [stdout, stderr].map(|file| fs::read_to_string(file.path()).unwrap());
    let report: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    let target = report["targets"][0].clone();
    let stages = target["stages"].as_array().cloned().unwrap_or_default();
    let failed = stages
        .iter()
        .find(|stage| stage["status"] == "failed")
        .cloned()
        .unwrap_or_default();
    // Up to TLS, the stages share one deadline; with PostgreSQL the login is on the same connection.
    let shared: &[&str] = match target["engine"].as_str() {
        Some("postgres") => &["resolve", "connect", "tls", "authenticate"],
        _ => &["resolve", "connect", "tls"],
    };
    let together = shared.iter().any(|stage| failed["stage"] == *stage);
    let waited: f64 = stages
        .iter()
        .filter(|stage| {
            stage["stage"] == failed["stage"]
                || (together && shared.iter().any(|name| stage["stage"] == *name))
        })
        .filter_map(|stage| stage["elapsed_ms"].as_f64())
        .sum();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Met {
        exit: status.code().expect("no signal ends wa-db"),
        stage: word(&failed["stage"]),
        code: word(&failed["error"]["code"]),
        waited: Duration::from_secs_f64(waited / 1000.0),
        took,
        peak,
        printed: stdout + &stderr,
        report: target,
    }
}

/// The most memory that was ever resident in a running `wa-db`, in KiB.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    if status.starts_with("Name:\twa-db\n") {
        peak_of(&status)
    } else {
        // Not started yet: this is still a copy of the test's own process.
        0
    }
}

/// `VmHWM` of proc(5), in KiB.
fn peak_of(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .and_then(|size| size.trim().parse().ok())
        .unwrap_or_default()
}

/// Tells a test that it runs as the child of [`connect_apart`].
const CHILD: &str = "CONNECT_IN_A_PROCESS_OF_ITS_OWN";
/// Goes before what the child reports, beside what the test harness prints.
const REPORT: &str = "child met:";

/// Whether this process is the child.
pub(super) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The library's connection, made by the test of this name in a process of its own.
pub(super) fn connect_apart(test: &str, variables: &Variables) -> Met {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .envs(variables)
        .env(CHILD, "1");
    let finished = finish(&mut command, "", LIMIT).expect("the child must end by itself");
    let words: Vec<&str> = finished
        .stdout
        .lines()
        .find_map(|line| Some(line.split_once(REPORT)?.1.split_whitespace().collect()))
        .unwrap_or_else(|| panic!("the child reports nothing: {finished:?}"));
    let [exit, peak, stage, code] = words[..] else {
        panic!("the child did not fail: {finished:?}");
    };
    Met {
        exit: exit.parse().unwrap(),
        stage: stage.to_owned(),
        code: code.to_owned(),
        waited: finished.took,
        took: finished.took,
        peak: peak.parse().unwrap(),
        printed: finished.stdout,
        report: Value::Null,
    }
}

/// What the child does: connects as its environment says, and reports.
pub(super) fn connect_as_child() {
    let variables: Variables = std::env::vars()
        .filter(|(name, _)| name.starts_with("WA_DB_"))
        .collect();
    let met = Depth::Library.meet(&variables);
    let peak = peak_of(&fs::read_to_string("/proc/self/status").unwrap());
    let report = format!(
        "\n{REPORT} {} {peak} {} {}\n",
        met.exit, met.stage, met.code
    );
    std::io::stdout().write_all(report.as_bytes()).unwrap();
}

fn connect(variables: &Variables) -> Met {
    let environment = Environment::from_pairs(variables.clone());
    let settings = Settings::from_environment(Role::Webapp, &environment)
        .expect("the stand's settings are right");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Reading the files, or the system's store, is not part of a connection.
    let connector = Connector::new(&settings);
    let started = Instant::now();
    let outcome = runtime
        .block_on(async { tokio::time::timeout(LIMIT, connector.connect()).await })
        .expect("a connector ends by itself");
    let took = started.elapsed();
    let met = Met {
        exit: 0,
        stage: String::new(),
        code: String::new(),
        waited: took,
        took,
        peak: 0,
        printed: String::new(),
        report: Value::Null,
    };
    match outcome {
        Ok(()) => met,
        Err(error) => Met {
            exit: error.stage().exit_code().into(),
            stage: error.stage().to_string(),
            code: error.code().to_string(),
            printed: everything(&error),
            ..met
        },
    }
}

enum Connector {
    Postgres(PostgresConnector),
    MySql(MySqlConnector),
}

impl Connector {
    fn new(settings: &Settings) -> Self {
        match settings.engine() {
            Engine::Postgres => PostgresConnector::new(settings).map(Self::Postgres),
            Engine::MySql => MySqlConnector::new(settings).map(Self::MySql),
        }
        .expect("the stand's files are right")
    }

    /// Makes a connection and says goodbye.
    async fn connect(&self) -> Result<(), ConnectError> {
        match self {
            Self::Postgres(connector) => {
                let connection = connector.connect().await?;
                drop(connection.client);
                let _ = connection.task.await;
            }
            Self::MySql(connector) => {
                let _ = connector.connect().await?.conn.disconnect().await;
            }
        }
        Ok(())
    }
}

/// The error, its hint and all its sources, as a program's last words would have them.
fn everything(error: &ConnectError) -> String {
    let mut words = format!("{error}\n{}\n{error:?}", error.hint());
    for attempt in error.attempts() {
        let mut next: Option<&dyn Error> = Some(&attempt.failure);
        while let Some(current) = next {
            words.push('\n');
            words.push_str(&current.to_string());
            next = current.source();
        }
    }
    words
}
