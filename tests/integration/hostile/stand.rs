//! What these tests share: a CA, and fakes that hold its certificate.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use wa_db::endpoint::Engine;
use wa_db_lab::fake::{
    Event, FAKE_PASSWORD, FakeMySql, FakePostgres, FakeServer, MySqlScript, Persona,
    PostgresScript, TlsIdentity,
};
use wa_db_lab::pki::{Ca, Leaf, write_file};

use crate::support::{Variables, text, with};

/// How long a fake's record may take to become whole.
pub(crate) const SETTLED: Duration = Duration::from_secs(20);
/// How many cases of a table run at once.
const SIDE_BY_SIDE: usize = 8;

/// A CA of its own and a directory for files.
pub(crate) struct Stand {
    directory: TempDir,
    ca: Ca,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let ca = Ca::root("root of the stand");
        write_file(&directory.path().join("ca.pem"), ca.cert_pem());
        Self { directory, ca }
    }

    /// A path in the stand's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn ca(&self) -> &Ca {
        &self.ca
    }

    /// Starts a fake with a certificate that is good for 127.0.0.1, and a session that `check` is
    /// content with.
    pub(crate) fn start(&self, script: impl Into<Script>) -> Fake {
        let script = script.into();
        let persona = script.healthy();
        Fake::start(persona, script, Some(identity(&self.ca)))
    }

    /// The variables that lead to the fake and trust the stand's CA.
    pub(crate) fn trusting(&self, fake: &Fake) -> Variables {
        self.leading_to(fake.engine(), fake.port())
    }

    /// The same for any port.
    pub(crate) fn leading_to(&self, engine: Engine, port: u16) -> Variables {
        let engine = match engine {
            Engine::Postgres => "PGSQL",
            Engine::MySql => "MYSQL",
        };
        [
            ("WA_DB_ENGINE", engine),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &port.to_string()),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_PASSWORD", FAKE_PASSWORD),
            ("WA_DB_SSL_CA", text(&self.path("ca.pem"))),
            ("WA_DB_CONNECT_TIMEOUT", "10s"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// A certificate for 127.0.0.1.
pub(crate) fn identity(ca: &Ca) -> TlsIdentity {
    let issued = ca.issue(&Leaf::server().cn("db.lab").dns("db.lab").ip("127.0.0.1"));
    TlsIdentity {
        cert_chain_pem: issued.chain_pem(),
        key_pem: issued.key_pem(),
    }
}

/// The variables with verification switched off, so that an attack gets as far as it can.
pub(crate) fn unverified(variables: &Variables) -> Variables {
    with(variables, [("WA_DB_SSL_CA", ""), ("WA_DB_SSL_VERIFY", "0")])
}

/// What a fake of either protocol does.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    Postgres(PostgresScript),
    MySql(MySqlScript),
}

impl Script {
    /// A server that tells `check` what it wants to hear of the session.
    pub(crate) fn healthy(&self) -> Persona {
        match self {
            Self::Postgres(_) => Persona::healthy_postgres(),
            Self::MySql(_) => Persona::healthy_mysql(),
        }
    }
}

impl From<PostgresScript> for Script {
    fn from(script: PostgresScript) -> Self {
        Self::Postgres(script)
    }
}

impl From<MySqlScript> for Script {
    fn from(script: MySqlScript) -> Self {
        Self::MySql(script)
    }
}

/// A running fake of either protocol.
pub(crate) enum Fake {
    Postgres(FakePostgres),
    MySql(FakeMySql),
}

impl Fake {
    pub(crate) fn start(persona: Persona, script: Script, identity: Option<TlsIdentity>) -> Self {
        let started = match script {
            Script::Postgres(script) => {
                FakePostgres::start_as(persona, script, identity).map(Self::Postgres)
            }
            Script::MySql(script) => {
                FakeMySql::start_as(persona, script, identity).map(Self::MySql)
            }
        };
        started.expect("a fake starts on a free port")
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::MySql(_) => Engine::MySql,
        }
    }

    /// Fails the test if the password arrived, as it is or as any of its hashes that the protocols
    /// know. Waits first until the record is whole.
    pub(crate) fn assert_learnt_nothing(&self, case: &dyn Debug) {
        assert!(
            self.wait_ended(SETTLED),
            "{case:?}: clients stayed connected"
        );
        assert!(
            !self.received_contains(FAKE_PASSWORD.as_bytes()),
            "{case:?}: the password arrived"
        );
        let events = self.events();
        assert!(
            !events.iter().any(is_secret),
            "{case:?}: a secret arrived: {events:?}"
        );
    }
}

fn is_secret(event: &Event) -> bool {
    matches!(
        event,
        Event::ClearPassword(_)
            | Event::HashedPassword(_)
            | Event::ScramProof(_)
            | Event::FileContent(_)
    )
}

impl Deref for Fake {
    type Target = FakeServer;

    fn deref(&self) -> &FakeServer {
        match self {
            Self::Postgres(fake) => fake,
            Self::MySql(fake) => fake,
        }
    }
}

/// Runs the test on every case, several at a time.
pub(crate) fn each<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let cases: Mutex<VecDeque<T>> = Mutex::new(cases.into_iter().collect());
    let next = || cases.lock().ok()?.pop_front();
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    test(case);
                }
            });
        }
    });
}
