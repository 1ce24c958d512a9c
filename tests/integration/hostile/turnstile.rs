//! A door that leads the first clients to one server and all later ones to another, so that what
//! looks honest to the first look attacks the second.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

pub(super) struct Turnstile {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Turnstile {
    /// Leads `count` clients to the port `first`, and all others to `then`.
    pub(super) fn start(count: usize, first: u16, then: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has one");
        let closed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&closed);
        let accepting = thread::spawn(move || {
            let ports = std::iter::repeat_n(first, count).chain(std::iter::repeat(then));
            for port in ports {
                let Ok((client, _)) = listener.accept() else {
                    return;
                };
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                // A server that is gone is a hang-up to the client.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    join(client, server);
                }
            }
        });
        Self {
            address,
            closed,
            accepting: Some(accepting),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits in accept.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Copies both ways until either end closes; the threads end with the sockets.
fn join(client: TcpStream, server: TcpStream) {
    let [client, server] = [client, server].map(|socket| {
        let _ = socket.set_nodelay(true);
        Arc::new(socket)
    });
    for (from, to) in [(Arc::clone(&client), Arc::clone(&server)), (server, client)] {
        thread::spawn(move || {
            let _ = io::copy(&mut &*from, &mut &*to);
            let _ = to.shutdown(Shutdown::Write);
            let _ = from.shutdown(Shutdown::Read);
        });
    }
}
