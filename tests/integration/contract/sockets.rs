//! Unix sockets: local, and plain.

use serde_json::Value;
use wa_db_lab::server::{Engine, TestServers};

use crate::support::{check, text, with};

#[test]
fn unix_socket_is_reached_without_tls() {
    let servers = TestServers::shared();
    for server in servers.all() {
        // PostgreSQL's clients name the directory, MySQL's the file.
        let path = match server.engine() {
            Engine::Postgres => server.socket_dir(),
            Engine::MariaDb | Engine::MySql => server.socket_path(),
        };
        // What counts over TCP alone does no harm.
        let changes = [
            ("WA_DB_HOSTNAME", text(&path)),
            ("WA_DB_SSL_CA", text(servers.ca_file())),
            ("WA_DB_ALLOWED_NETWORKS", "10.0.0.0/8"),
        ];
        let variables = with(&server.env(), changes);
        let outcome = check("webapp", &variables);
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:#?}");
        let target = outcome.target();
        let endpoint = target["endpoint"].as_str().unwrap();
        assert!(endpoint.starts_with(text(&path)), "{endpoint}");
        let expected = ["ok", "skipped", "ok", "skipped", "ok", "ok", "ok"];
        let stages = target["stages"].as_array().unwrap();
        assert!(
            stages.iter().map(|stage| &stage["status"]).eq(expected),
            "{target:#}"
        );
        assert_eq!(target["tls"], Value::Null);
        assert_eq!(target["server"]["encrypted"], false);
        assert_eq!(target["pool"]["opened"], 1);
    }
}

#[test]
fn unix_socket_that_is_not_there_is_refused() {
    for (engine, path) in [("PGSQL", "/nowhere"), ("MYSQL", "/nowhere/mysql.sock")] {
        let pairs = [
            ("WA_DB_ENGINE", engine),
            ("WA_DB_HOSTNAME", path),
            ("WA_DB_USERNAME", "app"),
        ];
        let outcome = check("coreapp", &with(&std::collections::BTreeMap::new(), pairs));
        assert_eq!(
            outcome.verdict(),
            (12, "connection_refused".to_owned()),
            "{outcome:#?}"
        );
    }
}
