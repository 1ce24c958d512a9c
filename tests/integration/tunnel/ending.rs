//! Signals while sessions are under way.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use wa_db_lab::pki::{Ca, write_file};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::postgres::wait_until;
use super::psql::Psql;
use super::running::{AT_ONCE, Tunnel};
use crate::support::{text, with};

fn tunnel_with(servers: &TestServers, more: &[&str]) -> (Tunnel, Psql) {
    let server = servers.of(Engine::Postgres);
    let variables = with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
    let tunnel = Tunnel::start(&[&["--listen", "127.0.0.1:0"], more].concat(), &variables);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    (tunnel, psql)
}

/// Waits until this statement runs, of a client that named itself so.
fn wait_running(servers: &TestServers, name: &str) {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}' AND state = 'active'"
    );
    wait_until(|| servers.of(Engine::Postgres).sql(&query) == "1\n");
}

#[test]
fn sigterm_lets_sessions_finish_and_takes_no_new_ones() {
    let servers = TestServers::shared();
    let (mut tunnel, psql) = tunnel_with(&servers, &["--admin", "127.0.0.1:0", "--drain", "60s"]);
    let (port, admin) = (tunnel.port(), tunnel.admin_port());
    let gate = servers.of(Engine::Postgres);
    gate.sql("CREATE TABLE IF NOT EXISTS drain_gate (n int); GRANT SELECT ON drain_gate TO app");
    let waiting = "DO $$ BEGIN FOR i IN 1..6000 LOOP IF EXISTS (SELECT FROM drain_gate) THEN RETURN; END IF; \
                   PERFORM pg_sleep(0.01); END LOOP; END $$; SELECT 'finished'";
    let session = psql.with("application_name=drains").spawn(waiting);
    wait_running(&servers, "drains");
    tunnel.signal(Signal::TERM);
    tunnel.wait_for_log("waiting for sessions");
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_err(),
        "new clients are taken"
    );
    assert_eq!(
        tunnel.ask("/readyz"),
        (503, "draining\n".to_owned()),
        "{admin}"
    );
    assert!(tunnel.ended().is_none());
    gate.sql("INSERT INTO drain_gate VALUES (1)");
    let output = session.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "finished\n",
        "{output:?}"
    );
    assert_eq!(tunnel.wait().code(), Some(0));
    gate.sql("DROP TABLE drain_gate");
}

#[test]
fn drain_is_bounded_and_a_second_signal_cuts_it_short() {
    let servers = TestServers::shared();
    for (name, drain, second) in [("drain_bound", "1s", false), ("drain_cut", "10m", true)] {
        let (mut tunnel, psql) = tunnel_with(&servers, &["--drain", drain]);
        let session = psql
            .with(&format!("application_name={name}"))
            .spawn("SELECT pg_sleep(600)");
        wait_running(&servers, name);
        let start = Instant::now();
        tunnel.signal(Signal::TERM);
        tunnel.wait_for_log("waiting for sessions");
        if second {
            tunnel.signal(Signal::TERM);
        }
        assert_eq!(tunnel.wait().code(), Some(0), "{}", tunnel.log());
        assert!(start.elapsed() < AT_ONCE);
        assert!(second || start.elapsed() >= Duration::from_secs(1));
        let output = session.wait_with_output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert!(tunnel.log().contains("ended cut=1"), "{}", tunnel.log());
    }
}

#[test]
fn sighup_looks_at_files_and_a_broken_one_keeps_the_old_state() {
    let [old, new] = ["old root", "new root"].map(Ca::root);
    let server = Server::start(
        Engine::Postgres,
        ServerOptions::tls(&old.issue(&TestServers::leaf())),
    );
    let file = server.file("trusted.pem", old.cert_pem());
    let variables = with(&server.env(), [("WA_DB_SSL_CA", text(&file))]);
    let mut tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    assert_eq!(psql.run("SELECT 1"), "1\n");

    write_file(&file, "garbage");
    tunnel.signal(Signal::HUP);
    tunnel.wait_for_log("cannot be used");
    assert_eq!(psql.run("SELECT 2"), "2\n", "the old state is kept");

    server.present(&new.issue(&TestServers::leaf()));
    let refused = psql.try_run("SELECT 3");
    assert!(
        refused.stderr.contains("certificate_untrusted"),
        "{refused:?}"
    );

    write_file(&file, new.cert_pem());
    tunnel.signal(Signal::HUP);
    tunnel.wait_for_log("certificate files changed: new connections use the new ones");
    assert_eq!(psql.run("SELECT 4"), "4\n");
}
