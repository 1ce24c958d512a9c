//! What everything is measured against: one server of each engine, all with the same certificate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use openssl::x509::X509;
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{DATABASE, Engine, Server, ServerOptions, TestServers, USER};

/// The name by which every contestant reaches the servers, and that their certificate carries.
pub(crate) const HOST: &str = "localhost";
/// The account, its database.
pub(crate) use wa_db_lab::server::{DATABASE as DB, USER as ACCOUNT};

/// An account of PostgreSQL with the same rights whose password is stored for MD5.
pub(crate) const MD5_ACCOUNT: &str = "app_md5";

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
        let options = ServerOptions::tls(&certificate)
            .setting("max_connections", MAX_CONNECTIONS)
            .hba(&format!("hostssl all {MD5_ACCOUNT} 127.0.0.1/32 md5"))
            .hba(&format!("hostssl all {MD5_ACCOUNT} ::1/128 md5"));
        let servers = Server::start_all(&options);
        let targets = servers.each_ref().map(|server| Target::of(server, &ca));
        for server in &servers {
            if server.engine() == Engine::Postgres {
                server.sql(&format!(
                    "SET password_encryption = 'md5'; \
                     CREATE ROLE {MD5_ACCOUNT} LOGIN PASSWORD '{}' IN ROLE {USER};",
                    server.password()
                ));
            }
        }
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
    /// A server and the CA that it is to be verified by.
    pub(crate) fn of(server: &Server, ca: &Ca) -> Self {
        Self {
            engine: server.engine(),
            label: label(server),
            port: server.port(),
            password: server.password().to_owned(),
            ca_file: server.file("ca.pem", ca.cert_pem()),
        }
    }

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

    /// The same with the CA's key pinned.
    pub(crate) fn pinned_settings(&self, pool_size: usize) -> Settings {
        let mut variables = self.variables(pool_size);
        variables.insert("WA_DB_SSL_PINS".to_owned(), self.ca_pin());
        let environment = Environment::from_pairs(variables);
        Settings::from_environment(Role::Webapp, &environment).expect("the settings are right")
    }

    fn ca_pin(&self) -> String {
        let pem = std::fs::read(&self.ca_file).expect("the CA file can be read");
        let key = X509::from_pem(&pem).and_then(|ca| ca.public_key()?.public_key_to_der());
        let key = key.expect("the CA file holds a certificate");
        format!(
            "sha256/{}",
            openssl::base64::encode_block(&openssl::sha::sha256(&key))
        )
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
