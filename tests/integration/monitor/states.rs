//! What `/status.json`, `/metrics`, `/readyz` and `/healthz` say of healthy, degraded and failing targets.

use rustix::process::Signal;
use serde_json::{Value, json};
use wa_db_lab::pki::{Ca, Leaf, Validity};
use wa_db_lab::server::{Engine, Server, TestServers};

use super::lab::{lab, strict, trusting};
use super::running::Monitor;
use crate::support::{STAGES, text, unreadable_store, with};

const OFTEN: [&str; 2] = ["--interval", "1s"];

#[test]
fn healthy_target_of_each_engine_is_up_at_every_stage() {
    for server in lab().all() {
        let variables = lab().variables(server.engine());
        let mut monitor = Monitor::start("both", &OFTEN, &variables);
        let status = monitor.wait_until("healthy");
        let engine = server.engine();
        assert_eq!(status["version"], 1);
        let targets = status["targets"].as_array().unwrap();
        let roles: Vec<_> = targets.iter().map(|target| &target["role"]).collect();
        assert_eq!(roles, ["webapp", "coreapp"], "{engine:?}");
        for target in targets {
            let stages = target["stages"].as_array().unwrap();
            assert_eq!(stages.len(), 7);
            assert!(
                stages.iter().all(|stage| stage["status"] == "ok"),
                "{target}"
            );
            assert_eq!(target["tls"]["verified"], true);
            assert_eq!(target["pins"], "unset");
            assert_eq!(target["chain"][0]["subject"], "CN=db.lab");
            assert_eq!(target["chain"][0]["place"], "server");
            assert_eq!(target["own_certificates"][0]["variable"], "WA_DB_SSL_CA");
            assert!(target["connect_ms"].as_f64() > Some(0.0));
        }
        assert_eq!(monitor.ask("/readyz").status, 200);
        assert_eq!(monitor.ask("/healthz").body, "ok\n");
        let labels = ["role=\"coreapp\"", "endpoint=\"127.0.0.1:"];
        assert_eq!(monitor.metric("wa_db_monitor_up", &labels), Some(1.0));
        for stage in STAGES {
            let stage = format!("stage=\"{stage}\"");
            let labels = ["role=\"webapp\"", &*stage];
            assert_eq!(monitor.metric("wa_db_monitor_stage_up", &labels), Some(1.0));
            let count = monitor.metric("wa_db_monitor_stage_seconds_count", &labels);
            assert!(count >= Some(1.0), "{engine:?} {stage}");
        }
        for certificate in ["server", "ca"] {
            let label = format!("certificate=\"{certificate}\"");
            let left = monitor.metric("wa_db_monitor_certificate_expiry_seconds", &[&label]);
            assert!(left > Some(86_400.0), "{certificate}: {left:?}");
        }
        assert_eq!(monitor.metric("wa_db_monitor_would_fail", &[]), Some(0.0));
        assert_eq!(monitor.metric("wa_db_monitor_verified", &[]), Some(1.0));
        let unset = monitor.metric("wa_db_monitor_pins", &["state=\"unset\""]);
        assert_eq!(unset, Some(1.0));
        let everything = ["/", "/metrics", "/status.json"].map(|path| monitor.ask(path).body);
        assert!(!everything.concat().contains(server.password()));
        assert!(!monitor.log().contains(server.password()));
    }
}

