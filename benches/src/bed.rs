//! What everything is measured against: one server of each engine, all with the same certificate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{DATABASE, Engine, Server, ServerOptions, TestServers, USER};

/// The name by which every contestant reaches the servers, and that their certificate carries.
pub(crate) const HOST: &str = "localhost";
/// The account, its database.
pub(crate) use wa_db_lab::server::{DATABASE as DB, USER as ACCOUNT};

/// Enough for a pool of every contestant at once, and for the memory table.
const MAX_CONNECTIONS: &str = "400";

/// The running servers.
pub(crate) struct Bed {
    servers: [Server; 3],
    targets: [Target; 3],
}

/// All that a contestant needs to know to reach one server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) engine: Engine,
    /// Product and version.
    pub(crate) label: String,
    pub(crate) port: u16,
    pub(crate) password: String,
    pub(crate) ca_file: PathBuf,
}

impl Bed {
    /// Starts the servers.
    pub(crate) fn start() -> Self {
        let ca = Ca::root("wa-db bench root");
        let certificate = ca.issue(&TestServers::leaf());
        let options = ServerOptions::tls(&certificate).setting("max_connections", MAX_CONNECTIONS);
        let servers = Server::start_all(&options);
        let targets = servers.each_ref().map(|server| Target {
            engine: server.engine(),
            label: label(server),
            port: server.port(),
            password: server.password().to_owned(),
            ca_file: server.file("ca.pem", ca.cert_pem()),
        });
        Self { servers, targets }
    }

    /// One of each engine.
    pub(crate) fn targets(&self) -> &[Target; 3] {
        &self.targets
    }

    /// Whether every server still runs; a table measured against a dead one would mean nothing.
    pub(crate) fn is_alive(&self) -> bool {
        self.servers.iter().all(|server| server.pid().is_some())
    }
}

impl Target {
    /// The `WA_DB_*` variables that reach it, with a pool of this size.
    pub(crate) fn variables(&self, pool_size: usize) -> BTreeMap<String, String> {
        let pairs = [
            ("WA_DB_ENGINE", self.engine.wa_db_engine().to_owned()),
            ("WA_DB_HOSTNAME", HOST.to_owned()),
            ("WA_DB_PORT", self.port.to_string()),
            ("WA_DB_USERNAME", USER.to_owned()),
            ("WA_DB_PASSWORD", self.password.clone()),
            ("WA_DB_NAME", DATABASE.to_owned()),
            ("WA_DB_SSL_CA", self.ca_file.display().to_string()),
            ("WA_DB_POOL_MAX_SIZE", pool_size.to_string()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The same as settings.
    pub(crate) fn settings(&self, pool_size: usize) -> Settings {
        let environment = Environment::from_pairs(self.variables(pool_size));
        Settings::from_environment(Role::Webapp, &environment).expect("the settings are right")
    }

    /// The CA's certificate for native-tls.
    pub(crate) fn ca(&self) -> native_tls::Certificate {
        let pem = std::fs::read(&self.ca_file).expect("the CA file can be read");
        native_tls::Certificate::from_pem(&pem).expect("the CA file holds a certificate")
    }
}

fn label(server: &Server) -> String {
    let product = match server.engine() {
        Engine::Postgres => "PostgreSQL",
        Engine::MariaDb => "MariaDB",
        Engine::MySql => "MySQL",
    };
    format!("{product} {}", server.version())
}
