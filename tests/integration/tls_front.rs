//! A server of either protocol up to the end of TLS, for handshakes that no real server can be
//! brought to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod};
use wa_db_lab::fake::{mysql_greeting, mysql_packet};
use wa_db_lab::pki::Issued;
use wa_db_lab::server::Engine;

use crate::support::Variables;

/// Bytes of a client's request for TLS: a MySQL packet of 32 bytes, or PostgreSQL's eight.
const MYSQL_REQUEST: usize = 36;
const POSTGRES_REQUEST: usize = 8;

/// How much is kept of what a client says after TLS: PostgreSQL's length and protocol version.
pub(crate) const FIRST: usize = 8;

/// How long a client may take for each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running front; dropping it ends it.
pub(crate) struct TlsFront {
    engine: Engine,
    secured: Arc<Mutex<Vec<u8>>>,
    port: u16,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// Starts a front with this certificate and whatever else `configure` says of its TLS.
    pub(crate) fn start(
        engine: Engine,
        certificate: &Issued,
        configure: impl FnOnce(&mut SslAcceptorBuilder),
    ) -> Self {
        let builder = builder(certificate, configure);
        Self::serving(engine, builder.build(), greet)
    }

    /// Starts a PostgreSQL front that expects TLS from the first byte on.
    pub(crate) fn start_direct(
        certificate: &Issued,
        configure: impl FnOnce(&mut SslAcceptorBuilder),
    ) -> Self {
        let builder = builder(certificate, configure);
        Self::serving(Engine::Postgres, builder.build(), |_, _| Ok(()))
    }

    fn serving(engine: Engine, acceptor: SslAcceptor, greet: Greet) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let secured = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&secured);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // What a client does with its handshake is for the test to judge.
                let _ = serve(engine, &acceptor, stream, greet, &record);
            }
        });
        Self {
            engine,
            secured,
            port,
            stop,
            accepting: Some(accepting),
        }
    }

    /// The first bytes that clients sent once TLS was set up, at most [`FIRST`] of each.
    pub(crate) fn secured(&self) -> Vec<u8> {
        self.secured.lock().unwrap().clone()
    }

    /// The variables that reach it; what to trust is not said.
    pub(crate) fn env(&self) -> Variables {
        let port = self.port.to_string();
        let pairs = [
            ("WA_DB_ENGINE", self.engine.wa_db_engine()),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &port),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_PASSWORD", "not-to-be-sent"),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread out of its accept.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// What goes before TLS.
type Greet = fn(Engine, &mut TcpStream) -> std::io::Result<()>;

fn builder(
    certificate: &Issued,
    configure: impl FnOnce(&mut SslAcceptorBuilder),
) -> SslAcceptorBuilder {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_certificate(&certificate.x509()).unwrap();
    builder.set_private_key(certificate.key().pkey()).unwrap();
    configure(&mut builder);
    builder
}

fn greet(engine: Engine, stream: &mut TcpStream) -> std::io::Result<()> {
    if engine == Engine::Postgres {
        stream.read_exact(&mut [0; POSTGRES_REQUEST])?;
        stream.write_all(b"S")
    } else {
        let greeting = mysql_greeting("8.4.6", "caching_sha2_password", true);
        stream.write_all(&mysql_packet(0, &greeting))?;
        stream.read_exact(&mut [0; MYSQL_REQUEST])
    }
}

fn serve(
    engine: Engine,
    acceptor: &SslAcceptor,
    mut stream: TcpStream,
    greet: Greet,
    record: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    greet(engine, &mut stream)?;
    let mut stream = acceptor.accept(stream).map_err(std::io::Error::other)?;
    // A client that came so far is not answered.
    let mut first = [0; FIRST];
    stream.read_exact(&mut first)?;
    record.lock().unwrap().extend(first);
    Ok(())
}