#[test]
fn server_that_goes_makes_it_unready_and_one_that_comes_back_ready() {
    let ca = Ca::root("wa-db lab root");
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(Engine::MariaDb, strict(&certificate));
    let variables = trusting(&server, &ca);
    let mut monitor = Monitor::start("webapp", &OFTEN, &variables);
    monitor.wait_until("healthy");
    server.stop();
    let expected = format!(
        "webapp at 127.0.0.1:{}: connect failed: connection_refused\n",
        server.port()
    );
    // A look that was under way may have failed otherwise before.
    monitor.wait_for("a refusal", |monitor| {
        monitor.ask("/readyz").body == expected
    });
    assert_eq!(monitor.ask("/readyz").status, 503);
    let status = monitor.status();
    assert_eq!(monitor.ask("/healthz").status, 200, "it lives all the same");
    let target = &status["targets"][0];
    assert_eq!(target["stages"][2]["error"]["code"], "connection_refused");
    assert_eq!(target["connect_ms"], Value::Null);
    assert!(target["failed_probes"].as_u64() >= Some(1));
    assert_eq!(monitor.metric("wa_db_monitor_up", &[]), Some(0.0));
    let connect = monitor.metric("wa_db_monitor_stage_up", &["stage=\"connect\""]);
    assert_eq!(connect, Some(0.0));
    server.resume();
    monitor.wait_until("healthy");
    assert_eq!(monitor.ask("/readyz").status, 200);
}

#[test]
fn server_that_is_down_is_audited_as_far_as_that_goes() {
    let ca = Ca::root("wa-db lab root");
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(Engine::MariaDb, strict(&certificate));
    let variables = trusting(&server, &ca);
    server.stop();
    let mut monitor = Monitor::start("webapp", &OFTEN, &variables);
    monitor.wait_for("an audit", |monitor| {
        monitor.status()["targets"][0]["audit"]["audited_at"].is_string()
    });
    let audit = &monitor.status()["targets"][0]["audit"];
    let stopped = audit["stopped"].as_str().unwrap();
    assert!(stopped.starts_with("connect: "), "{audit}");
    assert!(
        monitor
            .ask("/")
            .body
            .contains("it could not go on: connect: ")
    );
}

/// As a check does, and for as long as it runs.
#[test]
fn p08_with_a_ca_file_the_monitor_leaves_the_system_store_unread() {
    let directory = tempfile::tempdir().unwrap();
    let store = unreadable_store(directory.path());
    let variables = lab().variables(Engine::Postgres);
    let variables = with(&variables, [("SSL_CERT_FILE", text(&store))]);
    let mut monitor = Monitor::start("both", &OFTEN, &variables);
    monitor.wait_until("healthy");
    monitor.wait_for_audits();
}

#[test]
fn certificate_that_ends_soon_and_one_that_does_not_verify_are_told() {
    let ca = Ca::root("wa-db lab root");
    let soon = ca.issue(&TestServers::leaf().validity(Validity::days(5)));
    let server = Server::start(Engine::Postgres, strict(&soon));
    let client = ca.issue(&Leaf::client().cn("app").validity(Validity::days(60)));
    let directory = tempfile::tempdir().unwrap();
    let [cert, key] = ["client.pem", "client.key"].map(|name| directory.path().join(name));
    client.write_chain(&cert);
    client.write_key(&key);
    let identity = [
        ("WA_DB_SSL_CERT", text(&cert)),
        ("WA_DB_SSL_KEY", text(&key)),
    ];
    let variables = with(&trusting(&server, &ca), identity);
    let mut monitor = Monitor::start("webapp", &OFTEN, &variables);
    let status = monitor.wait_until("degraded");
    let target = &status["targets"][0];
    let ours = &target["own_certificates"][0];
    assert_eq!(ours["variable"], "WA_DB_SSL_CERT");
    assert_eq!(ours["days_left"], 60);
    let summary = target["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("a certificate expires in 5 days"),
        "{summary}"
    );
    assert_eq!(target["chain"][0]["urgency"], "now");
    assert_eq!(monitor.ask("/readyz").status, 200, "it works all the same");
    let left = monitor.metric(
        "wa_db_monitor_certificate_expiry_seconds",
        &["certificate=\"server\""],
    );
    assert!(
        left > Some(5.0 * 86_400.0) && left <= Some(5.1 * 86_400.0),
        "{left:?}"
    );
    drop(monitor);

    let unverified = with(
        &variables,
        [
            ("WA_DB_SSL_VERIFY", "off"),
            ("WA_DB_SSL_SERVER_NAME", "x.lab"),
        ],
    );
    let mut monitor = Monitor::start("webapp", &OFTEN, &unverified);
    let status = monitor.wait_until("degraded");
    assert_eq!(
        status["targets"][0]["tls"]["would_fail"],
        "hostname_mismatch"
    );
    assert_eq!(monitor.metric("wa_db_monitor_would_fail", &[]), Some(1.0));
    assert_eq!(monitor.metric("wa_db_monitor_verified", &[]), Some(0.0));
}

