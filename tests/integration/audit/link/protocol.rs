//! What the handshake agreed on.

use wa_db_lab::fake::{Persona, PostgresScript, Reply};
use wa_db_lab::pki::{Ca, KeyKind};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use crate::audit::support::audit;
use crate::contract::lab::Fake;
use crate::support::with;
use crate::verdict::{on_each, trusting};

#[test]
fn tls_1_2_is_found_and_its_good_suites_are_not() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let report = audit(&trusting(server, servers.ca_file()));
        report.lacks("link-tls-version");
        report.lacks("link-weak-suite");
    }
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).max_protocol("TLSv1.2");
    on_each(&Server::start_all(&options), |server| {
        let ca_file = server.file("ca.pem", ca.cert_pem());
        let report = audit(&trusting(server, &ca_file));
        let (severity, evidence) = report.finding("link-tls-version");
        assert_eq!(severity, "low");
        let agreed = "the handshake agreed on TLSv1.2 with ECDHE-ECDSA-";
        assert!(evidence.starts_with(agreed), "{evidence}");
        report.lacks("link-weak-suite");
    });
}

/// MySQL 9 has no such suites.
#[test]
fn suite_without_forward_secrecy_or_aead_is_found_until_the_level_forbids_it() {
    let ca = Ca::root("root");
    let leaf = TestServers::leaf().key_kind(KeyKind::Rsa2048);
    let certificate = ca.issue(&leaf);
    for (engine, suite, lacks) in [
        (Engine::Postgres, "AES256-GCM-SHA384", "no forward secrecy"),
        (Engine::MariaDb, "AES128-GCM-SHA256", "no forward secrecy"),
        (
            Engine::Postgres,
            "ECDHE-RSA-AES256-SHA384",
            "no authenticated encryption",
        ),
        (
            Engine::MariaDb,
            "AES256-SHA256",
            "neither forward secrecy nor authenticated encryption",
        ),
    ] {
        let options = ServerOptions::tls(&certificate)
            .max_protocol("TLSv1.2")
            .ciphers(suite);
        let server = Server::start(engine, options);
        let ca_file = server.file("ca.pem", ca.cert_pem());
        let variables = trusting(&server, &ca_file);
        let report = audit(&variables);
        assert_eq!(report.code, 18, "{:#}", report.json);
        let expected = format!("TLSv1.2 with {suite} has {lacks}");
        assert_eq!(report.finding("link-weak-suite"), ("high", &*expected));

        let strict = with(&variables, [("WA_DB_SECURITY_LEVEL", "INTERMEDIATE")]);
        let report = audit(&strict);
        assert_eq!(report.code, 13, "{:#}", report.json);
        assert!(
            report.found("link-weak-suite").is_none(),
            "{:#}",
            report.json
        );
    }
}

#[test]
fn server_that_calls_our_session_unencrypted_is_critical() {
    let servers = TestServers::shared();
    for server in servers.all() {
        audit(&trusting(server, servers.ca_file())).lacks("link-not-encrypted");
    }
    let facts = [
        ("version", "15.18".into()),
        ("read_only", "false".into()),
        ("encrypted", "false".into()),
    ];
    let persona = Persona {
        replies: vec![Reply::row("pg_stat_ssl", facts)],
        ..Persona::default()
    };
    let fake = Fake::presenting(&TestServers::leaf(), persona, PostgresScript::Honest);
    let report = audit(&fake.variables);
    assert_eq!(report.finding("link-not-encrypted").0, "critical");
    assert_eq!(report.code, 18, "{:#}", report.json);
}
