//! Lists of servers: the first that is good carries the session, or the first of the wanted kind.

use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::psql::Psql;
use super::running::Tunnel;
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