#[test]
fn pins_are_told_as_they_are() {
    let ours = format!("sha256/{}", lab().certificate().spki_sha256());
    let other = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (pins, state, expected) in [
        (format!("{ours};{other}"), "healthy", "matched"),
        (ours.clone(), "degraded", "no_backup"),
        (other.to_owned(), "failing", "mismatch"),
    ] {
        let variables = lab().variables(Engine::Postgres);
        let variables = with(&variables, [("WA_DB_SSL_PINS", &pins)]);
        let mut monitor = Monitor::start("coreapp", &OFTEN, &variables);
        let status = monitor.wait_until(state);
        assert_eq!(status["targets"][0]["pins"], expected);
        let label = format!("state=\"{expected}\"");
        assert_eq!(monitor.metric("wa_db_monitor_pins", &[&label]), Some(1.0));
    }
}

#[test]
fn files_are_read_anew_at_each_look() {
    let variables = lab().variables(Engine::Postgres);
    let original = variables["WA_DB_SSL_CA"].clone();
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::copy(&original, &ca_file).unwrap();
    let variables = with(&variables, [("WA_DB_SSL_CA", text(&ca_file))]);
    let mut monitor = Monitor::start("webapp", &OFTEN, &variables);
    monitor.wait_until("healthy");
    std::fs::write(&ca_file, "nothing").unwrap();
    let status = monitor.wait_until("failing");
    let settings = &status["targets"][0]["stages"][0];
    assert_eq!(settings["error"]["code"], "ca_empty");
    std::fs::copy(&original, &ca_file).unwrap();
    monitor.wait_until("healthy");
}

/// A wrong name is counted against us by the server: the looks become rarer. A hint makes one come at once.
#[test]
fn hint_by_signal_has_it_looked_at_now() {
    let ca = Ca::root("wa-db lab root");
    let wrong = ca.issue(&Leaf::server().cn("other.lab").dns("other.lab"));
    let server = Server::start(Engine::Postgres, strict(&wrong));
    let variables = trusting(&server, &ca);
    let mut monitor = Monitor::start("webapp", &["--interval", "1h"], &variables);
    monitor.wait_until("failing");
    server.present(&ca.issue(&TestServers::leaf()));
    monitor.signal(Signal::HUP);
    let status = monitor.wait_until("healthy");
    assert_eq!(status["targets"][0]["probes"], json!(2));
}

#[test]
fn finding_that_is_let_stand_counts_no_more_until_it_counts_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("suppressions.toml");
    let entry = "[[suppress]]\nid = \"link-no-pins\"\nreason = \"pinned next year\"\nuntil = \"2099-12-31\"\n";
    std::fs::write(&file, entry).unwrap();
    let variables = lab().variables(Engine::Postgres);
    let arguments = ["--interval", "1s", "--suppressions", text(&file)];
    let mut monitor = Monitor::start("webapp", &arguments, &variables);
    monitor.wait_for_audits();
    let labels = ["rule=\"link-no-pins\""];
    let found = |monitor: &Monitor| {
        let status = monitor.status();
        let findings = status["targets"][0]["audit"]["findings"]
            .as_array()
            .unwrap()
            .clone();
        findings
            .into_iter()
            .find(|one| one["id"] == "link-no-pins")
            .unwrap()
    };
    assert_eq!(
        found(&monitor)["suppressed"],
        "until 2099-12-31: pinned next year"
    );
    assert_eq!(monitor.metric("wa_db_monitor_findings", &labels), None);
    std::fs::write(&file, "").unwrap();
    monitor.wait_for("the next audit", |monitor| {
        found(monitor)["suppressed"].is_null()
    });
    assert_eq!(monitor.metric("wa_db_monitor_findings", &labels), Some(1.0));
}
