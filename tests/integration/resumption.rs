//! TLS sessions that are taken up again, by the server's own count.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mysql_async::prelude::Queryable;
use wa_db::connect::MySqlConnector;
use wa_db::mysql_async;
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::server::{Engine, Server, TestServers};

use crate::support::{text, wa_db};

/// A policy that the driver's own TLS could not say.
const WIRE: (&str, &str) = ("WA_DB_SECURITY_LEVEL", "OLD");

fn connector(server: &Server, ca_file: &Path, more: &[(&str, &str)]) -> MySqlConnector {
    let mut variables = server.env();
    variables.insert("WA_DB_SSL_CA".to_owned(), ca_file.display().to_string());
    for (name, value) in [WIRE].iter().chain(more) {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    let environment = Environment::from_pairs(variables);
    MySqlConnector::new(&Settings::from_environment(Role::Webapp, &environment).unwrap()).unwrap()
}

/// Whether the server says that a new connection took up an earlier session. What it gives for the
/// next one has arrived with its answer.
async fn is_resumed(connector: &MySqlConnector) -> bool {
    let mut conn = connector.connect().await.unwrap().conn;
    let reused: Option<(String, String)> = conn
        .query_first("SHOW SESSION STATUS LIKE 'Ssl_sessions_reused'")
        .await
        .unwrap();
    conn.disconnect().await.unwrap();
    let (_, count) = reused.unwrap();
    count != "0"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_taken_up_again_until_the_policy_changes() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MySql);
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("ca.pem");
    symlink(servers.ca_file(), &link).unwrap();
    let first = connector(server, &link, &[]);
    assert!(!is_resumed(&first).await, "there is none yet");
    // Each of them, however the connection before ended.
    for _ in 0..5 {
        assert!(is_resumed(&first).await);
    }

    // The same CA in another file is another policy.
    let copy = directory.path().join("copy.pem");
    fs::copy(servers.ca_file(), &copy).unwrap();
    let next = directory.path().join("next");
    symlink(&copy, &next).unwrap();
    fs::rename(&next, &link).unwrap();
    assert!(!is_resumed(&first).await, "a new policy");
    assert!(is_resumed(&first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_taken_up_again_by_its_own_connector_only() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MySql);
    let first = connector(server, servers.ca_file(), &[]);
    assert!(!is_resumed(&first).await);
    let other = connector(server, servers.ca_file(), &[]);
    assert!(!is_resumed(&other).await);
    assert!(is_resumed(&first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_a_server_that_nobody_verifies_is_never_taken_up_again() {
    let servers = TestServers::shared();
    let off = [("WA_DB_SSL_VERIFY", "off")];
    let connector = connector(servers.of(Engine::MySql), servers.ca_file(), &off);
    for _ in 0..2 {
        assert!(!is_resumed(&connector).await);
    }
}

/// `MariaDB` keeps no such count, so the client tells.
#[test]
fn mariadb_takes_up_a_session_that_it_gave() {
    let servers = TestServers::shared();
    let mut variables = servers.of(Engine::MariaDb).env();
    for (name, value) in [
        ("WA_DB_SSL_CA", text(servers.ca_file())),
        WIRE,
        ("RUST_LOG", "wa_db::wire=debug"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let checked = wa_db(
        &["check", "--role", "webapp", "--connections", "3", "-v"],
        &variables,
    );
    let made = checked.stderr.matches("reused=").count();
    let reused = checked.stderr.matches("reused=true").count();
    assert_eq!(made, 4, "{checked:?}");
    assert!(reused >= 1, "{checked:?}");
}
