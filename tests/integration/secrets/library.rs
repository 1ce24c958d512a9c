//! Whatever the library's values say of themselves, and what it tells `tracing`.

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use wa_db::connect::{MySqlConnector, PostgresConnector};
use wa_db::pool::Pool;
use wa_db::secret::Secret;
use wa_db::settings::{Environment, Role, Settings};
use wa_db::tls::TlsPolicy;
use wa_db_lab::pki::{Ca, Leaf, write_file, write_private};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::canary::Canaries;
use crate::support::{Variables, text, with};

const KEY_PASSWORD: &str = "canary-keypass-71d0";
const OPTION_TAIL: &str = "canary-option-93ab";
const WRONG: &str = "canary-wrong-4e2f";

#[test]
fn no_value_of_the_library_shows_a_secret_nor_does_what_it_logs() {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).client_ca(&ca);
    for server in &Server::start_all(&options) {
        let directory = tempfile::tempdir().unwrap();
        let client = ca.issue(&Leaf::client().cn("app"));
        let path = |name: &str| directory.path().join(name);
        write_file(&path("ca.pem"), ca.cert_pem());
        write_file(&path("cert.pem"), client.chain_pem());
        write_private(
            &path("key.pem"),
            client.key().encrypted_pkcs8_pem(KEY_PASSWORD),
        );
        write_private(&path("key-password"), KEY_PASSWORD);
        let tail = format!("password={OPTION_TAIL}");
        let variables = with(
            &server.env(),
            [
                ("WA_DB_SSL_CA", text(&path("ca.pem"))),
                ("WA_DB_SSL_CERT", text(&path("cert.pem"))),
                ("WA_DB_SSL_KEY", text(&path("key.pem"))),
                ("WA_DB_SSL_KEY_PASSWORD_FILE", text(&path("key-password"))),
                ("WA_DB_CONNECTION_OPTION", &tail),
            ],
        );
        let canaries = Canaries::default()
            .text("WA_DB_PASSWORD", server.password())
            .text("the wrong password", WRONG)
            .text("the key's password", KEY_PASSWORD)
            .text("WA_DB_CONNECTION_OPTION", OPTION_TAIL)
            .key(client.key());
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("wa_db=trace"))
            .with_writer(log.clone())
            .finish();
        let shown = tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(everything(server, &variables))
        });
        for (what, shown) in shown {
            canaries.absent_from(&what, shown.as_bytes());
        }
        let logged = log.text();
        assert!(logged.contains("wa_db"), "nothing was logged: {logged}");
        canaries.absent_from("the log", logged.as_bytes());
    }
}

/// All that can be shown of a good connection and of a refused one.
async fn everything(server: &Server, variables: &Variables) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    let environment = Environment::from_pairs(variables.clone());
    debug(&mut shown, "Environment", &environment);
    for role in [Role::Webapp, Role::Coreapp] {
        let settings = Settings::from_environment(role, &environment).unwrap();
        debug(&mut shown, "Settings", &settings);
        debug(&mut shown, "password", settings.password());
        debug(&mut shown, "secret", &settings.password().read().unwrap());
        debug(&mut shown, "effective", &settings.effective());
        debug(&mut shown, "warnings", &settings.warnings());
        debug(
            &mut shown,
            "TlsPolicy",
            &TlsPolicy::load(settings.tls()).unwrap(),
        );
        connectors(&mut shown, server, &settings).await;
        let pool = Pool::connect(&settings).await.unwrap();
        debug(&mut shown, "Pool", &pool);
        debug(&mut shown, "Client", &pool.get().await.unwrap());
        debug(&mut shown, "status", &pool.status());
        pool.close(Duration::from_secs(5)).await.unwrap();
        error(&mut shown, "closed pool", &pool.get().await.unwrap_err());
    }
    for (what, changes) in [
        ("refused login", [("WA_DB_PASSWORD", WRONG)]),
        (
            "missing database",
            [("WA_DB_NAME", "no_database_of_this_name")],
        ),
        ("other name", [("WA_DB_SSL_SERVER_NAME", "other.lab")]),
        ("nobody there", [("WA_DB_PORT", "1")]),
    ] {
        let environment = Environment::from_pairs(with(variables, changes));
        let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
        connectors(&mut shown, server, &settings).await;
        error(
            &mut shown,
            what,
            &Pool::connect(&settings).await.unwrap_err(),
        );
    }
    // Found only when the files are read.
    let environment =
        Environment::from_pairs(with(variables, [("WA_DB_SSL_KEY_PASSWORD_FILE", WRONG)]));
    let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
    debug(&mut shown, "Settings with a password as path", &settings);
    let refused = Pool::connect(&settings).await;
    error(&mut shown, "a password as path", &refused.unwrap_err());
    for changes in [
        [("WA_DB_PASSWORD", ""), ("WA_DB_PASSWORD_FILE", WRONG)],
        [("WA_DB_PASSWORD_FILE", "/also.set"), ("WA_DB_PORT", "x")],
        [
            ("WA_DB_CONNECTION_OPTION", "sslmode=canary-option-93ab"),
            ("WA_DB_TARGET", "x"),
        ],
    ] {
        let environment = Environment::from_pairs(with(variables, changes));
        let refused = Settings::from_environment(Role::Coreapp, &environment);
        error(&mut shown, "SettingsError", &refused.unwrap_err());
    }
    shown
}

/// The connector of the server's engine, and what comes of it.
async fn connectors(shown: &mut Vec<(String, String)>, server: &Server, settings: &Settings) {
    if server.engine() == Engine::Postgres {
        let connector = PostgresConnector::new(settings).unwrap();
        debug(shown, "PostgresConnector", &connector);
        match connector.connect().await {
            Ok(connection) => {
                debug(shown, "PostgresConnection", &connection);
                debug(shown, "monitor", &connection.monitor);
                connection.task.abort();
            }
            Err(refused) => error(shown, "ConnectError", &refused),
        }
    } else {
        let connector = MySqlConnector::new(settings).unwrap();
        debug(shown, "MySqlConnector", &connector);
        match connector.connect().await {
            Ok(connection) => debug(shown, "MySqlConnection", &connection),
            Err(refused) => error(shown, "ConnectError", &refused),
        }
    }
}

#[test]
fn secret_shows_nothing_in_any_format() {
    let secret = Secret::new("canary-secret-0b7e");
    let canaries = Canaries::default().text("the secret", "canary-secret-0b7e");
    let mut shown = Vec::new();
    debug(&mut shown, "Secret", &secret);
    debug(&mut shown, "Option", &Some(secret.clone()));
    for (what, text) in shown {
        canaries.absent_from(&what, text.as_bytes());
    }
}

fn debug(shown: &mut Vec<(String, String)>, what: &str, value: &(impl Debug + ?Sized)) {
    shown.push((format!("{what} in Debug"), format!("{value:?}")));
    shown.push((format!("{what} in alternate Debug"), format!("{value:#?}")));
}

/// An error and all that caused it.
fn error(shown: &mut Vec<(String, String)>, what: &str, error: &impl Error) {
    debug(shown, what, error);
    shown.push((format!("{what} in Display"), format!("{error} {error:#}")));
    let mut cause = error.source();
    while let Some(inner) = cause {
        debug(shown, &format!("cause of {what}"), inner);
        shown.push((format!("cause of {what}"), format!("{inner} {inner:#}")));
        cause = inner.source();
    }
}

/// Lines that are kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
