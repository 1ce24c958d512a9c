//! Listeners that say nothing: one that accepts, one that cannot be reached, one that only counts.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::ops::Deref;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::server::FakeServer;

/// A listener that accepts every connection, records what comes and never answers.
#[derive(Debug)]
pub struct SilentListener(FakeServer);

impl SilentListener {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start() -> io::Result<Self> {
        FakeServer::start(super::link::Link::hold).map(Self)
    }
}

impl Deref for SilentListener {
    type Target = FakeServer;

    fn deref(&self) -> &FakeServer {
        &self.0
    }
}

/// An address on which a TCP connect gets no answer at all: a listener that never accepts and whose
/// queue is full, so that the kernel drops every further SYN.
#[derive(Debug)]
pub struct Unreachable {
    address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl Unreachable {
    /// Binds a free loopback port and fills its queue.
    ///
    /// # Errors
    /// When no port is free or the queue takes more than a hundred connections.
    pub fn start() -> io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        listener.listen(0)?;
        let address = listener
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("not an address of the internet"))?;
        let mut queue = Vec::new();
        for _ in 0..100 {
            match TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
                Ok(stream) => queue.push(stream),
                // Nothing that takes a first one is full: this machine was slow.
                Err(error) if error.kind() == io::ErrorKind::TimedOut && queue.is_empty() => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(Self {
                        address,
                        _listener: listener,
                        _queue: queue,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the queue of the listener does not fill"))
    }

    /// The address that does not answer.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// A Unix socket that nobody should dial: it counts who does, and hangs up.
#[derive(Debug)]
pub struct UnixTrap {
    path: PathBuf,
    listener: Arc<UnixListener>,
    caught: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl UnixTrap {
    /// Listens at `path`, which must be free.
    ///
    /// # Errors
    /// When the path cannot be bound.
    pub fn start(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let listener = Arc::new(UnixListener::bind(&path)?);
        let caught = Arc::new(AtomicUsize::new(0));
        let (shared, count) = (Arc::clone(&listener), Arc::clone(&caught));
        let accepting = thread::Builder::new()
            .name("unix-trap".into())
            .spawn(move || {
                while let Ok((_client, _)) = shared.accept() {
                    // Counted before the client is hung up on, which it may be waiting for.
                    count.fetch_add(1, Ordering::SeqCst);
                }
            })?;
        Ok(Self {
            path,
            listener,
            caught,
            accepting: Some(accepting),
        })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many clients dialled it.
    pub fn connections(&self) -> usize {
        self.caught.load(Ordering::SeqCst)
    }
}

impl Drop for UnixTrap {
    fn drop(&mut self) {
        // Shutting a listener down wakes the thread that waits in accept.
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}
