//! Rules about machines, servers and services, as far as a test can have them so.

use std::process::Command;
use std::time::Duration;

use wa_db_lab::fake::{FAKE_PASSWORD, FakePostgres, Persona, PostgresScript, Reply, TlsIdentity};
use wa_db_lab::pki::Ca;
use wa_db_lab::run::finish;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::support::{Report, audit, audit_as};
use crate::support::{Outcome, Variables, text, with};

fn variables(servers: &TestServers, engine: Engine) -> Variables {
    let ca = ("WA_DB_SSL_CA", text(servers.ca_file()));
    with(
        &servers.of(engine).env(),
        [ca, ("WA_SECRET", "Rq7-tensile.Marmot")],
    )
}

#[test]
fn server_with_a_true_clock_and_a_log_that_holds_are_no_finding() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let report = audit(&variables(&servers, server.engine()));
        for id in ["host-clock", "host-log-forgeable"] {
            report.lacks(id);
        }
    }
}

#[test]
fn server_that_writes_down_no_logins_is_found() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let report = audit(&variables(&servers, engine));
        assert_eq!(
            report.finding("host-logins-unrecorded").0,
            "low",
            "{engine:?}"
        );
    }
    audit(&variables(&servers, Engine::Postgres)).lacks("host-logins-unrecorded");
    let ca = Ca::root("lab root");
    for (engine, name, value) in [
        (Engine::Postgres, "log_connections", "off"),
        (Engine::MariaDb, "plugin-load-add", "server_audit"),
        (Engine::MySql, "general_log", "ON"),
    ] {
        let mut options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).setting(name, value);
        if engine == Engine::MariaDb {
            options = options.setting("server_audit_logging", "ON");
        }
        let server = Server::start(engine, options);
        let file = server.file("trusted.pem", ca.cert_pem());
        let report = audit(&with(&server.env(), [("WA_DB_SSL_CA", text(&file))]));
        match engine {
            Engine::Postgres => assert_eq!(report.finding("host-logins-unrecorded").0, "low"),
            _ => report.lacks("host-logins-unrecorded"),
        }
    }
}

/// A PostgreSQL that says of itself what the test wants, at this distance from our clock.
fn fake(version: &str, apart: i64) -> (FakePostgres, Variables, tempfile::TempDir) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_micros()).unwrap() + apart * 1_000_000;
    let facts = [
        ("version", version.into()),
        ("read_only", "false".into()),
        ("encrypted", "true".into()),
    ];
    let persona = Persona {
        replies: vec![
            Reply::row("pg_stat_ssl", facts),
            Reply::row(
                "clock_timestamp",
                [("now", now.to_string().as_str().into())],
            ),
        ],
        ..Persona::healthy_postgres()
    };
    let ca = Ca::root("root of the fakes");
    let issued = ca.issue(&TestServers::leaf());
    let identity = TlsIdentity {
        cert_chain_pem: issued.chain_pem(),
        key_pem: issued.key_pem(),
    };
    let fake = FakePostgres::start_as(persona, PostgresScript::Honest, Some(identity))
        .expect("a free port");
    let files = tempfile::tempdir().expect("a directory");
    let file = files.path().join("ca.pem");
    wa_db_lab::pki::write_file(&file, ca.cert_pem());
    let pairs = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &*fake.port().to_string()),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", FAKE_PASSWORD),
        ("WA_DB_SSL_CA", text(&file)),
    ];
    let variables = with(&Variables::new(), pairs);
    (fake, variables, files)
}

#[test]
fn clock_that_is_more_than_ten_seconds_apart_is_found() {
    for (apart, side) in [(3600, "ahead of"), (-3600, "behind"), (14, "ahead of")] {
        let (_fake, variables, _files) = fake("15.18", apart);
        let report = audit(&variables);
        let (severity, evidence) = report.finding("host-clock");
        assert_eq!(
            (severity, evidence.contains(side)),
            ("medium", true),
            "{evidence}"
        );
    }
    let (_fake, variables, _files) = fake("15.18", -5);
    audit(&variables).lacks("host-clock");
}

