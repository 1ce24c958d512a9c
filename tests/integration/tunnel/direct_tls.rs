//! TLS from the first byte on, between the tunnel and a server that takes it, and between a client and
//! the tunnel.

use rustix::process::{Pid, Signal, kill_process};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::listeners::Papers;
use super::postgres::wait_until;
use super::psql::Psql;
use super::running::Tunnel;
use crate::support::{Variables, text, with};

/// A server, and the variables that lead to it by direct TLS.
fn start(shape: impl FnOnce(ServerOptions) -> ServerOptions) -> (Server, Variables) {
    let ca = Ca::root("root of direct TLS");
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(Engine::Postgres, shape(ServerOptions::tls(&certificate)));
    let file = server.file("ca.pem", ca.cert_pem());
    let direct = [
        ("WA_DB_SSL_CA", text(&file)),
        ("WA_DB_SSL_NEGOTIATION", "direct"),
    ];
    let variables = with(&server.env(), direct);
    (server, variables)
}

/// A server that takes it, and writes into its log how each connection begins.
fn taking() -> (Server, Variables) {
    start(|options| {
        let tracing = options.setting("trace_connection_negotiation", "on");
        tracing.newer_postgres()
    })
}

#[test]
fn session_and_cancel_request_go_to_the_server_in_direct_tls() {
    let (server, variables) = taking();
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    let encrypted = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(psql.run(encrypted), "t|TLSv1.3\n", "the server sees TLS");

    let query = psql.spawn("SELECT pg_sleep(600)");
    let active = "SELECT count(*) FROM pg_stat_activity \
                  WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'";
    wait_until(|| server.sql(active) == "1\n");
    kill_process(Pid::from_child(&query), Signal::INT).unwrap();
    let output = query.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("canceling statement"), "{stderr}");

    let log = server.log();
    let begun = log.matches("direct SSL connection accepted").count();
    assert_eq!(begun, 3, "two sessions and a cancel request: {log}");
    assert!(!log.contains("SSLRequest"), "{log}");
}

#[test]
fn client_that_speaks_direct_tls_is_carried_in_direct_tls() {
    let (server, variables) = taking();
    let papers = Papers::new();
    let tunnel = papers.tunnel(&variables, &["--listen", "127.0.0.1:0"]);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password()).newer();
    let words = format!("{} sslnegotiation=direct", papers.words(None));
    assert_eq!(psql.with(&words).run("SELECT 6 * 7"), "42\n");
    let log = server.log();
    assert!(log.contains("direct SSL connection accepted"), "{log}");
}

#[test]
fn client_is_told_that_the_server_takes_no_direct_tls() {
    let (server, variables) = start(|options| options);
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    let refused = psql.try_run("SELECT 1");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for words in ["tls_refused", "unset WA_DB_SSL_NEGOTIATION"] {
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
}
