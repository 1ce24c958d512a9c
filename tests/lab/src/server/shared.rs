//! One server of each engine for all tests of a process that need only the ordinary shape.

use std::cell::Cell;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Engine, Server, ServerOptions};
use crate::pki::{Ca, Issued, Leaf};

static SERVERS: OnceLock<TestServers> = OnceLock::new();
static TURN: RwLock<()> = RwLock::new(());

/// A PostgreSQL, a MariaDB and a MySQL that present one ordinary certificate of one CA.
///
/// It is for `db.lab`, `localhost`, 127.0.0.1 and `::1`.
#[derive(Debug)]
pub struct TestServers {
    servers: [Server; 3],
    ca: Ca,
    certificate: Issued,
    ca_file: PathBuf,
}

impl TestServers {
    /// Starts servers of one's own.
    pub fn start() -> Self {
        let ca = Ca::root("wa-db lab root");
        let certificate = ca.issue(&Self::leaf());
        let servers = Server::start_all(&ServerOptions::tls(&certificate));
        let ca_file = servers[0].file("ca.pem", ca.cert_pem());
        Self {
            servers,
            ca,
            certificate,
            ca_file,
        }
    }

    /// The servers of this process, started when first asked for, to be used side by side
    /// with other tests: change nothing about them that others see.
    pub fn shared() -> Shared {
        let once = Once::begin();
        let turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
        Shared {
            servers: SERVERS.get_or_init(Self::start),
            _turn: turn,
            _once: once,
        }
    }

    /// The same servers for one test alone, which may swap certificates or restart them; in
    /// the end they present the ordinary certificate again. Whoever still holds the shared
    /// ones waits for itself forever.
    pub fn exclusive() -> Exclusive {
        let once = Once::begin();
        let turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
        Exclusive {
            servers: SERVERS.get_or_init(Self::start),
            _turn: turn,
            _once: once,
        }
    }

    /// What the ordinary certificate says; a start for variations.
    pub fn leaf() -> Leaf {
        let leaf = Leaf::server().cn("db.lab").dns("db.lab").dns("localhost");
        leaf.ip("127.0.0.1").ip("::1")
    }

    /// All three.
    pub fn all(&self) -> &[Server; 3] {
        &self.servers
    }

    /// The one of this engine.
    pub fn of(&self, engine: Engine) -> &Server {
        let mut servers = self.servers.iter();
        let found = servers.find(|server| server.engine() == engine);
        found.expect("one of each engine runs")
    }

    /// The CA behind their certificate.
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The file with that CA: the value of `WA_DB_SSL_CA`.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The ordinary certificate.
    pub fn certificate(&self) -> &Issued {
        &self.certificate
    }
}

thread_local! {
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// Shows that a thread asks for the servers only once at a time: the second time it would wait for a
/// test that wants them alone, and that one for the first.
#[derive(Debug)]
struct Once;

impl Once {
    fn begin() -> Self {
        let holds = HOLDS.replace(true);
        assert!(!holds, "this test holds the servers already");
        Self
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        HOLDS.set(false);
    }
}

/// The shared servers, used side by side with others.
#[derive(Debug)]
pub struct Shared {
    servers: &'static TestServers,
    _turn: RwLockReadGuard<'static, ()>,
    _once: Once,
}

/// The shared servers, held alone.
#[derive(Debug)]
pub struct Exclusive {
    servers: &'static TestServers,
    _turn: RwLockWriteGuard<'static, ()>,
    _once: Once,
}

impl Deref for Shared {
    type Target = TestServers;

    fn deref(&self) -> &TestServers {
        self.servers
    }
}

impl Deref for Exclusive {
    type Target = TestServers;

    fn deref(&self) -> &TestServers {
        self.servers
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        let restore = || {
            for server in self.servers.all() {
                if server.pid().is_none() {
                    server.resume();
                }
                server.present(&self.servers.certificate);
            }
        };
        if std::thread::panicking() {
            // A second panic would hide the first, which is what the reader wants to see.
            let _ = catch_unwind(AssertUnwindSafe(restore));
        } else {
            restore();
        }
    }
}
