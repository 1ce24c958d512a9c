//! `--wait` and `--timeout`.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wa_db_lab::fake::{Fault, PostgresScript, Proxy, SilentListener, Stage, Unreachable};
use wa_db_lab::server::{Engine, TestServers};

use super::lab::{Fake, trusted};
use crate::support::{Outcome, Variables, closed_port, wa_db, with};

fn check(flags: &[&str], variables: &Variables) -> Outcome {
    let check = ["check", "--role", "webapp", "--format", "json"];
    wa_db(&[&check, flags].concat(), variables)
}

/// A check that waits, with `mend` done once it has said that it tries again.
fn waiting(variables: &Variables, mend: impl FnOnce()) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| directory.path().join(name));
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wa-db"))
        .args(["check", "--role", "webapp", "--format", "json"])
        .args(["--wait", "60s"])
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let said = |path| fs::read_to_string(path).unwrap();
    while !said(&stderr).contains("trying again") {
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none() && begun.elapsed() < Duration::from_secs(50),
            "{ended:?} {}",
            said(&stderr)
        );
        thread::sleep(Duration::from_millis(10));
    }
    mend();
    let status = child.wait().unwrap();
    Outcome {
        code: status.code().unwrap(),
        stdout: said(&stdout),
        stderr: said(&stderr),
        took: begun.elapsed(),
    }
}

#[test]
fn server_that_comes_up_late_passes_under_wait() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let server = servers.of(engine);
        let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
        proxy.refuse(true).unwrap();
        let port = proxy.port().to_string();
        let variables = with(&trusted(&servers, engine), [("WA_DB_PORT", &*port)]);
        assert_eq!(
            check(&[], &variables).verdict(),
            (12, "connection_refused".into())
        );
        let outcome = waiting(&variables, || proxy.refuse(false).unwrap());
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:#?}");
    }
}

#[test]
fn password_that_is_set_late_passes_under_wait() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    server.sql("DROP ROLE IF EXISTS late; CREATE ROLE late LOGIN");
    let account = [("WA_DB_USERNAME", "late"), ("WA_DB_PASSWORD", "late-word")];
    let variables = with(&trusted(&servers, Engine::Postgres), account);
    let outcome = waiting(&variables, || {
        server.sql("ALTER ROLE late PASSWORD 'late-word'");
    });
    assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:#?}");
}

#[test]
fn database_that_is_made_late_passes_under_wait() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let server = servers.of(engine);
        server.sql("DROP DATABASE IF EXISTS made_late");
        if engine != Engine::Postgres {
            server.sql("GRANT ALL ON made_late.* TO 'app'@'%'");
        }
        let variables = with(&trusted(&servers, engine), [("WA_DB_NAME", "made_late")]);
        let outcome = waiting(&variables, || {
            server.sql("CREATE DATABASE made_late");
        });
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:#?}");
    }
}

#[test]
fn wait_ends_at_its_deadline_with_the_failure_of_the_last_attempt() {
    let variables = with(
        &Fake::start(PostgresScript::Honest).variables,
        [("WA_DB_PORT", &*closed_port()), ("WA_DB_SSL_CA", "")],
    );
    let outcome = check(&["--wait", "3s"], &variables);
    let told: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let (reason, left) = told[0].rsplit_once(" for up to ").unwrap();
    assert!(reason.ends_with("connection_refused in stage connect; trying again"));
    // What is left of the 3 s after the first attempt.
    let left: f64 = left.trim_end_matches(" s").parse().unwrap();
    assert!((0.1..=3.0).contains(&left), "{left}");
    assert!(told[1].contains("gave up after ") && told[1].ends_with(" attempts"));
    assert_eq!(outcome.verdict(), (12, "connection_refused".into()));
    bounded(&outcome, 3000);
}

