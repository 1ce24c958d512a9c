//! Servers that demand a client certificate and know one that is revoked.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;
use wa_db_lab::pki::{Ca, Issued, Leaf, write_file, write_private};
use wa_db_lab::server::{DATABASE, Engine, Server, ServerOptions, TestServers, USER};

use crate::support::{Variables, text, with};
use crate::verdict::trusting;

static NEWEST: OnceLock<Demanding> = OnceLock::new();

/// One server of each engine that lets `app` in with its own certificate only: by
/// PostgreSQL's `cert` (and `scram-sha-256` with `clientcert=verify-full` for the database
/// `postgres`), by `REQUIRE SUBJECT` elsewhere.
pub(super) struct Demanding {
    servers: [Server; 3],
    ca_file: PathBuf,
    ca: Ca,
    intermediate: Ca,
    revoked: Issued,
}

impl Demanding {
    /// The servers of this process, with every protocol they know; change nothing about them.
    pub(super) fn shared() -> &'static Self {
        NEWEST.get_or_init(|| Self::start(|options| options))
    }

    /// Servers of one's own with TLS 1.2 and no other.
    pub(super) fn with_tls_1_2() -> Self {
        Self::start(|options| options.min_protocol("TLSv1.2").max_protocol("TLSv1.2"))
    }

    fn start(shape: impl Fn(ServerOptions) -> ServerOptions) -> Self {
        let ca = Ca::root("lab root");
        let intermediate = ca.intermediate("lab intermediate");
        let revoked = intermediate.issue(&Self::leaf());
        let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()))
            .client_ca(&ca)
            // The servers want a list of every CA on the way.
            .client_crl_pem(ca.crl_pem(&[]) + &intermediate.crl_pem(&[&revoked]))
            .hba(&format!("hostssl {DATABASE} {USER} all cert"))
            .hba("hostssl all all all scram-sha-256 clientcert=verify-full");
        let servers = Server::start_all(&shape(options));
        for server in &servers {
            if server.engine() != Engine::Postgres {
                let subject = intermediate.issue(&Self::leaf()).subject_line();
                server.sql(&format!(
                    "ALTER USER {USER}@'%' REQUIRE SUBJECT '{subject}'"
                ));
            }
        }
        let ca_file = servers[0].file("ca.pem", ca.cert_pem());
        Self {
            servers,
            ca_file,
            ca,
            intermediate,
            revoked,
        }
    }

    /// What the account's own certificate says.
    pub(super) fn leaf() -> Leaf {
        Leaf::client().cn(USER)
    }

    pub(super) fn servers(&self) -> &[Server; 3] {
        &self.servers
    }

    /// The CA of the servers, and of the intermediate that issues the clients' certificates.
    pub(super) fn ca(&self) -> &Ca {
        &self.ca
    }

    pub(super) fn intermediate(&self) -> &Ca {
        &self.intermediate
    }

    /// The account's own certificate, revoked.
    pub(super) fn revoked(&self) -> &Issued {
        &self.revoked
    }

    /// A certificate that the servers take.
    pub(super) fn good(&self) -> Issued {
        self.intermediate.issue(&Self::leaf())
    }

    /// The variables that reach a server, trust it, and say nothing of who we are.
    pub(super) fn base(&self, server: &Server) -> Variables {
        trusting(server, &self.ca_file)
    }
}

/// Files that say who we are, gone when dropped.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    /// Files of this certificate with its chain, and of its key as PKCS#8.
    pub(super) fn of(identity: &Issued) -> Self {
        let files = Self::new();
        files.public("cert.pem", identity.chain_pem());
        files.private("key.pem", identity.key_pem());
        files
    }

    /// Writes a file that all may read (0644).
    pub(super) fn public(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_file(&path, content);
        path
    }

    /// Writes a file that its owner may read (0600).
    pub(super) fn private(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_private(&path, content);
        path
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The variables with these files as our identity.
    pub(super) fn identify(&self, variables: &Variables) -> Variables {
        identified(variables, &self.path("cert.pem"), &self.path("key.pem"))
    }
}

/// The variables with this certificate and this key.
pub(super) fn identified(variables: &Variables, cert: &Path, key: &Path) -> Variables {
    with(
        variables,
        [("WA_DB_SSL_CERT", text(cert)), ("WA_DB_SSL_KEY", text(key))],
    )
}
