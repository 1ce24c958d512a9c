//! What these tests share: a tunnel before a server of the lab, on TCP and on a Unix socket.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use tempfile::TempDir;
use wa_db::mysql_async::{Conn, OptsBuilder};
use wa_db_lab::server::{Engine, Server, TestServers};

use super::super::running::Tunnel;
use super::programs::{Place, Program};
use crate::support::{Variables, text, with};

/// The servers that speak this protocol.
pub(super) static ENGINES: [Engine; 2] = [Engine::MariaDb, Engine::MySql];

/// The client programs that can log in at a server: MySQL's own has forgotten MariaDB's methods.
pub(super) fn clients_of(engine: Engine) -> &'static [Engine] {
    match engine {
        Engine::MySql => &ENGINES,
        _ => &[Engine::MariaDb],
    }
}

/// A running tunnel with both kinds of listener.
pub(super) struct Stand {
    tunnel: Tunnel,
    directory: TempDir,
}

impl Stand {
    /// Before a server of the lab, which is verified.
    pub(super) fn before(server: &Server, servers: &TestServers) -> Self {
        Self::start(&[], &trusting(server, servers))
    }

    pub(super) fn start(arguments: &[&str], variables: &Variables) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = format!("unix:{}/t.sock", directory.path().display());
        let listen = ["--listen", "127.0.0.1:0", "--listen", &socket];
        let arguments = [&listen, arguments].concat();
        Self {
            tunnel: Tunnel::start(&arguments, variables),
            directory,
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("t.sock")
    }

    /// Both ways in.
    pub(super) fn places(&self) -> [Place; 2] {
        [Place::Tcp(self.port()), Place::Unix(self.socket())]
    }
}

/// A client program that is to log in as `app` with this password.
pub(super) fn app(client: Engine, place: &Place, password: &str) -> Program {
    Program::new(client, place, "app", password)
}

/// A connection of `mysql_async`.
pub(super) async fn driver(place: &Place, password: &str) -> Conn {
    Conn::new(options(place, password)).await.unwrap()
}

impl Deref for Stand {
    type Target = Tunnel;

    fn deref(&self) -> &Tunnel {
        &self.tunnel
    }
}

impl DerefMut for Stand {
    fn deref_mut(&mut self) -> &mut Tunnel {
        &mut self.tunnel
    }
}

/// What `mysql_async` is told.
pub(super) fn options(place: &Place, password: &str) -> OptsBuilder {
    let options = OptsBuilder::default()
        .user(Some("app"))
        .pass(Some(password))
        .db_name(Some("appdb"))
        .prefer_socket(false);
    match place {
        Place::Tcp(port) => options.ip_or_hostname("127.0.0.1").tcp_port(*port),
        Place::Unix(path) => options.socket(Some(text(path))),
    }
}

/// The variables that lead to a server and trust it.
pub(super) fn trusting(server: &Server, servers: &TestServers) -> Variables {
    with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))])
}
