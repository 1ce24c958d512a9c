//! What a monitor costs its servers: few sessions, each with a login and a goodbye.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wa_db_lab::server::{Engine, Server, TestServers};

use super::running::Monitor;
use crate::support::{text, wa_db, with};

/// So many looks are watched.
const LOOKS: u64 = 3;
/// The pause between two of them, less the jitter that could bring them together.
const LEAST_PAUSE: Duration = Duration::from_millis(800);

/// What a server has counted, by its own name for it.
fn counts(server: &Server) -> BTreeMap<String, u64> {
    let asked = match server.engine() {
        Engine::Postgres => {
            "SELECT 'sessions ' || sum(sessions) || E'\\nlost ' || sum(sessions_abandoned) + sum(sessions_fatal) + sum(sessions_killed) FROM pg_stat_database"
        }
        _ => {
            "SHOW GLOBAL STATUS WHERE Variable_name IN ('Connections', 'Aborted_connects', 'Aborted_clients') OR Variable_name LIKE 'Connection_errors_%'"
        }
    };
    let answer = server.sql(asked);
    let lines = answer.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    });
    lines.collect()
}

/// The status variable that counts logins that came to nothing, refused ones among them.
const ABORTED: &str = "Aborted_connects";

/// How many sessions there were, and how many of them the server holds against somebody.
fn grown(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> (u64, u64) {
    let (mut sessions, mut held) = (0, 0);
    for (name, count) in after {
        let more = count - before.get(name).copied().unwrap_or(0);
        if matches!(name.as_str(), "sessions" | "Connections") {
            sessions += more;
        } else {
            held += more;
        }
    }
    (sessions, held)
}

#[test]
fn each_look_is_one_or_two_sessions_with_a_goodbye() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        let engine = server.engine();
        let variables = with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
        let mut monitor = Monitor::start("webapp", &["--interval", "2s"], &variables);
        monitor.wait_for_audits();
        assert_eq!(monitor.ask("/readyz").status, 200);
        let looks = |monitor: &Monitor| monitor.status()["targets"][0]["probes"].as_u64().unwrap();
        let audited =
            |monitor: &Monitor| monitor.status()["targets"][0]["audit"]["audited_at"].clone();
        let (before, first, audit) = (counts(server), looks(&monitor), audited(&monitor));
        let start = Instant::now();
        monitor.wait_for("some looks", |monitor| looks(monitor) >= first + LOOKS);
        let took = start.elapsed();
        // It ends between two looks, after a look that is under way.
        let last = looks(&monitor);
        assert_eq!(audited(&monitor), audit, "an audit came in between");
        monitor.signal(rustix::process::Signal::TERM);
        assert!(monitor.wait().success());
        // PostgreSQL counts a session a moment after it has ended.
        sleep(Duration::from_secs(1));
        let (sessions, held) = grown(&before, &counts(server));
        let looked = last - first;
        let (per_look, own) = match engine {
            Engine::Postgres => (2, 1),
            _ => (1, 1),
        };
        // The first of them may have been under way.
        let shortest = LEAST_PAUSE * u32::try_from(looked - 1).unwrap();
        assert!(took >= shortest, "{engine:?}: {looked} looks in {took:?}");
        // One look may have begun before, and one after the last was counted.
        let most = (looked + 2) * per_look + own;
        assert!(
            sessions >= looked * per_look && sessions <= most,
            "{engine:?}: {sessions} sessions for {looked} looks"
        );
        assert_eq!(held, 0, "{engine:?}: {:?}", counts(server));
    }
}

/// How many more connects are held against somebody, by what they are counted as.
fn held(before: &BTreeMap<String, u64>, server: &Server) -> BTreeMap<String, u64> {
    let mut held = counts(server);
    held.remove("Connections");
    for (name, count) in &mut held {
        *count -= before.get(name).copied().unwrap_or(0);
    }
    held.retain(|_, more| *more > 0);
    held
}

/// An audit tries a login without TLS by a name that nobody has: no server holds anything else against whoever
/// audits it, and the probes of a monitor add nothing.
#[test]
fn an_audit_costs_a_mysql_server_one_refused_login_and_nothing_else() {
    // Those of others may still count what a test that has ended left behind.
    let servers = TestServers::start();
    let mysqls = servers.all().iter();
    for server in mysqls.filter(|server| server.engine() != Engine::Postgres) {
        let engine = server.engine();
        let variables = with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
        let modern = with(&variables, [("WA_DB_SECURITY_LEVEL", "MODERN")]);
        let most = BTreeMap::from([(ABORTED.to_owned(), 1)]);
        for variables in [&variables, &modern] {
            let before = counts(server);
            let arguments = ["audit", "--role", "webapp", "--fail-on", "critical"];
            let audit = wa_db(&arguments, variables);
            assert_eq!(audit.code, 0, "{audit:?}");
            assert_eq!(held(&before, server), most, "{engine:?}");
            // A check breaks off one handshake, and says goodbye on what it logs in on.
            let before = counts(server);
            let check = wa_db(&["check", "--role", "webapp"], variables);
            assert_eq!(check.code, 0, "{check:?}");
            assert_eq!(held(&before, server).get("Aborted_clients"), None);
        }
        let before = counts(server);
        let mut monitor = Monitor::start("webapp", &["--interval", "2s"], &variables);
        monitor.wait_for_audits();
        monitor.signal(rustix::process::Signal::TERM);
        assert!(monitor.wait().success());
        assert_eq!(held(&before, server), most, "{engine:?}");
    }
}

/// An account that is locked after so many refused logins is not locked by audits.
#[test]
fn audit_waits_while_logins_are_refused_and_comes_once_they_are_not() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        let engine = server.engine();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        let write = |password: &str| {
            fs::write(&file, password).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("wrong");
        let changes = [
            ("WA_DB_SSL_CA", text(servers.ca_file())),
            ("WA_DB_PASSWORD", ""),
            ("WA_DB_PASSWORD_FILE", text(&file)),
        ];
        let variables = with(&server.env(), changes);
        let before = counts(server);
        let mut monitor = Monitor::start("webapp", &["--interval", "1s"], &variables);
        monitor.wait_for_audits();
        let status = monitor.wait_until("failing");
        let audit = &status["targets"][0]["audit"];
        let why =
            "it waits for a probe that gets through the login; the newest failed at authenticate";
        assert_eq!(audit["stopped"], why, "{engine:?}");
        assert!(audit["audited_at"].is_null(), "{audit}");
        assert_eq!(audit["findings"], serde_json::json!([]));
        assert!(
            monitor
                .log()
                .contains("stage=authenticate code=authentication_failed"),
            "{}",
            monitor.log()
        );
        let refused = held(&before, server).remove(ABORTED).unwrap_or(0);
        let looks = monitor.status()["targets"][0]["probes"].as_u64().unwrap();
        // One may be under way.
        assert!(refused <= looks + 1, "{refused} refused in {looks} looks");

        write(server.password());
        monitor.signal(rustix::process::Signal::HUP);
        monitor.wait_for("the audit that was put off", |monitor| {
            let audit = &monitor.status()["targets"][0]["audit"];
            audit["stopped"].is_null() && !audit["findings"].as_array().unwrap().is_empty()
        });
        monitor.signal(rustix::process::Signal::TERM);
        assert!(monitor.wait().success());
    }
}
