//! A network between a client and a real server that can fail on command.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::stop::{Stop, lock};

/// How often a frozen pump looks whether it may go on.
const LOOK: Duration = Duration::from_millis(10);
/// A frozen pump takes this much in before it leaves the rest to the kernel.
const HELD: usize = 1 << 20;

/// A TCP proxy on a free loopback port. Dropping it closes everything and ends its threads within a
/// second.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    /// Bound to the same port and never listening, so that the port stays ours while connections
    /// are refused.
    reserve: Socket,
    net: Arc<Net>,
    accepting: Mutex<Option<Accepting>>,
}

impl Proxy {
    /// Starts to forward connections to `target`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let reserve = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = reserve
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("not an address of the internet"))?;
        let proxy = Self {
            address,
            reserve,
            net: Arc::new(Net {
                target,
                stop: Stop::default(),
                frozen: AtomicBool::new(false),
                accepted: AtomicUsize::new(0),
                live: AtomicUsize::new(0),
                sockets: Mutex::default(),
            }),
            accepting: Mutex::default(),
        };
        proxy.refuse(false)?;
        Ok(proxy)
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Becomes a black hole: new connections are accepted, nothing is forwarded any more in either
    /// direction, not even that an end closed; what comes is kept.
    pub fn freeze(&self) {
        self.net.frozen.store(true, Ordering::SeqCst);
    }

    /// Forwards what was kept, and goes on.
    pub fn thaw(&self) {
        self.net.frozen.store(false, Ordering::SeqCst);
    }

    /// Resets every connection, at both ends.
    pub fn reset_all(&self) {
        let sockets: Vec<_> = lock(&self.net.sockets)
            .drain(..)
            .filter_map(|socket| socket.upgrade())
            .collect();
        // Nothing is sent until the last owner closes; then a reset is. All are marked before the
        // first pump wakes, or it would pass an ordinary close on to an end not marked yet. An
        // error means that the peer was faster.
        for socket in &sockets {
            let _ = SockRef::from(&**socket).set_linger(Some(Duration::ZERO));
        }
        // Ending the reading direction only wakes the pumps.
        for socket in &sockets {
            let _ = socket.shutdown(Shutdown::Read);
        }
    }

    /// Refuses new connections, as a host without the server does, or takes them again. Existing
    /// ones live on; one that was not accepted yet is reset.
    ///
    /// # Errors
    /// When the port cannot be listened on again.
    pub fn refuse(&self, refuse: bool) -> io::Result<()> {
        let mut accepting = lock(&self.accepting);
        if refuse {
            if let Some(accepting) = accepting.take() {
                accepting.end();
            }
        } else if accepting.is_none() {
            *accepting = Some(Accepting::start(self.address, &self.net)?);
        }
        Ok(())
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.net.accepted.load(Ordering::SeqCst)
    }

    /// How many of them the client keeps open, also while frozen; one that lost its server does not
    /// count.
    pub fn live(&self) -> usize {
        self.net.live.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.net.stop.raise();
        if let Some(accepting) = lock(&self.accepting).take() {
            accepting.end();
        }
        self.reset_all();
        // Pumps hold the only other references to the network, and end at once now that their
        // sockets are shut.
        for _ in 0..100 {
            if Arc::strong_count(&self.net) == 1 {
                break;
            }
            thread::sleep(LOOK);
        }
        let _ = self.reserve.shutdown(Shutdown::Both);
    }
}

/// What all threads of a proxy share.
#[derive(Debug)]
struct Net {
    target: SocketAddr,
    stop: Stop,
    frozen: AtomicBool,
    accepted: AtomicUsize,
    live: AtomicUsize,
    sockets: Mutex<Vec<Weak<TcpStream>>>,
}

/// The listener and its thread; gone while connections are refused.
#[derive(Debug)]
struct Accepting {
    listener: Arc<TcpListener>,
    thread: JoinHandle<()>,
}

impl Accepting {
    fn start(address: SocketAddr, net: &Arc<Net>) -> io::Result<Self> {
        let socket = bind(address)?;
        socket.listen(1024)?;
        let listener = Arc::new(TcpListener::from(socket));
        let (shared, net) = (Arc::clone(&listener), Arc::clone(net));
        let thread = thread::Builder::new()
            .name("proxy-accept".into())
            .spawn(move || {
                while let Ok((client, _)) = shared.accept() {
                    // A target that is down looks like a connection that closes at once.
                    let _ = connect(&net, client);
                }
            })?;
        Ok(Self { listener, thread })
    }

    fn end(self) {
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        let _ = self.thread.join();
    }
}

/// Both the listener and the reserve say that they share the port.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn connect(net: &Arc<Net>, client: TcpStream) -> io::Result<()> {
    net.accepted.fetch_add(1, Ordering::SeqCst);
    let server = Arc::new(TcpStream::connect(net.target)?);
    let client = Arc::new(client);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    client.set_write_timeout(Some(LOOK))?;
    server.set_write_timeout(Some(LOOK))?;
    {
        let mut sockets = lock(&net.sockets);
        sockets.retain(|socket| socket.strong_count() > 0);
        sockets.push(Arc::downgrade(&client));
        sockets.push(Arc::downgrade(&server));
    }
    net.live.fetch_add(1, Ordering::SeqCst);
    let ways = [
        (Arc::clone(&client), Arc::clone(&server), true),
        (server, client, false),
    ];
    for (from, to, upward) in ways {
        let net = Arc::clone(net);
        thread::Builder::new()
            .name("proxy-pump".into())
            .spawn(move || pump(&net, &from, &to, upward))?;
    }
    Ok(())
}

/// Carries bytes from one end to the other until the former closes, and then tells the latter.
fn pump(net: &Net, from: &TcpStream, to: &TcpStream, upward: bool) {
    let mut held = Vec::new();
    // An error ends this direction just as a close does.
    let _ = relay(net, from, to, &mut held);
    if upward {
        net.live.fetch_sub(1, Ordering::SeqCst);
    }
    // Frozen means that the other end is not told either.
    while net.frozen.load(Ordering::SeqCst) && !is_reset(to) {
        if net.stop.pause(LOOK) {
            return;
        }
    }
    if !is_reset(to) {
        let _ = deliver(net, to, &mut held);
        let _ = to.shutdown(Shutdown::Write);
    }
}

fn relay(net: &Net, mut from: &TcpStream, to: &TcpStream, held: &mut Vec<u8>) -> io::Result<()> {
    let mut bytes = vec![0; 16_384];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => held.extend_from_slice(&bytes[..count]),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
        if net.frozen.load(Ordering::SeqCst) {
            // Reading goes on, so that a close is noticed, but must come back to see the thaw.
            from.set_read_timeout(Some(LOOK))?;
            while held.len() > HELD && net.frozen.load(Ordering::SeqCst) {
                if net.stop.pause(LOOK) {
                    return Ok(());
                }
            }
        } else {
            deliver(net, to, held)?;
            from.set_read_timeout(None)?;
        }
    }
}

/// Sends what is held, however slowly the peer takes it, unless the connection is being reset.
fn deliver(net: &Net, mut to: &TcpStream, held: &mut Vec<u8>) -> io::Result<()> {
    while !held.is_empty() {
        match to.write(held) {
            Ok(count) => drop(held.drain(..count)),
            Err(error) if is_timeout(&error) && !net.stop.is_raised() && !is_reset(to) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether nothing came for a while; a process that was stopped and goes on is interrupted.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Whether this socket was told to close with a reset.
fn is_reset(socket: &TcpStream) -> bool {
    matches!(SockRef::from(socket).linger(), Ok(Some(_)))
}
