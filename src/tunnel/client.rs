//! The local end of a session: who it is ([`Peer`]) and its bytes ([`ClientStream`]).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpStream as StdTcpStream};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use openssl::ssl::{Ssl, SslContext};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_openssl::SslStream;

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    /// From this address.
    Address(IpAddr),
    /// A process of this user, through a Unix socket.
    User(u32),
}

impl Peer {
    /// Who it counts as where sessions are shared out: an IPv6 host has a whole /64 to come from.
    pub(super) fn household(self) -> Self {
        match self {
            Self::Address(IpAddr::V6(ip)) if !ip.is_loopback() => {
                Self::Address(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into())
            }
            other => other,
        }
    }

    /// Whether it is on this machine, where all share one address.
    pub(super) fn is_local(self) -> bool {
        match self {
            Self::Address(ip) => ip.is_loopback(),
            Self::User(_) => true,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => write!(f, "{ip}"),
            Self::User(uid) => write!(f, "uid {uid}"),
        }
    }
}

/// A client that was let in and has not been listened to yet.
pub(super) struct Incoming {
    pub(super) stream: ClientStream,
    pub(super) peer: Peer,
    /// What a listener that speaks TLS presents. Such a listener hears nothing but TLS.
    pub(super) tls: Option<SslContext>,
}

/// The same between two threads.
pub(super) struct Detached {
    stream: DetachedStream,
    peer: Peer,
    tls: Option<SslContext>,
}

enum DetachedStream {
    Tcp(StdTcpStream),
    Unix(StdUnixStream),
}

impl Incoming {
    /// Takes it off the runtime of this thread.
    ///
    /// # Errors
    /// The runtime does not let it go, or it has begun to speak TLS, which is not over halfway.
    pub(super) fn detach(self) -> io::Result<Detached> {
        let stream = match self.stream {
            ClientStream::Tcp(stream) => DetachedStream::Tcp(stream.into_std()?),
            ClientStream::Unix(stream) => DetachedStream::Unix(stream.into_std()?),
            ClientStream::Tls(_) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Ok(Detached {
            stream,
            peer: self.peer,
            tls: self.tls,
        })
    }
}

impl Detached {
    /// Puts it on the runtime of this thread.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub(super) fn attach(self) -> io::Result<Incoming> {
        let stream = match self.stream {
            DetachedStream::Tcp(stream) => ClientStream::Tcp(TcpStream::from_std(stream)?),
            DetachedStream::Unix(stream) => ClientStream::Unix(UnixStream::from_std(stream)?),
        };
        Ok(Incoming {
            stream,
            peer: self.peer,
            tls: self.tls,
        })
    }
}

/// The bytes from and to a client.
pub(super) enum ClientStream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl ClientStream {
    /// Whether others could read along, were it not this machine: the client sees no TLS.
    pub(super) fn is_plaintext(&self) -> bool {
        !matches!(self, Self::Tls(_))
    }

    /// Performs the handshake with a client whose next byte is TLS.
    ///
    /// # Errors
    /// The handshake failed: no protocol in common, or no certificate that is trusted.
    pub(super) async fn secure(self, tls: &SslContext) -> io::Result<Self> {
        let Self::Tcp(stream) = self else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let ssl = Ssl::new(tls).map_err(io::Error::other)?;
        let mut stream = SslStream::new(ssl, stream).map_err(io::Error::other)?;
        Pin::new(&mut stream)
            .accept()
            .await
            .map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// The TLS that was set up, if any.
    pub(super) fn ssl(&self) -> Option<&openssl::ssl::SslRef> {
        match self {
            Self::Tls(stream) => Some(stream.ssl()),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// Ends this side of the connection, within which TLS says nothing more.
    pub(super) fn shut(&self) {
        // One that is gone already need not be told.
        let _ = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Tls(stream) => SockRef::from(stream.get_ref()).shutdown(Shutdown::Write),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        };
    }

    /// Lets the close that follows reset the connection. A Unix socket has no such thing.
    pub(super) fn reset(&self) {
        match self {
            Self::Tcp(stream) => reset(stream),
            Self::Tls(stream) => reset(stream.get_ref()),
            Self::Unix(_) => {}
        }
    }
}

/// Lets the close that follows reset the connection, so that the peer learns that it was no end.
pub(super) fn reset(stream: &TcpStream) {
    // Where it cannot be set the peer sees an ordinary end.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buffer),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
