//! [`Way`]: a way to a server that decides what becomes of each connection.

use std::future::pending;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use wa_db_lab::server::Server;

use crate::support::text;

/// What becomes of a connection.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Carried,
    CutOff,
    HeldUp,
    HeldUpAfterGreeting,
}

/// A place to connect to instead of the server's own.
pub(super) struct Way<'a> {
    server: &'a Server,
    listener: Listener,
    /// Of the settings, the variable that leads there.
    variable: (&'static str, String),
}

enum Listener {
    Port(TcpListener),
    /// With the directory that it is in.
    Socket(
        UnixListener,
        #[expect(dead_code, reason = "dropped with it")] TempDir,
    ),
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl<'a> Way<'a> {
    pub(super) async fn by_port(server: &'a Server) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        Self {
            server,
            listener: Listener::Port(listener),
            variable: ("WA_DB_PORT", port),
        }
    }

    pub(super) fn by_socket(server: &'a Server) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("way.sock");
        let listener = UnixListener::bind(&path).unwrap();
        Self {
            server,
            listener: Listener::Socket(listener, directory),
            variable: ("WA_DB_HOSTNAME", text(&path).to_owned()),
        }
    }

    pub(super) fn variable(&self) -> (&str, &str) {
        (self.variable.0, &self.variable.1)
    }

    /// Serves one connection after the other, for good. `fate` is given the number of each, from 1 on.
    pub(super) async fn carry(&self, fate: impl Fn(usize) -> Fate) {
        for connection in 1.. {
            let (mut client, mut server) = self.accept().await;
            match fate(connection) {
                Fate::Carried => drop(copy_bidirectional(&mut client, &mut server).await),
                Fate::CutOff => {}
                Fate::HeldUp => pending().await,
                Fate::HeldUpAfterGreeting => {
                    let mut greeting = [0; 1024];
                    let length = server.read(&mut greeting).await.unwrap();
                    client.write_all(&greeting[..length]).await.unwrap();
                    pending::<()>().await;
                }
            }
        }
    }

    /// The next client, and a connection to the server for it.
    async fn accept(&self) -> (Box<dyn Stream>, Box<dyn Stream>) {
        match &self.listener {
            Listener::Port(listener) => {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", self.server.port())).await;
                (Box::new(client), Box::new(server.unwrap()))
            }
            Listener::Socket(listener, _) => {
                let (client, _) = listener.accept().await.unwrap();
                let server = UnixStream::connect(self.server.socket_path()).await;
                (Box::new(client), Box::new(server.unwrap()))
            }
        }
    }
}
