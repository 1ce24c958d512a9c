//! What is reported, of which verdict, on every engine.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wa_db_lab::pki::{Ca, Issued, Leaf, self_signed};
use wa_db_lab::server::{Engine, Server, TestServers};

use crate::support::{Variables, check, text, with};
use crate::verdict::{on_each, trusting};

/// The reports in a file.
pub(super) fn reports(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A file for reports that does not exist yet, in the server's own directory.
pub(super) fn report_file(server: &Server, name: &str) -> std::path::PathBuf {
    let path = server.file(name, "");
    fs::remove_file(&path).unwrap();
    path
}

fn pem(certificate: &Issued) -> String {
    certificate.cert_pem().replace("\r\n", "\n")
}

/// The certificates of a report, whose PEM may be broken into lines as it likes.
fn chain(report: &Value, field: &str) -> Vec<String> {
    let chain = report[field].as_array().unwrap();
    chain
        .iter()
        .map(|pem| pem.as_str().unwrap().to_owned())
        .collect()
}

fn pin(certificate: &Issued) -> String {
    format!("sha256/{}", certificate.spki_sha256())
}

#[test]
fn p03_p19_p22_p23_each_refused_certificate_is_reported_once_as_enforced() {
    let servers = TestServers::exclusive();
    let ca = servers.ca();
    let revoked = ca.issue(&TestServers::leaf());
    let list = servers.all()[0].file("reports.crl", ca.crl_pem(&[&revoked]));
    let cases = [
        (
            ca.impostor().issue(&TestServers::leaf()),
            "certificate_untrusted",
        ),
        (self_signed(&TestServers::leaf()), "certificate_self_signed"),
        (
            ca.issue(&TestServers::leaf().expired()),
            "certificate_expired",
        ),
        (
            ca.issue(&TestServers::leaf().not_yet_valid()),
            "certificate_not_yet_valid",
        ),
        (
            ca.issue(&TestServers::leaf().client_auth_only()),
            "certificate_purpose",
        ),
        (
            ca.issue(&Leaf::server().dns("other.lab")),
            "hostname_mismatch",
        ),
        (revoked, "certificate_revoked"),
    ];
    on_each(servers.all(), |server| {
        for (presented, code) in &cases {
            server.present(presented);
            let file = report_file(server, "reports.jsonl");
            let mut variables = with(
                &trusting(server, servers.ca_file()),
                [("WA_DB_SSL_REPORT_FILE", text(&file))],
            );
            if *code == "certificate_revoked" {
                variables = with(&variables, [("WA_DB_SSL_CRL", text(&list))]);
            }
            let outcome = check("webapp", &variables);
            assert_eq!(outcome.verdict(), (13, (*code).to_owned()), "{outcome:?}");
            let reports = reports(&file);
            assert_eq!(reports.len(), 1, "{code}: {reports:#?}");
            let report = &reports[0];
            let shown = json!({
                "code": report["code"], "enforced": report["enforced"],
                "hostname": report["hostname"], "port": report["port"],
                "noted-hostname": report["noted-hostname"],
                "role": report["role"], "engine": report["engine"],
                "endpoint": report["endpoint"], "address": report["address"],
                "known-pins": report["known-pins"],
                "effective-expiration-date": report["effective-expiration-date"],
                "include-subdomains": report["include-subdomains"],
            });
            let at = format!("127.0.0.1:{}", server.port());
            let engine = if server.engine() == Engine::Postgres {
                "postgres"
            } else {
                "mysql"
            };
            let expected = json!({
                "code": code, "enforced": true,
                "hostname": "127.0.0.1", "port": server.port(), "noted-hostname": "127.0.0.1",
                "role": "webapp", "engine": engine, "endpoint": at, "address": at,
                "known-pins": [], "effective-expiration-date": null, "include-subdomains": false,
            });
            assert_eq!(shown, expected);
            let served = chain(report, "served-certificate-chain");
            assert_eq!(served.first(), Some(&pem(presented)), "{code}");
            assert_eq!(
                chain(report, "validated-certificate-chain").len(),
                0,
                "{code}"
            );
            let time = report["date-time"].as_str().unwrap();
            assert!(time.ends_with('Z') && time.len() == 20, "{time}");
        }
    });
}

#[test]
fn verification_that_is_off_is_reported_and_not_enforced() {
    let servers = TestServers::exclusive();
    let impostor = servers.ca().impostor().issue(&TestServers::leaf());
    on_each(servers.all(), |server| {
        server.present(&impostor);
        let file = report_file(server, "off.jsonl");
        let variables = with(
            &trusting(server, servers.ca_file()),
            [
                ("WA_DB_SSL_REPORT_FILE", text(&file)),
                ("WA_DB_SSL_VERIFY", "off"),
            ],
        );
        let target = check("webapp", &variables).target();
        assert_eq!(
            target["tls"]["would_fail"], "certificate_untrusted",
            "{target:#}"
        );
        let reports = reports(&file);
        // However many connections the check has made.
        assert_eq!(reports.len(), 1, "{reports:#?}");
        assert_eq!(reports[0]["code"], "certificate_untrusted");
        assert_eq!(reports[0]["enforced"], false);
    });
}

#[test]
fn pins_are_reported_with_the_set_that_was_compared() {
    let servers = TestServers::shared();
    let certificate = servers.certificate();
    let [right, wrong, backup] = [
        pin(certificate),
        pin(Ca::root("another").as_issued()),
        pin(Ca::root("a third").as_issued()),
    ];
    let enforced = format!("{wrong};{backup}");
    for engine in Engine::ALL {
        let server = servers.of(engine);
        let base = trusting(server, servers.ca_file());
        for (name, pins, report_only, expected) in [
            ("wrong", &enforced, "", vec![(true, vec![&wrong, &backup])]),
            ("right", &right, &*wrong, vec![(false, vec![&wrong])]),
            (
                "both",
                &enforced,
                &*backup,
                vec![(false, vec![&backup]), (true, vec![&wrong, &backup])],
            ),
            ("good", &right, &*right, vec![]),
        ] {
            let file = report_file(server, &format!("pins-{name}.jsonl"));
            let variables = with(
                &base,
                [
                    ("WA_DB_SSL_PINS", &**pins),
                    ("WA_DB_SSL_PINS_REPORT_ONLY", report_only),
                    ("WA_DB_SSL_REPORT_FILE", text(&file)),
                ],
            );
            let outcome = check("webapp", &variables);
            let reports = reports(&file);
            let found: Vec<_> = reports
                .iter()
                .map(|report| {
                    assert_eq!(report["code"], "pin_mismatch", "{report:#}");
                    assert_eq!(report["hostname"], "127.0.0.1");
                    let served = chain(report, "served-certificate-chain");
                    assert_eq!(served, [pem(certificate)]);
                    let validated = chain(report, "validated-certificate-chain");
                    assert_eq!(validated, [pem(certificate), pem(servers.ca().as_issued())]);
                    (
                        report["enforced"].as_bool().unwrap(),
                        report["known-pins"].clone(),
                    )
                })
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(enforced, pins)| {
                    let known: Vec<_> = pins
                        .into_iter()
                        .map(|pin| format!("pin-sha256=\"{}\"", &pin["sha256/".len()..]))
                        .collect();
                    (enforced, json!(known))
                })
                .collect();
            assert_eq!(found, expected, "{engine:?} {name}: {outcome:?}");
        }
    }
}

