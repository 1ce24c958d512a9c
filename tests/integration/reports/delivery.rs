//! The collector that reports are posted to.

use std::time::Duration;

use wa_db::Pool;
use wa_db::connect::PostgresConnector;
use wa_db::settings::Role;
use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::{Engine, TestServers};

use super::collector::{Collector, Manner};
use super::content::{report_file, reports};
use crate::support::{Variables, check, text, wa_db, with};
use crate::verdict::{settings, trusting};

const TAKES: Manner = Manner::Answers(&[204]);

/// Variables with a host that the ordinary certificate is not for, which report to this address.
fn misnamed(servers: &TestServers, engine: Engine, uri: &str) -> Variables {
    with(
        &trusting(servers.of(engine), servers.ca_file()),
        [
            ("WA_DB_SSL_SERVER_NAME", "other.lab"),
            ("WA_DB_SSL_REPORT_URI", uri),
        ],
    )
}

#[test]
fn collector_that_the_system_trusts_gets_what_the_file_gets() {
    let servers = TestServers::shared();
    let ca = Ca::root("of the system");
    let certificate = ca.issue(&Leaf::server().ip("127.0.0.1"));
    for engine in Engine::ALL {
        let server = servers.of(engine);
        let store = server.file("system.pem", ca.cert_pem());
        let file = report_file(server, "same.jsonl");
        for collector in [
            Collector::https(&certificate, TAKES),
            Collector::http(TAKES),
        ] {
            let variables = with(
                &misnamed(&servers, engine, &collector.uri()),
                [
                    ("WA_DB_SSL_REPORT_FILE", text(&file)),
                    ("SSL_CERT_FILE", text(&store)),
                ],
            );
            let outcome = check("webapp", &variables);
            let expected = (13, "hostname_mismatch".to_owned());
            assert_eq!(outcome.verdict(), expected, "{outcome:?}");
            let posted = collector.reports();
            assert_eq!(posted.len(), 1, "{engine:?}");
            assert_eq!(posted.last(), reports(&file).last());
        }
    }
}

#[test]
fn collector_that_does_not_verify_gets_nothing_and_the_verdict_stands() {
    let servers = TestServers::shared();
    let [trusted, other] = ["of the system", "of nobody"].map(Ca::root);
    let server = servers.of(Engine::Postgres);
    let store = server.file("only-trusted.pem", trusted.cert_pem());
    for certificate in [
        other.issue(&Leaf::server().ip("127.0.0.1")),
        trusted.issue(&Leaf::server().dns("other.lab")),
        trusted.issue(&Leaf::server().ip("127.0.0.1").expired()),
    ] {
        let collector = Collector::https(&certificate, TAKES);
        let variables = with(
            &misnamed(&servers, Engine::Postgres, &collector.uri()),
            [
                ("SSL_CERT_FILE", text(&store)),
                // What is said of the database does not count for the collector.
                ("WA_DB_SSL_VERIFY", "off"),
            ],
        );
        let outcome = check("webapp", &variables);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_eq!(outcome.target()["tls"]["would_fail"], "hostname_mismatch");
        assert!(collector.connections() > 0, "it was tried");
        assert_eq!(collector.reports().len(), 0);
    }
}

#[test]
fn silent_collector_delays_no_connection_and_the_end_of_a_check_by_seconds_at_most() {
    let servers = TestServers::shared();
    let collector = Collector::http(Manner::Silent);
    let variables = with(
        &misnamed(&servers, Engine::Postgres, &collector.uri()),
        [("WA_DB_SSL_VERIFY", "off")],
    );
    let outcome = check("webapp", &variables);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(collector.connections(), 1);
    // One attempt alone would wait for ten seconds.
    let stages = outcome.target()["stages"].clone();
    let elapsed: f64 = stages
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|stage| stage["elapsed_ms"].as_f64())
        .sum();
    assert!(elapsed < 9_000.0, "{stages:#}");
    // All attempts would take most of a minute.
    assert!(outcome.took < Duration::from_secs(30), "{outcome:?}");
}

#[test]
fn collector_that_fails_is_tried_again_until_it_takes_the_report() {
    let servers = TestServers::shared();
    let collector = Collector::http(Manner::Answers(&[503, 500, 204]));
    let variables = misnamed(&servers, Engine::Postgres, &collector.uri());
    let settings = settings(Role::Webapp, &variables).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connector = PostgresConnector::new(&settings).unwrap();
    runtime.block_on(connector.connect()).unwrap_err();
    let reports = collector.wait_for(3);
    assert_eq!(reports[0], reports[2], "the same report");
}

#[test]
fn a_service_says_the_same_thing_once_however_many_connectors_see_it() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let collector = Collector::http(TAKES);
        let variables = with(
            &misnamed(&servers, engine, &collector.uri()),
            [("WA_DB_SSL_VERIFY", "off")],
        );
        let off = settings(Role::Webapp, &variables).unwrap();
        let on = with(&variables, [("WA_DB_SSL_VERIFY", "on")]);
        let on = settings(Role::Webapp, &on).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            for _ in 0..2 {
                let pool = Pool::connect(&off).await.unwrap();
                // Held together, so that each is a connection of its own.
                let clients = [pool.get().await.unwrap(), pool.get().await.unwrap()];
                drop(clients);
            }
            // A last one of another kind, behind whose report none of the others can be.
            Pool::connect(&on).await.map(drop).unwrap_err();
        });
        let enforced: Vec<_> = collector
            .wait_for(2)
            .iter()
            .map(|report| report["enforced"].clone())
            .collect();
        assert_eq!(enforced, [false, true], "{engine:?}");
    }
}

#[test]
fn report_is_never_sent_to_the_server_it_is_about() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let before = server.log().len();
    // Another name for the same server, so that only its address gives it away.
    let uri = format!("http://localhost:{}/pins", server.port());
    let variables = misnamed(&servers, Engine::Postgres, &uri);
    let outcome = wa_db(&["check", "--role", "webapp", "-v"], &variables);
    assert_eq!(outcome.code, 13, "{outcome:?}");
    let said = "the server that the report is about";
    assert!(outcome.stderr.contains(said), "{outcome:?}");
    let log = server.log().split_off(before);
    assert!(!log.contains("invalid length of startup packet"), "{log}");
}
