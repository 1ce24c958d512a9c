//! The shape a server is started in.

use crate::pki::{Ca, Issued};

/// Where a server gets its TLS from.
#[derive(Clone, Debug, Default)]
pub(super) enum Tls {
    /// It has none.
    #[default]
    Off,
    /// It presents what the lab minted.
    Presents(Box<Issued>),
    /// It makes its own certificates, as MySQL does when left alone.
    MakesItsOwn,
}

/// Which PostgreSQL it is, of the two that are installed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Edition {
    /// The system's own.
    #[default]
    System,
    /// The newer one, which lies apart from the system.
    Newer,
}

/// What a server is started with: no TLS and password accounts, unless more is said.
///
/// Servers accept old protocols, weak keys and weak signatures where an option or a
/// certificate asks for them, so that it is always the client who says no.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    pub(super) edition: Edition,
    pub(super) tls: Tls,
    pub(super) min_protocol: Option<String>,
    pub(super) max_protocol: Option<String>,
    pub(super) ciphers: Option<String>,
    pub(super) client_ca: Option<String>,
    pub(super) client_crl: Option<String>,
    pub(super) require_tls: bool,
    pub(super) hba: Vec<String>,
    pub(super) settings: Vec<(String, String)>,
}

impl ServerOptions {
    /// A server that presents this certificate.
    pub fn tls(certificate: &Issued) -> Self {
        Self {
            tls: Tls::Presents(Box::new(certificate.clone())),
            ..Self::default()
        }
    }

    /// A server without TLS.
    pub fn tls_off() -> Self {
        Self::default()
    }

    /// A MySQL server left to make its own certificates; only MySQL does.
    pub fn makes_its_own_certificates() -> Self {
        Self {
            tls: Tls::MakesItsOwn,
            ..Self::default()
        }
    }

    /// Starts a PostgreSQL that takes TLS from the first byte on, 17 or later, rather than the
    /// system's own. PostgreSQL only.
    #[must_use]
    pub fn newer_postgres(mut self) -> Self {
        self.edition = Edition::Newer;
        self
    }

    /// Sets the lowest protocol: `TLSv1`, `TLSv1.1`, `TLSv1.2` or `TLSv1.3`.
    #[must_use]
    pub fn min_protocol(mut self, protocol: &str) -> Self {
        self.min_protocol = Some(protocol.to_owned());
        self
    }

    /// Sets the highest protocol. MySQL 9 has nothing below `TLSv1.2` and refuses to start.
    #[must_use]
    pub fn max_protocol(mut self, protocol: &str) -> Self {
        self.max_protocol = Some(protocol.to_owned());
        self
    }

    /// Sets the suites of TLS 1.2 and below, in OpenSSL's words.
    #[must_use]
    pub fn ciphers(mut self, ciphers: &str) -> Self {
        self.ciphers = Some(ciphers.to_owned());
        self
    }

    /// Has the server check client certificates against this CA; whether it demands one is
    /// said by [`ServerOptions::hba`] or by an account's `REQUIRE`.
    #[must_use]
    pub fn client_ca(self, ca: &Ca) -> Self {
        self.client_ca_pem(ca.cert_pem())
    }

    /// The same from a bundle in PEM.
    #[must_use]
    pub fn client_ca_pem(mut self, bundle: String) -> Self {
        self.client_ca = Some(bundle);
        self
    }

    /// Has the server refuse the client certificates on this list; needs a client CA.
    #[must_use]
    pub fn client_crl_pem(mut self, list: String) -> Self {
        self.client_crl = Some(list);
        self
    }

    /// Has the server refuse every connection over TCP that is not encrypted.
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.require_tls = true;
        self
    }

    /// Puts a line of `pg_hba.conf` before the ordinary ones, such as
    /// `hostssl all all all cert`. PostgreSQL only.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// Sets a variable of the server, by its own name for it.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
