//! Rules about the way to the server.

mod login;
mod names;
mod protocol;

use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, TestServers};

use super::support::{audit, audit_as};
use crate::support::{text, with};
use crate::verdict::{on_each, trusting};

#[test]
fn verification_that_is_off_is_critical_and_full_verification_is_no_finding() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let verified = trusting(server, servers.ca_file());
        audit(&verified).lacks("link-verification-off");

        let off = with(&verified, [("WA_DB_SSL_VERIFY", "off")]);
        let report = audit(&off);
        assert_eq!(report.code, 18, "{:#}", report.json);
        let (severity, evidence) = report.finding("link-verification-off");
        assert_eq!(severity, "critical");
        assert!(
            evidence.starts_with("WA_DB_SSL_VERIFY is off"),
            "{evidence}"
        );
        assert!(
            evidence.ends_with("verification would have passed"),
            "{evidence}"
        );

        let unknown = with(&off, [("WA_DB_SSL_CA", "")]);
        let report = audit(&unknown);
        let (_, evidence) = report.finding("link-verification-off");
        let verdict = "verification would have failed with certificate_untrusted";
        assert!(evidence.ends_with(verdict), "{evidence}");
    });
}

#[test]
fn verification_that_the_legacy_string_weakens_is_found_for_the_coreapp_alone() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let verified = trusting(server, servers.ca_file());
    let ca = text(servers.ca_file());
    // As with libpq, `require` verifies the chain where there is a CA.
    for (mode, ca, severity, part) in [
        (
            "require",
            "",
            "critical",
            "neither chain nor name are verified",
        ),
        (
            "require",
            ca,
            "high",
            "the name in the certificate is not compared",
        ),
        (
            "verify-ca",
            ca,
            "high",
            "the name in the certificate is not compared",
        ),
    ] {
        let option = format!("sslmode={mode}");
        let changes = [("WA_DB_CONNECTION_OPTION", &*option), ("WA_DB_SSL_CA", ca)];
        let variables = with(&verified, changes);
        let report = audit_as("coreapp", &variables, &[]);
        let (found, evidence) = report.finding("link-verification-off");
        assert_eq!(found, severity, "{mode}: {evidence}");
        assert!(evidence.contains(part), "{evidence}");
        let webapp = audit(&variables);
        assert!(
            webapp.found("link-verification-off").is_none(),
            "{:#}",
            webapp.json
        );
    }
}

#[test]
fn system_store_is_found_where_neither_a_ca_nor_a_pin_narrows_it() {
    let servers = TestServers::shared();
    let pin = format!("sha256/{}", servers.certificate().spki_sha256());
    on_each(servers.all(), |server| {
        let ca = text(servers.ca_file());
        let system = with(&server.env(), [("SSL_CERT_FILE", ca)]);
        let report = audit(&system);
        let (severity, evidence) = report.finding("link-system-store");
        assert_eq!(severity, "medium");
        assert!(
            evidence.ends_with("this time it was CN=wa-db lab root"),
            "{evidence}"
        );

        audit(&trusting(server, servers.ca_file())).lacks("link-system-store");
        audit(&with(&system, [("WA_DB_SSL_PINS", &*pin)])).lacks("link-system-store");
        let off = with(&system, [("WA_DB_SSL_VERIFY", "off")]);
        audit(&off).lacks("link-system-store");
    });
}

#[test]
fn pins_are_missed_and_so_is_a_backup_of_them() {
    let servers = TestServers::shared();
    let own = format!("sha256/{}", servers.certificate().spki_sha256());
    let root = format!("sha256/{}", servers.ca().as_issued().spki_sha256());
    let backup = format!("sha256/{}", Ca::root("backup").as_issued().spki_sha256());
    on_each(servers.all(), |server| {
        let variables = trusting(server, servers.ca_file());
        let report = audit(&variables);
        assert_eq!(report.finding("link-no-pins").0, "low");
        let fix = &report.found("link-no-pins").unwrap()["fix"];
        assert!(
            fix.as_str()
                .unwrap()
                .contains(&format!("WA_DB_SSL_PINS={own},")),
            "{fix}"
        );
        report.lacks("link-no-backup-pin");
        let reported = with(&variables, [("WA_DB_SSL_PINS_REPORT_ONLY", &*own)]);
        let report = audit(&reported);
        assert!(
            report.finding("link-no-pins").1.contains("REPORT_ONLY"),
            "{:#}",
            report.json
        );

        for (pins, evidence) in [
            (own.clone(), "the one pin of WA_DB_SSL_PINS"),
            (format!("{own};{root}"), "all 2 pins of WA_DB_SSL_PINS"),
        ] {
            let report = audit(&with(&variables, [("WA_DB_SSL_PINS", &*pins)]));
            report.lacks("link-no-pins");
            let (severity, seen) = report.finding("link-no-backup-pin");
            assert_eq!(severity, "low");
            assert!(seen.starts_with(evidence), "{seen}");
        }
        let safe = format!("{own};{backup}");
        let report = audit(&with(&variables, [("WA_DB_SSL_PINS", &*safe)]));
        report.lacks("link-no-pins");
        report.lacks("link-no-backup-pin");
    });
}

#[test]
fn local_socket_has_no_way_that_could_be_unsafe() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let host = match server.engine() {
            Engine::Postgres => server.socket_dir(),
            Engine::MariaDb | Engine::MySql => server.socket_path(),
        };
        let report = audit(&with(&server.env(), [("WA_DB_HOSTNAME", text(&host))]));
        let targets = report.json["targets"].as_array().unwrap();
        assert!(
            targets.iter().all(|target| target["error"].is_null()),
            "{:#}",
            report.json
        );
        let found = report.findings();
        let of_link =
            |finding: &&&serde_json::Value| finding["id"].as_str().unwrap().starts_with("link-");
        assert_eq!(found.iter().filter(of_link).count(), 0, "{found:#?}");
    }
}
