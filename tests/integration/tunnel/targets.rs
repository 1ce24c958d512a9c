//! Lists of servers: the first that is good carries the session, or the first of the wanted kind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wa_db_lab::fake::SilentListener;
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::psql::Psql;
use super::running::{PATIENCE, Tunnel};
use super::start::nowhere;
use crate::support::{text, with};

#[test]
fn session_goes_to_the_first_server_that_can_be_reached_and_is_trusted() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let impostor = Server::start(
        Engine::Postgres,
        ServerOptions::tls(&Ca::root("another root").issue(&TestServers::leaf())),
    );
    let hosts = format!(
        "127.0.0.1:1,127.0.0.1:{},127.0.0.1:{}",
        impostor.port(),
        server.port()
    );
    let variables = with(
        &server.env(),
        [
            ("WA_DB_SSL_CA", text(servers.ca_file())),
            ("WA_DB_HOSTNAME", &hosts),
            ("WA_DB_PORT", ""),
        ],
    );
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    assert_eq!(psql.run("SHOW port"), format!("{}\n", server.port()));
}

#[test]
fn session_goes_to_a_server_of_the_wanted_kind() {
    let ca = Ca::root("root of the pair");
    let certificate = ca.issue(&TestServers::leaf());
    let start = || Server::start(Engine::Postgres, ServerOptions::tls(&certificate));
    let (standby, primary) = (start(), start());
    // Each has a password of its own; a pair shares one.
    primary.sql(&format!("ALTER ROLE app PASSWORD '{}'", standby.password()));
    standby.become_standby();
    let file = standby.file("ca.pem", ca.cert_pem());
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port(), primary.port());
    for (target, port) in [
        ("any", standby.port()),
        ("read-write", primary.port()),
        ("read-only", standby.port()),
    ] {
        let variables = with(
            &standby.env(),
            [
                ("WA_DB_SSL_CA", text(&file)),
                ("WA_DB_HOSTNAME", &hosts),
                ("WA_DB_PORT", ""),
                ("WA_DB_TARGET", target),
            ],
        );
        let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
        let psql = Psql::new("127.0.0.1", tunnel.port(), standby.password());
        for _ in 0..2 {
            assert_eq!(psql.run("SHOW port"), format!("{port}\n"), "{target}");
        }
    }
}

#[test]
fn failed_look_for_the_wanted_kind_is_told_to_all_who_wait_and_lasts_no_longer_than_one_deadline() {
    let server = SilentListener::start().unwrap();
    let port = server.port().to_string();
    let variables = with(
        &nowhere(),
        [
            ("WA_DB_PORT", port.as_str()),
            ("WA_DB_TARGET", "read-write"),
            ("WA_DB_CONNECT_TIMEOUT", "4s"),
        ],
    );
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    let startup = b"\0\0\0\x12\0\x03\0\0user\0app\0\0";
    let begin = || {
        let mut client = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(startup).unwrap();
        client
    };
    for _ in 0..5 {
        drop(begin());
    }
    let start = Instant::now();
    let mut told = String::new();
    begin().read_to_string(&mut told).unwrap();
    assert!(told.contains("timeout"), "{told}");
    // In turn it would be twenty-four seconds.
    assert!(
        start.elapsed() < Duration::from_secs(14),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn cancel_request_goes_to_the_server_of_its_session() {
    let ca = Ca::root("root of two");
    let certificate = ca.issue(&TestServers::leaf());
    let start = || Server::start(Engine::Postgres, ServerOptions::tls(&certificate));
    let (first, second) = (start(), start());
    second.sql(&format!("ALTER ROLE app PASSWORD '{}'", first.password()));
    let file = first.file("ca.pem", ca.cert_pem());
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let variables = with(
        &first.env(),
        [
            ("WA_DB_SSL_CA", text(&file)),
            ("WA_DB_HOSTNAME", &hosts),
            ("WA_DB_PORT", ""),
        ],
    );
    let mut tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    first.stop();
    let psql = Psql::new("127.0.0.1", tunnel.port(), first.password());
    let query = psql.spawn("SELECT pg_sleep(600)");
    tunnel.wait_for("the query runs", |_| {
        second.sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'")
            == "1\n"
    });
    first.resume();
    kill_process(Pid::from_child(&query), Signal::INT).unwrap();
    tunnel.wait_for("the query is cancelled", |_| {
        second.sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'")
            == "0\n"
    });
    let output = query.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("canceling statement"), "{stderr}");
}