#[test]
fn wait_bounds_its_retries_also_where_one_of_them_hangs() {
    // The name does not answer at all: each attempt would take the whole of its own deadline.
    let listener = Unreachable::start().unwrap();
    let pairs = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &*listener.port().to_string()),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_CONNECT_TIMEOUT", "2s"),
    ];
    let variables = with(&Variables::new(), pairs);
    let outcome = check(&["--wait", "4s"], &variables);
    assert_eq!(outcome.verdict(), (12, "timeout".into()), "{outcome:#?}");
    bounded(&outcome, 2000);
    // The indicator is for terminals; the reason is told once, and then the end.
    let told: Vec<_> = outcome.stderr.lines().collect();
    assert!(
        told.len() == 2 && told[0].contains("timeout in stage connect"),
        "{told:?}"
    );
    assert!(
        told[1].ends_with(", 2 attempts") && !outcome.stderr.contains('\r'),
        "{told:?}"
    );
}

#[test]
fn faults_of_settings_tls_and_pool_are_never_waited_for() {
    let servers = TestServers::shared();
    let trusted = trusted(&servers, Engine::Postgres);
    for (changes, code) in [
        ([("WA_DB_PORT", "http"), ("WA_DB_NAME", "")], 10),
        ([("WA_DB_SSL_CA", "/missing.pem"), ("WA_DB_NAME", "")], 10),
        (
            [("WA_DB_SSL_SERVER_NAME", "other.lab"), ("WA_DB_NAME", "")],
            13,
        ),
        ([("WA_DB_SSL_CA", ""), ("WA_DB_NAME", "")], 13),
    ] {
        let outcome = check(&["--wait", "20s"], &with(&trusted, changes));
        assert_eq!(outcome.code, code, "{outcome:#?}");
        assert!(!outcome.stderr.contains("trying again"), "{outcome:#?}");
        bounded(&outcome, 0);
    }
}

#[test]
fn timeout_bounds_one_target_wherever_it_hangs() {
    for at in [
        Stage::Accepted,
        Stage::Answered,
        Stage::Hello,
        Stage::Secured,
        Stage::Login,
        Stage::LoggedIn,
        Stage::Ready,
    ] {
        let fault = Fault::Silence;
        let fake = Fake::start(PostgresScript::Break { at, fault });
        let outcome = check(&["--timeout", "1500ms"], &fake.variables);
        let (code, error) = outcome.verdict();
        assert_eq!(error, "timeout", "{at:?}: {outcome:#?}");
        assert!((13..=15).contains(&code), "{at:?}: {code}");
        let stages = outcome.target()["stages"].as_array().unwrap().clone();
        let failed = stages
            .iter()
            .find(|stage| stage["status"] == "failed")
            .unwrap();
        let message = failed["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("--timeout") && message.contains("WA_DB_"),
            "{message}"
        );
        bounded(&outcome, 1500);
    }
}

#[test]
fn timeout_counts_for_each_target_by_itself() {
    let listener = SilentListener::start().unwrap();
    let port = listener.port().to_string();
    let pairs = [
        ("WA_DB_ENGINE", "MYSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1,localhost"),
        ("WA_DB_PORT", &*port),
        ("WA_DB_USERNAME", "app"),
    ];
    let variables = with(&Variables::new(), pairs);
    let outcome = check(&["--timeout", "1500ms"], &variables);
    assert_eq!(outcome.code, 13, "{outcome:#?}");
    assert_eq!(outcome.json()["targets"].as_array().unwrap().len(), 2);
    bounded(&outcome, 3000);
}

#[test]
fn connect_timeout_counts_in_every_spelling() {
    let listener = Unreachable::start().unwrap();
    let port = listener.port().to_string();
    for (written, least) in [("1", 1000), ("250ms", 250), ("1s", 1000)] {
        let pairs = [
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &*port),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_CONNECT_TIMEOUT", written),
        ];
        let outcome = check(&[], &with(&Variables::new(), pairs));
        assert_eq!(outcome.verdict(), (12, "timeout".into()), "{outcome:#?}");
        bounded(&outcome, least);
    }
}

/// Fails the test unless the run took this many milliseconds, and not so many more that another
/// deadline must have ended it: the next one is that of a connection, ten seconds.
fn bounded(outcome: &Outcome, least: u64) {
    let took = outcome.took;
    let range = Duration::from_millis(least)..Duration::from_millis(least + 7000);
    assert!(
        range.contains(&took),
        "{took:?} is not in {range:?}: {outcome:#?}"
    );
}
