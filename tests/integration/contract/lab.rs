//! Variables for servers, real and fake, and files to point them at.

use std::path::PathBuf;

use wa_db_lab::fake::{FAKE_PASSWORD, FakePostgres, Persona, PostgresScript, TlsIdentity};
use wa_db_lab::pki::{Ca, Issued, Leaf, write_file, write_private};
use wa_db_lab::server::{Engine, Server, TestServers};

use crate::support::{Variables, text, with};

/// A server of [`TestServers`] with its CA trusted.
pub(crate) fn trusted(servers: &TestServers, engine: Engine) -> Variables {
    let ca = text(servers.ca_file());
    with(&servers.of(engine).env(), [("WA_DB_SSL_CA", ca)])
}

/// A server of one's own, with this CA trusted.
pub(crate) fn trusting(server: &Server, ca: &Ca) -> Variables {
    let file = server.file("trusted.pem", ca.cert_pem());
    with(&server.env(), [("WA_DB_SSL_CA", text(&file))])
}

/// A directory of files that lives as long as a test.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file readable by all; its path as a variable's value.
    pub(crate) fn public(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        write_file(&path, content);
        text(&path).to_owned()
    }

    /// A file readable by its owner only; its path as a variable's value.
    pub(crate) fn private(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        write_private(&path, content);
        text(&path).to_owned()
    }
}

/// A certificate for 127.0.0.1, under this CA unless the caller has another idea.
pub(crate) fn identity(issued: &Issued) -> TlsIdentity {
    TlsIdentity {
        cert_chain_pem: issued.chain_pem(),
        key_pem: issued.key_pem(),
    }
}

/// A fake PostgreSQL that presents `leaf` of a CA that is trusted.
pub(crate) struct Fake {
    pub(crate) server: FakePostgres,
    pub(crate) variables: Variables,
    _files: Files,
}

impl Fake {
    pub(crate) fn start(script: PostgresScript) -> Self {
        Self::presenting(&TestServers::leaf(), Persona::healthy_postgres(), script)
    }

    pub(crate) fn presenting(leaf: &Leaf, persona: Persona, script: PostgresScript) -> Self {
        let ca = Ca::root("root of the fakes");
        Self::with_identity(&ca, &ca.issue(leaf), persona, script)
    }

    pub(crate) fn with_identity(
        ca: &Ca,
        issued: &Issued,
        persona: Persona,
        script: PostgresScript,
    ) -> Self {
        let files = Files::new();
        let server = FakePostgres::start_as(persona, script, Some(identity(issued)))
            .expect("a port of loopback is free");
        let port = server.port().to_string();
        let ca_file = files.public("ca.pem", ca.cert_pem());
        let pairs = [
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &port),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_PASSWORD", FAKE_PASSWORD),
            ("WA_DB_SSL_CA", &ca_file),
        ];
        Self {
            server,
            variables: with(&Variables::new(), pairs),
            _files: files,
        }
    }
}
