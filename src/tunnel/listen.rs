//! Where clients connect: [`Listener`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use super::client::{ClientStream, Incoming, Peer};
use super::options::ListenAddress;
use super::plan::Plan;
use super::unix_socket::BoundSocket;
use crate::code::ErrorCode;
use crate::serve::{ListenerTls, is_local};
use crate::settings::{AllowedNetworks, Fault};
use crate::wire::dial::KEEPALIVE_IDLE;

/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// One place where clients connect, and who may.
pub(super) struct Listener {
    place: ListenAddress,
    socket: Bound,
}

enum Bound {
    Tcp {
        listener: TcpListener,
        /// `None`: whoever can reach it, since only this machine can.
        allowed: Option<AllowedNetworks>,
        tls: Option<Arc<ListenerTls>>,
    },
    Unix {
        socket: BoundSocket,
        /// The users whose processes may connect.
        users: Arc<[u32]>,
    },
}

/// A client at the door.
pub(super) enum Arrival {
    /// It may come in, if there is room.
    Welcome(Incoming),
    /// It may not, whatever room there is.
    Stranger(Incoming),
}

impl Listener {
    /// Opens a place of the plan.
    ///
    /// # Errors
    /// The address is taken, not this machine's, or not allowed to this user.
    pub(super) fn open(
        place: &ListenAddress,
        plan: &Plan,
        tls: Option<&Arc<ListenerTls>>,
        users: &Arc<[u32]>,
    ) -> Result<Self, Fault> {
        let opened = match place {
            ListenAddress::Tcp(address) => Self::tcp(*address, plan, tls),
            ListenAddress::Unix(path) => Self::unix(path, users),
        };
        opened.map_err(|error| {
            Fault::new(
                ErrorCode::VariableInvalid,
                "--listen",
                format!("--listen {place} cannot be listened on: {error}"),
                hint(place, &error),
            )
        })
    }

    fn tcp(address: SocketAddr, plan: &Plan, tls: Option<&Arc<ListenerTls>>) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        // A restart must not wait for the last connections of the one before.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let is_local = is_local(address.ip());
        Ok(Self {
            place: ListenAddress::Tcp(listener.local_addr()?),
            socket: Bound::Tcp {
                listener,
                allowed: plan.exposure.allowed_clients.clone().filter(|_| !is_local),
                tls: tls.cloned(),
            },
        })
    }

    fn unix(path: &Path, users: &Arc<[u32]>) -> io::Result<Self> {
        let socket = BoundSocket::bind(path)?;
        let (ours, place) = (rustix::process::geteuid().as_raw(), path.display());
        if let Some(group) = socket.group_of_ours() {
            // The kernel asks for nothing more of root.
            for uid in users.iter().filter(|uid| **uid != ours && **uid != 0) {
                tracing::warn!(%place, "--client-uid {uid}: the socket is open to its owner and to group {group}, which is the tunnel's own; unless that user is in this group, make the socket's directory with: install -d -m 2750 -g GROUP, with a group that it is in");
            }
        }
        Ok(Self {
            place: ListenAddress::Unix(path.to_owned()),
            socket: Bound::Unix {
                socket,
                users: Arc::clone(users),
            },
        })
    }

    /// Where it really listens: with the port that the system chose, where it was left to it.
    pub(super) fn place(&self) -> &ListenAddress {
        &self.place
    }

    /// Waits for the next client.
    ///
    /// # Errors
    /// The system cannot give the connection, for want of descriptors as a rule.
    ///
    /// # Cancel Safety
    /// A client that was not returned still waits.
    pub(super) async fn accept(&self) -> io::Result<Arrival> {
        match &self.socket {
            Bound::Tcp {
                listener,
                allowed,
                tls,
            } => {
                let (stream, from) = listener.accept().await?;
                tune(&stream);
                let ip = from.ip().to_canonical();
                let incoming = Incoming {
                    stream: ClientStream::Tcp(stream),
                    peer: Peer::Address(ip),
                    tls: tls.as_ref().map(|tls| tls.current().context),
                };
                Ok(judge(incoming, may_connect(allowed.as_ref(), ip)))
            }
            Bound::Unix { socket, users } => {
                let (stream, _) = socket.listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                let incoming = Incoming {
                    stream: ClientStream::Unix(stream),
                    peer: Peer::User(user),
                    tls: None,
                };
                Ok(judge(incoming, users.contains(&user)))
            }
        }
    }
}

/// What to do about a place that cannot be listened on.
fn hint(place: &ListenAddress, error: &io::Error) -> &'static str {
    let is_file = matches!(place, ListenAddress::Unix(_));
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => "name an address of this machine with --listen",
        io::ErrorKind::NotFound => "make the directory of the socket first",
        io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput if is_file => {
            "name another path with --listen; it may have 107 bytes"
        }
        io::ErrorKind::PermissionDenied if is_file => {
            "name a path in a directory that the tunnel's user may write to"
        }
        io::ErrorKind::PermissionDenied => {
            "name a port from 1024 on; lower ones need CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AlreadyExists => {
            "look at what is there and remove it if nobody needs it, or name another path with --listen"
        }
        io::ErrorKind::InvalidData => {
            "run chmod o-w on the directory, or name a path in one that only the tunnel's user may write to"
        }
        _ => "end what listens there, or name another place with --listen",
    }
}

fn judge(incoming: Incoming, may: bool) -> Arrival {
    if may {
        Arrival::Welcome(incoming)
    } else {
        Arrival::Stranger(incoming)
    }
}

fn may_connect(allowed: Option<&AllowedNetworks>, ip: IpAddr) -> bool {
    allowed.is_none_or(|networks| networks.allows(ip))
}

/// A client that is gone without a word must not hold its place forever.
fn tune(stream: &TcpStream) {
    // What cannot be set costs speed or patience, not correctness.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}
