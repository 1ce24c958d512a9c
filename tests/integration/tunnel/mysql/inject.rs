//! `--inject`: applications never hold the secret.

use wa_db_lab::server::{ED25519_USER, Engine, TestServers};

use super::super::running::Tunnel;
use super::programs::{Place, Program};
use super::stand::{ENGINES, trusting};
use crate::support::with;

#[test]
fn any_password_leads_to_the_account_of_the_settings() {
    let servers = TestServers::exclusive();
    let directory = tempfile::tempdir().unwrap();
    for (engine, user) in [
        (Engine::MariaDb, "app"),
        (Engine::MariaDb, ED25519_USER),
        (Engine::MySql, "app"),
    ] {
        let server = servers.of(engine);
        let variables = with(&trusting(server, &servers), [("WA_DB_USERNAME", user)]);
        let socket = directory.path().join(format!("{user}-{engine:?}.sock"));
        let listen = format!("unix:{}", socket.display());
        let tunnel = Tunnel::start(&["--inject", "--listen", &listen], &variables);
        let place = Place::Unix(socket);
        for client in ENGINES {
            // With an empty cache the server wants the password itself; then it does not.
            server.sql("FLUSH PRIVILEGES");
            for password in ["", "whatever"] {
                let program = Program::new(client, &place, "somebody", password);
                let who = program.run("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), DATABASE()");
                assert_eq!(who, format!("{user}\tappdb\n"));
            }
        }
        assert!(!tunnel.log().contains(server.password()));
    }
}

#[test]
fn refused_account_of_the_settings_is_told_in_the_servers_words() {
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("t.sock");
    let listen = format!("unix:{}", socket.display());
    let server = servers.of(Engine::MySql);
    let variables = with(
        &trusting(server, &servers),
        [("WA_DB_PASSWORD", "wrong-one")],
    );
    let tunnel = Tunnel::start(&["--inject", "--listen", &listen], &variables);
    let program = Program::new(Engine::MySql, &Place::Unix(socket), "somebody", "x");
    let failed = program.try_run("SELECT 1");
    assert!(failed.stderr.contains("ERROR 1045"), "{failed:?}");
    assert!(!tunnel.log().contains("wrong-one"));
}
