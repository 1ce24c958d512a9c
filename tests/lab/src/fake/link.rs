//! One accepted connection: plain or TLS, every received byte recorded.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use openssl::ssl::{SslAcceptor, SslStream};
use socket2::SockRef;

use super::seen::{Event, Handshake, Seen};
use super::stop::{Stop, lock};

/// A flood ends here even if the client takes everything.
pub(crate) const FLOOD_BYTES: u64 = 4 << 30;
/// A flood ends after this long, and so does a write that the client does not read.
pub(crate) const FLOOD_TIME: Duration = Duration::from_secs(20);
/// More than this is counted as received but not kept.
const KEPT: usize = 1 << 20;

/// Why a script goes no further on a connection.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It was played to its end.
    Over,
    /// The client left, or the connection broke.
    Broken(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// The result of one step of a script.
pub(crate) type Played<T = ()> = Result<T, Halt>;

/// One accepted connection.
pub(crate) struct Link {
    lane: Lane,
    socket: Arc<TcpStream>,
    stop: Arc<Stop>,
    seen: Arc<Mutex<Seen>>,
}

enum Lane {
    Plain(Pipe),
    Tls(Box<SslStream<Pipe>>),
    /// The handshake failed: nothing can be said any more.
    Lost,
}

impl Link {
    pub(crate) fn new(socket: Arc<TcpStream>, stop: Arc<Stop>, seen: Arc<Mutex<Seen>>) -> Self {
        let pipe = Pipe {
            socket: Arc::clone(&socket),
            stop: Arc::clone(&stop),
            drip: None,
        };
        Self {
            lane: Lane::Plain(pipe),
            socket,
            stop,
            seen,
        }
    }

    /// Notes a step of the protocol.
    pub(crate) fn note(&self, event: Event) {
        lock(&self.seen).events.push(event);
    }

    /// Whether TLS is up.
    pub(crate) fn is_secured(&self) -> bool {
        matches!(self.lane, Lane::Tls(_))
    }

    /// Sends `bytes` in one write, hence in one segment as long as they are few.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.lane {
            Lane::Plain(pipe) => pipe.write_all(bytes)?,
            Lane::Tls(stream) => stream.write_all(bytes)?,
            Lane::Lost => return Err(io::ErrorKind::NotConnected.into()),
        }
        lock(&self.seen).sent += bytes.len() as u64;
        Ok(())
    }

    /// Receives exactly `length` bytes.
    pub(crate) fn receive(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.read(&mut bytes[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(bytes)
    }

    /// Takes whatever comes, without an answer, until the client leaves.
    pub(crate) fn hold(&mut self) -> Played {
        let mut bytes = [0; 4096];
        while self.read(&mut bytes)? > 0 {}
        Err(Halt::Over)
    }

    /// Does the server's half of the TLS handshake; with `drip`, one byte at a time, this far
    /// apart.
    pub(crate) fn secure(
        &mut self,
        acceptor: &SslAcceptor,
        drip: Option<Duration>,
    ) -> io::Result<()> {
        let Lane::Plain(mut pipe) = std::mem::replace(&mut self.lane, Lane::Lost) else {
            return Err(io::Error::other("tls is already up"));
        };
        pipe.drip = drip;
        lock(&self.seen).handshake = Handshake::Started;
        match acceptor.accept(pipe) {
            Ok(stream) => {
                self.lane = Lane::Tls(Box::new(stream));
                lock(&self.seen).handshake = Handshake::Completed;
                Ok(())
            }
            Err(error) => {
                lock(&self.seen).handshake = Handshake::Failed(error.to_string());
                Err(io::Error::other(error.to_string()))
            }
        }
    }

    /// Reads the client's first TLS record and throws it away.
    pub(crate) fn swallow_hello(&mut self) -> io::Result<()> {
        let mut socket = &*self.socket;
        let mut head = [0; 5];
        socket.read_exact(&mut head)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        socket.read_exact(&mut body)
    }

    /// Closes so that the client gets a TCP reset.
    pub(crate) fn reset(&mut self) -> Played {
        // The reset goes out when the last owner of the socket lets go, with nothing sent before.
        SockRef::from(&*self.socket).set_linger(Some(Duration::ZERO))?;
        Err(Halt::Over)
    }

    /// Ends the sending direction and goes on listening.
    pub(crate) fn finish(&mut self) -> Played {
        self.socket.shutdown(Shutdown::Write)?;
        self.hold()
    }

    /// Sends what `next` returns over and over, as fast as the client takes it, up to the limits.
    pub(crate) fn flood(&mut self, mut next: impl FnMut() -> Vec<u8>) -> Played {
        let start = Instant::now();
        let mut total = 0_u64;
        while total < FLOOD_BYTES && start.elapsed() < FLOOD_TIME && !self.stop.is_raised() {
            let chunk = next();
            self.send(&chunk)?;
            total += chunk.len() as u64;
        }
        Err(Halt::Over)
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let secured = self.is_secured();
        let count = match &mut self.lane {
            Lane::Plain(pipe) => pipe.read(bytes)?,
            Lane::Tls(stream) => stream.read(bytes)?,
            Lane::Lost => return Err(io::ErrorKind::NotConnected.into()),
        };
        let mut seen = lock(&self.seen);
        let kept = if secured {
            &mut seen.secured
        } else {
            &mut seen.plain
        };
        let room = KEPT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&bytes[..room]);
        Ok(count)
    }
}

/// The socket as TLS sees it, slow on demand.
#[derive(Debug)]
struct Pipe {
    socket: Arc<TcpStream>,
    stop: Arc<Stop>,
    drip: Option<Duration>,
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self.socket).read(bytes)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = &*self.socket;
        match self.drip {
            Some(every) if !bytes.is_empty() => {
                if self.stop.pause(every) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                socket.write(&bytes[..1])
            }
            _ => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.socket).flush()
    }
}
