//! The one JSON object: every field, on every server, when all is well and when not.

use serde_json::Value;
use wa_db_lab::fake::{Persona, PostgresScript};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, TestServers};

use super::lab::{Fake, Files, trusted};
use crate::support::{Outcome, STAGES, Variables, check, wa_db, with};

#[test]
fn every_field_is_told_of_every_server() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let variables = trusted(&servers, server.engine());
        let outcome = check("webapp", &variables);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        assert_eq!(outcome.stderr, "", "stderr is for people");
        let report = outcome.json();
        assert_eq!(keys(&report), ["exit_code", "ok", "targets", "version"]);
        assert_eq!(
            (&report["version"], &report["ok"]),
            (&1.into(), &true.into())
        );
        assert_eq!(report["exit_code"], 0);
        let target = outcome.target();
        let names = [
            "endpoint", "engine", "ok", "pool", "role", "server", "stages", "tls",
        ];
        assert_eq!(keys(&target), names);
        assert_eq!(
            (&target["role"], &target["ok"]),
            (&"webapp".into(), &true.into())
        );
        let engine = match server.engine() {
            Engine::Postgres => "postgres",
            Engine::MariaDb | Engine::MySql => "mysql",
        };
        assert_eq!(target["engine"], engine);
        assert_eq!(target["endpoint"], format!("127.0.0.1:{}", server.port()));
        stages_passed(&target);
        session_told(&target, server);
        tls_told(&target, &servers);
        assert_eq!(
            target["tls"]["channel_bound"],
            server.engine() == Engine::Postgres
        );
        assert_eq!(keys(&target["pool"]), ["elapsed_ms", "opened"]);
        assert_eq!(target["pool"]["opened"], 1);
        milliseconds(&target["pool"]["elapsed_ms"], &outcome);
    }
}

fn stages_passed(target: &Value) {
    let stages = target["stages"].as_array().unwrap();
    assert!(
        stages.iter().map(|stage| &stage["stage"]).eq(STAGES),
        "{target:#}"
    );
    for stage in stages {
        let names = ["detail", "elapsed_ms", "stage", "status", "warnings"];
        assert_eq!(keys(stage), names, "an error only where a stage failed");
        assert_eq!(stage["status"], "ok", "{stage:#}");
        assert!(stage["elapsed_ms"].is_f64(), "{stage:#}");
        assert!(stage["detail"].is_string());
        assert_eq!(stage["warnings"], Value::Array(Vec::new()));
    }
}

fn session_told(target: &Value, server: &Server) {
    let told = &target["server"];
    assert_eq!(keys(told), ["encrypted", "read_only", "version"]);
    assert_eq!(
        (&told["encrypted"], &told["read_only"]),
        (&true.into(), &false.into())
    );
    let product = match server.engine() {
        Engine::Postgres => "PostgreSQL",
        Engine::MariaDb => "MariaDB",
        Engine::MySql => "MySQL",
    };
    let version = told["version"].as_str().unwrap();
    let number = version
        .strip_prefix(product)
        .and_then(|rest| rest.strip_prefix(' '));
    let number = number.unwrap_or_else(|| panic!("{version} is not of {product}"));
    assert!(
        number.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
    let own = server.version();
    assert!(
        number.starts_with(own) || own.starts_with(number),
        "{version}, {own}"
    );
}

fn tls_told(target: &Value, servers: &TestServers) {
    let tls = &target["tls"];
    let names = [
        "certificate",
        "chain",
        "channel_bound",
        "cipher",
        "protocol",
        "verified",
        "would_fail",
    ];
    assert_eq!(keys(tls), names);
    assert_eq!(tls["protocol"], "TLSv1.3");
    assert!(
        tls["cipher"].as_str().unwrap().starts_with("TLS_"),
        "{tls:#}"
    );
    assert_eq!(
        (&tls["verified"], &tls["would_fail"]),
        (&true.into(), &Value::Null)
    );
    let leaf = &tls["certificate"];
    let names = [
        "days_left",
        "issuer",
        "key",
        "names",
        "not_after",
        "not_before",
        "signature",
        "spki_sha256",
        "subject",
    ];
    assert_eq!(keys(leaf), names);
    assert_eq!(
        (&leaf["subject"], &leaf["issuer"]),
        (&"CN=db.lab".into(), &"CN=wa-db lab root".into())
    );
    let names = ["DNS:db.lab", "DNS:localhost", "IP:127.0.0.1", "IP:::1"];
    assert_eq!(leaf["names"], Value::from(names.to_vec()));
    assert_eq!(leaf["days_left"], 90);
    for time in ["not_before", "not_after"] {
        let text = leaf[time].as_str().unwrap();
        assert!(
            text.len() == 20 && text.ends_with('Z') && text.contains('T'),
            "{text}"
        );
    }
    assert_eq!(leaf["key"], "EC P-256");
    assert_eq!(leaf["signature"], "ecdsa-with-SHA256");
    assert_eq!(leaf["spki_sha256"], servers.certificate().spki_sha256());
    let chain = tls["chain"].as_array().unwrap();
    assert_eq!(&chain[0], leaf, "the chain begins with the leaf");
}

#[test]
fn channel_binding_may_be_required_of_postgres() {
    let servers = TestServers::shared();
    for mode in ["prefer", "require"] {
        let variables = trusted(&servers, Engine::Postgres);
        let outcome = check(
            "coreapp",
            &with(&variables, [("WA_DB_CHANNEL_BINDING", mode)]),
        );
        assert_eq!(
            outcome.verdict(),
            (0, String::new()),
            "{mode}: {outcome:#?}"
        );
        assert_eq!(outcome.target()["tls"]["channel_bound"], true, "{mode}");
    }
}

#[test]
fn pool_opens_as_many_connections_as_asked_for() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let small = [("WA_DB_POOL_MAX_SIZE", "6")];
        let variables = with(&trusted(&servers, server.engine()), small);
        for (asked, opened) in [("4", 4), ("max", 6)] {
            let outcome = checked(&["--connections", asked], &variables);
            assert_eq!(outcome.code, 0, "{outcome:#?}");
            assert_eq!(outcome.target()["pool"]["opened"], opened, "{asked}");
        }
    }
}