#[test]
fn server_whose_support_is_over_is_found() {
    for (version, ended) in [("13.23", "2025-11-13"), ("9.6.24", "years ago")] {
        let (_fake, variables, _files) = fake(version, 0);
        let report = audit(&variables);
        let (severity, evidence) = report.finding("host-server-out-of-support");
        assert_eq!(
            (severity, evidence.contains(ended)),
            ("medium", true),
            "{evidence}"
        );
    }
    let (_fake, variables, _files) = fake("99.1", 0);
    let report = audit(&variables);
    report.lacks("host-server-out-of-support");
    // It has nothing to say of the account, and nobody is to take that for a good sign.
    let warnings = report.json["targets"][0]["warnings"].to_string();
    assert!(warnings.contains("not judged"), "{warnings}");
}

/// An audit by a shell, which first says this, and by this program.
fn by(first: &str, program: &str, variables: &Variables) -> Report {
    let script = format!("{first} {program} \"$0\" audit --role webapp --format json");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_wa-db")])
        .env_clear()
        .envs(variables);
    let finished = finish(&mut command, "", Duration::from_secs(60)).expect("it ends by itself");
    Report::of(&Outcome {
        code: finished.code.expect("no signal ends it"),
        stdout: finished.stdout,
        stderr: finished.stderr,
        took: finished.took,
    })
}

#[test]
fn core_dumps_are_found_while_their_limit_is_not_nothing() {
    let servers = TestServers::shared();
    let variables = variables(&servers, Engine::Postgres);
    by("ulimit -c 0; exec", "", &variables).lacks("host-core-dumps");
    let report = by("ulimit -c 1000; exec", "", &variables);
    assert_eq!(report.finding("host-core-dumps").0, "low");
}

#[test]
fn root_is_found_and_another_user_is_not() {
    let servers = TestServers::shared();
    let variables = variables(&servers, Engine::Postgres);
    // Root becomes nobody, and anyone else root in a user namespace of his own.
    let (root, other) = if rustix::process::geteuid().is_root() {
        ("", "setpriv --reuid=65534 --regid=65534 --clear-groups")
    } else {
        ("unshare --map-root-user", "")
    };
    let report = by("exec", root, &variables);
    let (severity, evidence) = report.finding("host-root");
    let expected = if evidence.contains("container") {
        "low"
    } else {
        "medium"
    };
    assert_eq!(severity, expected, "{evidence}");
    by("exec", other, &variables).lacks("host-root");
}

#[test]
fn secret_of_the_services_is_found_unset_or_different_and_never_shown() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let set = variables(&servers, Engine::Postgres);
    audit(&set).lacks("host-secret-unset");
    let report = audit(&with(&set, [("WA_SECRET", "")]));
    assert_eq!(report.finding("host-secret-unset").0, "low");

    let file = |role: &str, secret: &str| {
        let lines = format!("WA_DB_ROLE={role}\nWA_SECRET={secret}\n");
        server.file(&format!("secret-{role}.env"), lines)
    };
    for (one, two, words) in [
        ("first-canary", "second-canary", "is another than that of"),
        ("first-canary", "", "is set for webapp and not for coreapp"),
        ("first-canary", "first-canary", ""),
    ] {
        let (webapp, coreapp) = (file("webapp", one), file("coreapp", two));
        let files = ["--env-file", text(&webapp), "--env-file", text(&coreapp)];
        let report = audit_as("both", &set, &files);
        assert!(
            !report.json.to_string().contains("canary"),
            "{:#}",
            report.json
        );
        if words.is_empty() {
            report.lacks("host-secret-differs");
            continue;
        }
        let (severity, evidence) = report.finding("host-secret-differs");
        assert_eq!(
            (severity, evidence.contains(words)),
            ("high", true),
            "{evidence}"
        );
    }
}

#[test]
fn legacy_string_is_found_where_it_is_in_use() {
    let servers = TestServers::shared();
    let set = variables(&servers, Engine::Postgres);
    audit_as("coreapp", &set, &[]).lacks("host-legacy-option");
    let legacy = with(&set, [("WA_DB_CONNECTION_OPTION", "connect_timeout=15")]);
    let report = audit_as("coreapp", &legacy, &[]);
    assert_eq!(report.finding("host-legacy-option").0, "low");
    // The webapp never read it.
    audit_as("webapp", &legacy, &[]).lacks("host-legacy-option");
}
