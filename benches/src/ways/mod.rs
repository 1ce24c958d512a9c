//! Ways from a client to a server of the lab: straight with the client's own TLS, and through
//! programs that do TLS for it. Each program is a process of its own that ends with its value.

mod haproxy;
mod pgbouncer;
mod stunnel;
mod tunnel;

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use haproxy::HaProxy;
pub(crate) use pgbouncer::PgBouncer;
pub(crate) use stunnel::Stunnel;
pub(crate) use tunnel::Tunnel;

use crate::bed::Target;
use crate::measure::Contestant;
use crate::pgbench::By;

/// How two of them stand in tables.
pub(crate) const STUNNEL: &str = "client, stunnel";
pub(crate) const PGBOUNCER: &str = "client, PgBouncer";

/// The programs that PostgreSQL's clients can go through.
pub(crate) struct Ways {
    tunnel: Tunnel,
    stunnel: Stunnel,
    bouncer: PgBouncer,
}

impl Ways {
    /// Starts them; the tunnel for so many sessions.
    pub(crate) fn open(target: &Target, sessions: usize) -> Self {
        Self {
            tunnel: Tunnel::start(target, sessions),
            stunnel: Stunnel::start(target),
            bouncer: PgBouncer::start(target),
        }
    }

    /// A client for each of them, and one that does TLS itself: ours first, that one next.
    pub(crate) fn contestants(
        &self,
        contestant: impl Fn(&'static str, By) -> Contestant,
    ) -> Vec<Contestant> {
        vec![
            contestant("client, wa-db tunnel", By::Port(self.tunnel.port)),
            contestant("client, its own TLS", By::OwnTls),
            contestant(STUNNEL, By::PortWithMd5(self.stunnel.port)),
            contestant(PGBOUNCER, By::Port(self.bouncer.port)),
        ]
    }
}

/// How long a program may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A program that listens on a port of this machine until it is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it and waits until its port takes connections.
    pub(crate) fn start(command: &mut Command, port: u16) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut running = Self(child);
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = running.0.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "{command:?} ended with {ended:?}");
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    /// Its resident set in kilobytes.
    pub(crate) fn resident(&self) -> f64 {
        crate::machine::resident(&self.0.id().to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
