//! What a server logs of us, when it logs every statement.

use std::fs;

use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::canary::Canaries;
use crate::support::{text, wa_db, with};

#[test]
fn password_is_in_no_log_of_a_server_that_logs_every_statement() {
    let ca = Ca::root("root");
    for engine in Engine::ALL {
        let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()));
        let options = match engine {
            Engine::Postgres => options
                .setting("log_statement", "all")
                .setting("log_min_messages", "debug5"),
            Engine::MariaDb | Engine::MySql => options
                .setting("general_log", "ON")
                .setting("general_log_file", "statements.log"),
        };
        let server = Server::start(engine, options);
        let statements = server.data_dir().join("statements.log");
        let logs = || {
            let statements = fs::read(&statements).unwrap_or_default();
            [server.log().into_bytes(), statements]
        };
        // The lab's own words that make the account hold its password.
        let before = logs().map(|log| log.len());
        let trusted = server.file("trusted.pem", ca.cert_pem());
        let variables = with(&server.env(), [("WA_DB_SSL_CA", text(&trusted))]);
        assert_eq!(wa_db(&["check"], &variables).code, 0);
        let wrong = [("WA_DB_PASSWORD", "canary-wrong-4e2f")];
        assert_eq!(wa_db(&["check"], &with(&variables, wrong)).code, 14);
        let mut after = logs();
        let ours: Vec<u8> = after
            .iter_mut()
            .zip(before)
            .flat_map(|(log, length)| log.split_off(length))
            .collect();
        let seen = String::from_utf8_lossy(&ours).to_lowercase();
        assert!(
            seen.contains("ssl_cipher") || seen.contains("pg_stat_ssl"),
            "{seen}"
        );
        let canaries = Canaries::default()
            .text("the wrong password", "canary-wrong-4e2f")
            .text("WA_DB_PASSWORD", server.password());
        canaries.absent_from(&format!("the log of {engine:?}"), &ours);
    }
}