#[test]
fn what_keeps_to_the_policy_or_shows_no_certificate_is_not_reported() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let file = report_file(server, "good.jsonl");
    let reporting = [("WA_DB_SSL_REPORT_FILE", text(&file))];
    let good = with(&trusting(server, servers.ca_file()), reporting);
    let outcome = check("webapp", &good);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let refused = check("webapp", &with(&good, [("WA_DB_PORT", "1")]));
    assert_eq!(refused.code, 12, "{refused:?}");
    let wrong = check("webapp", &with(&good, [("WA_DB_PASSWORD", "wrong")]));
    assert_eq!(wrong.code, 14, "{wrong:?}");
    assert!(!file.exists());
}

#[test]
fn no_report_holds_account_password_or_database() {
    let servers = TestServers::exclusive();
    let impostor = servers.ca().impostor().issue(&TestServers::leaf());
    let server = servers.of(Engine::Postgres);
    server.present(&impostor);
    let file = report_file(server, "canary.jsonl");
    let variables: Variables = with(
        &trusting(server, servers.ca_file()),
        [
            ("WA_DB_SSL_REPORT_FILE", text(&file)),
            ("WA_DB_USERNAME", "canary-account"),
            ("WA_DB_PASSWORD", "canary-password"),
            ("WA_DB_NAME", "canary-database"),
        ],
    );
    assert_eq!(check("webapp", &variables).code, 13);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("certificate_untrusted") && !text.contains("canary"),
        "{text}"
    );
}
