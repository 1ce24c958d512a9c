//! Health and metrics.

use std::io::{Read, Write};
use std::net::TcpStream;

use wa_db_lab::server::{Engine, TestServers};

use super::psql::Psql;
use super::running::{PATIENCE, Tunnel};
use super::start::nowhere;
use crate::support::{text, with};

const PLACES: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

#[test]
fn metrics_tell_sessions_bytes_dials_failures_and_certificates() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let variables = with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
    let mut tunnel = Tunnel::start(&PLACES, &variables);
    assert_eq!(tunnel.ask("/healthz"), (200, "ok\n".to_owned()));
    tunnel.wait_for("the first dial", |tunnel| tunnel.ask("/readyz").0 == 200);
    assert_eq!(tunnel.ask("/readyz").1, "ready\n");
    assert_eq!(tunnel.ask("/nothing").0, 404);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    for _ in 0..3 {
        psql.run("SELECT repeat('x', 100000)");
    }
    tunnel.wait_for("sessions to be counted out", |tunnel| {
        tunnel.metric("wa_db_tunnel_sessions{", "") == Some(0.0)
    });
    let value = |name: &str, label: &str| {
        tunnel
            .metric(name, label)
            .unwrap_or_else(|| panic!("no {name} {label}"))
    };
    assert!(value("wa_db_tunnel_sessions_total", "engine=\"postgres\"") >= 3.0);
    assert!(value("wa_db_tunnel_bytes_total", "to_client") > 300_000.0);
    assert!(value("wa_db_tunnel_bytes_total", "to_server") > 60.0);
    for stage in ["resolve", "connect", "tls"] {
        let count = value("wa_db_connect_seconds_count", &format!("stage=\"{stage}\""));
        assert!(count >= 3.0, "{stage}: {count}");
    }
    let day = 86_400.0;
    for certificate in ["ca", "server"] {
        let label = format!("certificate=\"{certificate}\"");
        assert!(
            value("wa_db_certificate_expiry_seconds", &label) > day,
            "{certificate}"
        );
    }
    let (_, body) = tunnel.ask("/metrics");
    assert!(
        !body.contains(server.password()),
        "a password among the metrics"
    );
    assert!(
        !tunnel.log().contains(server.password()),
        "a password in the log"
    );
    let line = std::fs::read(format!("/proc/{}/cmdline", tunnel.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(server.password()));
}

#[test]
fn failed_dial_makes_the_tunnel_unready_and_is_counted() {
    let tunnel = Tunnel::start(&PLACES, &nowhere());
    assert_eq!(tunnel.ask("/readyz").0, 503, "nothing has succeeded yet");
    let refused = Psql::new("127.0.0.1", tunnel.port(), "any").try_run("SELECT 1");
    assert!(refused.stderr.contains("connection_refused"), "{refused:?}");
    let (status, body) = tunnel.ask("/readyz");
    assert_eq!(status, 503);
    assert!(body.starts_with("connection_refused: "), "{body}");
    assert_eq!(tunnel.ask("/healthz").0, 200, "it lives all the same");
    let failures = tunnel.metric("wa_db_failures_total", "connection_refused");
    assert!(failures.is_some_and(|count| count >= 1.0), "{failures:?}");
}

#[test]
fn health_answers_though_others_say_nothing() {
    let tunnel = Tunnel::start(&PLACES, &nowhere());
    let connect = || TcpStream::connect(("127.0.0.1", tunnel.admin_port())).unwrap();
    // More than are served at once.
    let mut silent: Vec<_> = (0..40).map(|_| connect()).collect();
    assert_eq!(tunnel.ask("/healthz").0, 200);
    let first = silent.first_mut().unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0, "it was cut off");
}

#[test]
fn client_that_stalls_in_its_own_login_is_no_failure_of_the_server() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let variables = with(
        &server.env(),
        [
            ("WA_DB_SSL_CA", text(servers.ca_file())),
            ("WA_DB_CONNECT_TIMEOUT", "3s"),
        ],
    );
    let mut tunnel = Tunnel::start(&PLACES, &variables);
    let mut client = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
        .write_all(b"\0\0\0\x12\0\x03\0\0user\0app\0\0")
        .unwrap();
    let mut asked = Vec::new();
    // It asks, and in the end it closes.
    client.read_to_end(&mut asked).unwrap();
    assert_eq!(asked.first(), Some(&b'R'));
    tunnel.wait_for_log("the client did not log in in time");
    assert_eq!(tunnel.metric("wa_db_failures_total", "timeout"), None);
    assert!(!tunnel.log().contains("WARN"), "{}", tunnel.log());
}
