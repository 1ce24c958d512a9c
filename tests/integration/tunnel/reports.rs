//! What the tunnel reports of its upstream.

use std::fs;

use serde_json::Value;
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, TestServers};

use super::psql::Psql;
use super::running::Tunnel;
use crate::support::{text, with};
use crate::verdict::trusting;

#[test]
fn pin_that_is_only_reported_lets_sessions_through_and_is_told_once() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("reports.jsonl");
    let wrong = Ca::root("another").as_issued().spki_sha256();
    let variables = with(
        &trusting(server, servers.ca_file()),
        [
            ("WA_DB_SSL_PINS_REPORT_ONLY", &*format!("sha256/{wrong}")),
            ("WA_DB_SSL_REPORT_FILE", text(&file)),
        ],
    );
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut tunnel = Tunnel::start(&arguments, &variables);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    for _ in 0..2 {
        assert_eq!(psql.run("SELECT 41 + 1").trim(), "42");
    }
    let count = |tunnel: &Tunnel, outcome| {
        let label = format!("outcome=\"{outcome}\"");
        tunnel.metric("wa_db_reports_total", &label)
    };
    tunnel.wait_for("the report is sent", |tunnel| {
        count(tunnel, "sent") == Some(1.0)
    });
    assert!(count(&tunnel, "suppressed") >= Some(1.0));
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let report: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(report["code"], "pin_mismatch");
    assert_eq!(report["enforced"], false);
    assert_eq!(report["role"], "webapp");
}
