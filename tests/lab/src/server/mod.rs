//! Real PostgreSQL, MariaDB and MySQL servers on loopback, in the TLS shape a test asks for.
//!
//! ```no_run
//! use wa_db_lab::pki::{Ca, Leaf};
//! use wa_db_lab::server::{Engine, Server, ServerOptions};
//!
//! let ca = Ca::root("lab root");
//! let certificate = ca.issue(&Leaf::server().cn("db.lab").dns("db.lab"));
//! let server = Server::start(Engine::Postgres, ServerOptions::tls(&certificate));
//! assert_eq!(server.sql("SELECT 1"), "1\n");
//! server.present(&ca.issue(&Leaf::server().cn("db.lab").dns("db.lab").expired()));
//! ```
//!
//! A server ends and its directory vanishes when it is dropped, and also when the test
//! process is killed or holds it in a static.

mod engine;
mod home;
mod keeper;
mod lifecycle;
mod mysql;
mod options;
mod postgres;
mod probe;
mod process;
mod programs;
mod shared;
mod template;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use engine::Engine;
pub use options::ServerOptions;
pub use programs::{client_program, newer_psql};
pub use shared::{Exclusive, Shared, TestServers};

use crate::pki::{Issued, write_file};
use home::Home;
use keeper::Keeper;
use process::Process;

/// The ordinary account each server has; its password differs from run to run.
pub const USER: &str = "app";
/// The account of MariaDB that logs in with ed25519, with the same password.
pub const ED25519_USER: &str = "app_ed25519";
/// The database the account owns.
pub const DATABASE: &str = "appdb";

/// A running server with a database `appdb` and an account `app` that owns it.
///
/// PostgreSQL stores the password for SCRAM-SHA-256, MariaDB for `mysql_native_password`,
/// MySQL for `caching_sha2_password`. MariaDB has `app_ed25519` besides.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    options: ServerOptions,
    port: u16,
    password: String,
    version: String,
    state: Mutex<State>,
    // After the state, so that the process is over before its directory goes.
    home: Home,
}

#[derive(Debug)]
struct State {
    process: Option<Process>,
    keeper: Keeper,
}

impl Server {
    /// What it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Its version as it prints it, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its port on 127.0.0.1 and, where the machine has it, on `::1`; restarts keep it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of its accounts.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The directory its Unix socket is in: the host of a PostgreSQL client.
    pub fn socket_dir(&self) -> PathBuf {
        self.home.run()
    }

    /// Its Unix socket: the host of a MySQL client.
    pub fn socket_path(&self) -> PathBuf {
        match self.engine {
            Engine::Postgres => self.home.run().join(format!(".s.PGSQL.{}", self.port)),
            _ => mysql::socket(&self.home),
        }
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.home.data()
    }

    /// The CA that a MySQL left alone made for itself.
    pub fn own_ca_file(&self) -> PathBuf {
        self.data_dir().join("ca.pem")
    }

    /// The common name, and only name, of the certificate that a MySQL left alone made.
    pub fn own_certificate_name(&self) -> String {
        let version = &self.version;
        format!("MySQL_Server_{version}_Auto_Generated_Server_Certificate")
    }

    /// Its process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.state().process.as_ref().map(Process::pid)
    }

    /// The `WA_DB_*` variables that reach it by 127.0.0.1 as `app`; what to trust is not said.
    pub fn env(&self) -> BTreeMap<String, String> {
        let port = self.port.to_string();
        let pairs = [
            ("WA_DB_ENGINE", self.engine.wa_db_engine()),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &port),
            ("WA_DB_USERNAME", USER),
            ("WA_DB_PASSWORD", &self.password),
            ("WA_DB_NAME", DATABASE),
        ];
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    /// Writes a file that lives as long as the server, such as the CA to trust.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.root().join(name);
        write_file(&path, content);
        path
    }

    /// Everything it logged so far, over all its restarts.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.home.log()).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs statements in `appdb` as superuser over the Unix socket; the rows as plain text,
    /// or the server's complaint.
    ///
    /// # Errors
    /// What the client program printed if a statement failed.
    pub fn try_sql(&self, statements: &str) -> Result<String, String> {
        self.sql_in(Some(DATABASE), statements)
    }

    /// The same where failing is not an option.
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql(statements)
            .unwrap_or_else(|error| panic!("{:?} refused {statements}: {error}", self.engine))
    }

    /// Ends every session but those the server itself needs, as a failover does.
    pub fn kill_backends(&self) {
        if self.engine == Engine::Postgres {
            self.sql(postgres::KILL_BACKENDS);
            return;
        }
        for id in self.sql(mysql::BACKENDS).lines() {
            // The session may have ended by itself meanwhile.
            let _ = self.try_sql(&format!("KILL {id}"));
        }
    }

    /// The file that it reads its certificate from, and what belongs to it.
    pub fn certificate_file(&self) -> PathBuf {
        self.home.certificate()
    }

    /// The file that it reads its key from; it is the server's own user's.
    pub fn key_file(&self) -> PathBuf {
        self.home.key()
    }

    /// Has the running server read its certificate and key again, sooner or later.
    pub fn reload_tls(&self) {
        match self.engine {
            Engine::Postgres => {
                let state = self.state();
                let process = state.process.as_ref().expect("the server runs");
                process.signal(Signal::HUP);
            }
            Engine::MariaDb => drop(self.sql("FLUSH SSL")),
            // Without the last words MySQL verifies a certificate before it presents it.
            Engine::MySql => drop(self.sql("ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR")),
        }
    }

    /// Has the running server present another certificate to new connections, and waits until
    /// it does. Existing sessions live on.
    pub fn present(&self, certificate: &Issued) {
        self.home.write_identity(certificate);
        self.reload_tls();
        self.wait_until_it_presents(certificate.cert_der());
    }

    /// Waits until new connections see a certificate, in DER.
    pub fn wait_until_it_presents(&self, certificate: &[u8]) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let served = probe::served_chain(self.engine, self.port);
            let leaf = served.as_ref().ok().and_then(|chain| chain.first());
            if leaf.is_some_and(|leaf| leaf == certificate) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{:?} does not present the new certificate ({served:?}):\n{}",
                self.engine,
                self.log()
            );
            sleep(Duration::from_millis(10));
        }
    }

    /// The certificates it really sends, leaf first, in DER, by a handshake of our own.
    ///
    /// # Errors
    /// If it takes no connection, or speaks no TLS.
    pub fn served_chain(&self) -> std::io::Result<Vec<Vec<u8>>> {
        probe::served_chain(self.engine, self.port)
    }

    /// The highest protocol it speaks with us, such as `TLSv1.3`.
    ///
    /// # Errors
    /// If it takes no connection, or speaks no TLS.
    pub fn negotiated_protocol(&self) -> std::io::Result<String> {
        let stream = probe::handshake(self.engine, self.port)?;
        Ok(stream.ssl().version_str().to_owned())
    }

    fn sql_in(&self, database: Option<&str>, statements: &str) -> Result<String, String> {
        let mut client = match self.engine {
            Engine::Postgres => postgres::client(&self.home, self.port, database),
            engine => mysql::client(engine, &self.home, database),
        };
        programs::run(&mut client, statements)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while holding it left a server that still has to be ended.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
