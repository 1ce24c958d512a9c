//! Servers with which nobody finds fault: they take no login without TLS.

use std::path::PathBuf;
use std::sync::OnceLock;

use wa_db_lab::pki::{Ca, Issued};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use crate::support::{Variables, text, with};

/// One server of each engine for all tests here, and the CA behind their certificate.
pub(super) struct Lab {
    servers: [Server; 3],
    certificate: Issued,
    ca_file: PathBuf,
}

static LAB: OnceLock<Lab> = OnceLock::new();

/// They are started when first asked for. Change nothing about them that others see.
pub(super) fn lab() -> &'static Lab {
    LAB.get_or_init(|| {
        let ca = Ca::root("wa-db lab root");
        let issuing = ca.intermediate("wa-db lab issuing CA");
        let certificate = issuing.issue(&TestServers::leaf());
        let servers = Server::start_all(&strict(&certificate));
        Lab {
            ca_file: servers[0].file("ca.pem", ca.cert_pem()),
            servers,
            certificate,
        }
    })
}

/// Options of a server that takes no login without TLS.
pub(super) fn strict(certificate: &Issued) -> ServerOptions {
    ServerOptions::tls(certificate).require_tls()
}

/// The variables that reach a server and trust this CA.
pub(super) fn trusting(server: &Server, ca: &Ca) -> Variables {
    let ca_file = server.file("ca.pem", ca.cert_pem());
    with(&server.env(), [("WA_DB_SSL_CA", text(&ca_file))])
}

impl Lab {
    fn of(&self, engine: Engine) -> &Server {
        let mut servers = self.servers.iter();
        let found = servers.find(|server| server.engine() == engine);
        found.expect("one of each engine runs")
    }

    pub(super) fn all(&self) -> &[Server; 3] {
        &self.servers
    }

    /// What they present.
    pub(super) fn certificate(&self) -> &Issued {
        &self.certificate
    }

    /// The variables that reach one of them and trust its CA.
    pub(super) fn variables(&self, engine: Engine) -> Variables {
        let variables = self.of(engine).env();
        with(&variables, [("WA_DB_SSL_CA", text(&self.ca_file))])
    }
}