#[test]
fn pool_that_meets_a_limit_says_how_far_it_came_and_what_to_change() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    server.sql(&format!(
        "DROP ROLE IF EXISTS limited;
         CREATE ROLE limited LOGIN PASSWORD '{}' CONNECTION LIMIT 3",
        server.password()
    ));
    let account = [("WA_DB_USERNAME", "limited"), ("WA_DB_POOL_MAX_SIZE", "6")];
    let variables = with(&trusted(&servers, Engine::Postgres), account);
    let check = || checked(&["--connections", "max"], &variables);
    let opened = |outcome: &Outcome| outcome.target()["pool"]["opened"].clone();
    // Now and then the server still counts a session that has just ended, or a login under way.
    let mut outcome = check();
    for _ in 0..4 {
        if opened(&outcome) != 3 {
            outcome = check();
        }
    }
    assert_eq!(outcome.verdict(), (16, "server_error".into()));
    let target = outcome.target();
    assert_eq!(target["pool"]["opened"], 3, "{target:#}");
    let error = &target["stages"][6]["error"];
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("3 of 6 connections opened, then ")
            && message.contains("too many connections"),
        "{message}"
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains("WA_DB_POOL_MAX_SIZE or --connections"),
        "{hint}"
    );
}

#[test]
fn failed_stage_has_an_error_and_those_after_it_are_skipped() {
    let servers = TestServers::shared();
    let other_name = [("WA_DB_SSL_SERVER_NAME", "other.lab")];
    for server in servers.all() {
        let variables = with(&trusted(&servers, server.engine()), other_name);
        let outcome = check("webapp", &variables);
        let target = outcome.target();
        assert_eq!((outcome.code, &target["ok"]), (13, &false.into()));
        let stages = target["stages"].as_array().unwrap();
        assert!(stages.iter().map(|stage| &stage["stage"]).eq(STAGES));
        let expected = ["ok", "ok", "ok", "failed", "skipped", "skipped", "skipped"];
        assert!(
            stages.iter().map(|stage| &stage["status"]).eq(expected),
            "{target:#}"
        );
        for stage in stages {
            assert_eq!(stage.get("error").is_some(), stage["status"] == "failed");
        }
        let error = &stages[3]["error"];
        assert_eq!(keys(error), ["code", "hint", "message"]);
        assert_eq!(error["code"], "hostname_mismatch");
        assert!(
            error["message"].as_str().unwrap().contains("other.lab"),
            "{error:#}"
        );
        // The certificate that was refused is shown.
        let leaf = &target["tls"]["certificate"];
        assert_eq!(leaf["spki_sha256"], servers.certificate().spki_sha256());
        assert_eq!(target["tls"]["verified"], false);
        assert_eq!(
            (&target["server"], &target["pool"]),
            (&Value::Null, &Value::Null)
        );
    }
}

#[test]
fn settings_without_verdict_still_name_role_and_stage() {
    let outcome = wa_db(&["check", "--format", "json"], &Variables::new());
    assert_eq!(outcome.code, 10);
    let report = outcome.json();
    for (target, role) in report["targets"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["webapp", "coreapp"])
    {
        assert_eq!(target["role"], role);
        assert_eq!(target["stages"][0]["error"]["code"], "variable_missing");
        assert!(target["stages"][0]["elapsed_ms"].is_f64());
    }
}

#[test]
fn chain_ends_at_the_trusted_root_where_it_was_verified_and_is_what_was_sent_where_not() {
    let root = Ca::root("root");
    let leaf = root.intermediate("middle").issue(&TestServers::leaf());
    let persona = Persona::healthy_postgres();
    let fake = Fake::with_identity(&root, &leaf, persona, PostgresScript::Honest);
    let subjects = |variables: &Variables| {
        let target = check("webapp", variables).target();
        let chain = target["tls"]["chain"].as_array().unwrap().clone();
        let subject = |one: &Value| one["subject"].as_str().unwrap().to_owned();
        chain.iter().map(subject).collect::<Vec<_>>()
    };
    assert_eq!(
        subjects(&fake.variables),
        ["CN=db.lab", "CN=middle", "CN=root"]
    );
    let files = Files::new();
    let other = files.public("ca.pem", Ca::root("another").cert_pem());
    let distrusting = with(&fake.variables, [("WA_DB_SSL_CA", &other)]);
    assert_eq!(subjects(&distrusting), ["CN=db.lab", "CN=middle"]);
}

fn checked(flags: &[&str], variables: &Variables) -> Outcome {
    let check = ["check", "--role", "webapp", "--format", "json"];
    wa_db(&[&check, flags].concat(), variables)
}

fn keys(object: &Value) -> Vec<&str> {
    let object = object
        .as_object()
        .unwrap_or_else(|| panic!("no object: {object}"));
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn milliseconds(value: &Value, outcome: &Outcome) {
    let told = value.as_f64().unwrap();
    assert!(
        told > 0.0 && told <= outcome.took.as_secs_f64() * 1000.0,
        "{told}"
    );
}
