//! A listener on loopback that plays a script to every client and keeps the record.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::X509;
use socket2::SockRef;

use super::link::{FLOOD_TIME, Halt, Link, Played};
use super::seen::{Event, Seen};
use super::stop::{Stop, lock};

/// A certificate chain, leaf first, and the leaf's key, both PEM.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// The leaf, then its intermediates.
    pub cert_chain_pem: String,
    /// The leaf's private key, not encrypted.
    pub key_pem: String,
}

impl TlsIdentity {
    /// A server's half of TLS 1.2 and 1.3 with this identity.
    pub(crate) fn acceptor(&self) -> io::Result<SslAcceptor> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        let chain = X509::stack_from_pem(self.cert_chain_pem.as_bytes())?;
        let (leaf, rest) = chain
            .split_first()
            .ok_or_else(|| io::Error::other("the chain holds no certificate"))?;
        builder.set_certificate(leaf)?;
        for certificate in rest {
            builder.add_extra_chain_cert(certificate.clone())?;
        }
        let key = PKey::private_key_from_pem(self.key_pem.as_bytes())?;
        builder.set_private_key(&key)?;
        builder.check_private_key()?;
        Ok(builder.build())
    }
}

/// A running fake. Dropping it closes its sockets and ends its threads within a second.
pub struct FakeServer {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

impl FakeServer {
    /// Listens on a free loopback port and plays `script` to every client, each on its own thread.
    pub(crate) fn start<F>(script: F) -> io::Result<Self>
    where
        F: Fn(&mut Link) -> Played + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            listener,
            stop: Arc::default(),
            clients: Mutex::default(),
            script: Box::new(script),
        });
        let shared = Arc::clone(&state);
        let accepting = thread::Builder::new()
            .name("fake-accept".into())
            .spawn(move || accept(&shared))?;
        Ok(Self {
            address,
            state,
            accepting: Some(accepting),
        })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        lock(&self.state.clients).len()
    }

    /// The record of every connection, in the order they came.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.clients)
            .iter()
            .map(|client| lock(&client.seen).clone())
            .collect()
    }

    /// Every byte received, connection after connection, what came in the clear before what came
    /// inside TLS.
    pub fn received(&self) -> Vec<u8> {
        self.seen()
            .into_iter()
            .flat_map(|seen| [seen.plain, seen.secured].concat())
            .collect()
    }

    /// Whether `needle` arrived on any one connection, in the clear or inside TLS.
    pub fn received_contains(&self, needle: &[u8]) -> bool {
        self.seen().iter().any(|seen| seen.contains(needle))
    }

    /// The steps of the protocol over all connections.
    pub fn events(&self) -> Vec<Event> {
        self.seen()
            .into_iter()
            .flat_map(|seen| seen.events)
            .collect()
    }

    /// How many bytes the fake got rid of, over all connections.
    pub fn sent(&self) -> u64 {
        self.seen().iter().map(|seen| seen.sent).sum()
    }

    /// Waits until at least one client came and all of them are gone, so that the record is whole;
    /// false when that did not happen in time.
    pub fn wait_ended(&self, limit: Duration) -> bool {
        self.wait_for(limit, |seen| {
            !seen.is_empty() && seen.iter().all(|client| client.ended)
        })
    }

    /// Waits until the record is as `wanted` says; false when that did not happen in time.
    pub fn wait_for(&self, limit: Duration, wanted: impl Fn(&[Seen]) -> bool) -> bool {
        let end = Instant::now() + limit;
        loop {
            if wanted(&self.seen()) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.state.stop.raise();
        // Shutting a listener down wakes the thread that waits in accept; an error means it is gone
        // already.
        let _ = SockRef::from(&self.state.listener).shutdown(Shutdown::Both);
        for client in lock(&self.state.clients).iter() {
            if let Some(socket) = client.socket.upgrade() {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

struct State {
    listener: TcpListener,
    stop: Arc<Stop>,
    clients: Mutex<Vec<Client>>,
    script: Box<dyn Fn(&mut Link) -> Played + Send + Sync>,
}

/// The socket is held weakly, so that it closes when its script ends.
struct Client {
    socket: Weak<TcpStream>,
    seen: Arc<Mutex<Seen>>,
}

fn accept(state: &Arc<State>) {
    let mut workers = Vec::new();
    while let Ok((socket, _)) = state.listener.accept() {
        let socket = Arc::new(socket);
        let seen = Arc::new(Mutex::new(Seen::default()));
        {
            // Under the lock that the owner's drop takes after raising the flag, so that no socket
            // is missed.
            let mut clients = lock(&state.clients);
            clients.push(Client {
                socket: Arc::downgrade(&socket),
                seen: Arc::clone(&seen),
            });
            if state.stop.is_raised() {
                break;
            }
        }
        let shared = Arc::clone(state);
        let worker = thread::Builder::new()
            .name("fake-client".into())
            .spawn(move || serve(&shared, socket, &seen));
        workers.extend(worker);
    }
    for worker in workers {
        let _ = worker.join();
    }
}

fn serve(state: &State, socket: Arc<TcpStream>, seen: &Arc<Mutex<Seen>>) {
    // Options that cannot be set leave a slower fake, not a wrong one.
    let _ = socket.set_nodelay(true);
    let _ = socket.set_write_timeout(Some(FLOOD_TIME));
    let mut link = Link::new(socket, Arc::clone(&state.stop), Arc::clone(seen));
    let played = (state.script)(&mut link);
    // The socket closes before the record says that it did.
    drop(link);
    let mut seen = lock(seen);
    if let Err(Halt::Broken(error)) = played {
        seen.error = Some(error.to_string());
    }
    seen.ended = true;
}
