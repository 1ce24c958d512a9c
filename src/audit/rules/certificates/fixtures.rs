//! What rules look at, made of minted certificates: [`Scene`].
#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::path::PathBuf;

use openssl::x509::X509;
use tempfile::TempDir;
use time::OffsetDateTime;
use wa_db_lab::pki::{Ca, Issued, Leaf, write_file};

use crate::audit::evidence::Link;
use crate::audit::fixtures::looked;
use crate::audit::rule::{Observation, Rule};
use crate::code::ErrorCode;
use crate::tls::Chain;

/// An ordinary certificate for `db.lab`, which is where a scene's server is.
pub(super) fn db() -> Leaf {
    Leaf::server().cn("db.lab").dns("db.lab")
}

/// The one thing that was seen.
pub(super) fn only<T: Debug>(seen: Vec<T>) -> T {
    let [one] = <[T; 1]>::try_from(seen).unwrap();
    one
}

/// A server with a chain, and the variables and files of a service.
pub(super) struct Scene {
    files: TempDir,
    variables: Vec<(String, String)>,
    roots: String,
    served: Vec<X509>,
    verified: Vec<X509>,
    verdict: Option<ErrorCode>,
    is_seen: bool,
    now: OffsetDateTime,
}

impl Scene {
    /// A server that sends everything but the root, which is trusted.
    pub(super) fn verified(root: &Ca, issued: &Issued) -> Self {
        let mut scene = Self::served(root, issued);
        scene.verified = [&scene.served[..], &[root.as_issued().x509()]].concat();
        scene
    }

    /// The same where nothing was verified.
    pub(super) fn served(root: &Ca, issued: &Issued) -> Self {
        let chain = X509::stack_from_pem(issued.chain_pem().as_bytes()).unwrap();
        let variables = [
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            files: tempfile::tempdir().unwrap(),
            variables: variables.into_iter().map(own).collect(),
            roots: root.cert_pem(),
            served: chain,
            verified: Vec::new(),
            verdict: None,
            is_seen: true,
            now: OffsetDateTime::now_utc(),
        }
    }

    /// A server whose certificate is itself what is trusted.
    pub(super) fn alone(issued: &Issued) -> Self {
        let mut scene = Self::served(&Ca::root("unused"), issued);
        scene.roots = issued.cert_pem();
        scene.verified.clone_from(&scene.served);
        scene
    }

    /// Has the server send these certificates, each without what is above it.
    pub(super) fn sending(mut self, sent: &[&Issued]) -> Self {
        self.served = sent.iter().map(|sent| sent.x509()).collect();
        self
    }

    /// Lets verification have said this.
    pub(super) fn refused_with(mut self, verdict: ErrorCode) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// Lets nothing be seen of the server.
    pub(super) fn unseen(mut self) -> Self {
        self.is_seen = false;
        self
    }

    /// Trusts another CA besides.
    pub(super) fn trusting(mut self, ca: &Ca) -> Self {
        self.roots.push_str(&ca.cert_pem());
        self
    }

    /// Gives the service a client certificate.
    pub(super) fn client(self, client: &Issued) -> Self {
        let (certificate, key) = (self.path("client.pem"), self.path("client.key"));
        client.write_chain(&certificate);
        client.write_key(&key);
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        self.with("WA_DB_SSL_CERT", &text(certificate))
            .with("WA_DB_SSL_KEY", &text(key))
    }

    /// Gives the service revocation lists.
    pub(super) fn list(self, lists: &str) -> Self {
        let path = self.path("crl.pem");
        write_file(&path, lists);
        let path = path.to_str().unwrap().to_owned();
        self.with("WA_DB_SSL_CRL", &path)
    }

    /// Sets a variable.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets it be another time.
    pub(super) fn at(mut self, now: OffsetDateTime) -> Self {
        self.now = now;
        self
    }

    /// A file of the scene: `ca.pem`, `client.pem`, `client.key`, `crl.pem`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// What a rule sees.
    pub(super) fn look(&self, rule: &Rule) -> Vec<Observation> {
        self.look_after(rule, || {})
    }

    /// The same after something has happened to the files since they were read.
    pub(super) fn look_after(&self, rule: &Rule, change: impl FnOnce()) -> Vec<Observation> {
        self.write_roots();
        let roots = self.path("ca.pem").to_str().unwrap().to_owned();
        let variables = self.variables.iter().cloned();
        let variables = variables.chain([("WA_DB_SSL_CA".to_owned(), roots)]);
        let variables: Vec<_> = variables.collect();
        let pairs = variables.iter();
        let pairs: Vec<_> = pairs.map(|(name, value)| (&**name, &**value)).collect();
        looked(rule, &pairs, |seen| {
            seen.link = self.is_seen.then(|| Link {
                served: Chain::from(self.served.clone()),
                verified: Chain::from(self.verified.clone()),
                verdict: self.verdict,
                facts: None,
            });
            seen.now = self.now;
            seen.read_certificates();
            change();
        })
    }

    /// Unless it is there already: a test may have changed its mode.
    fn write_roots(&self) {
        let path = self.path("ca.pem");
        if !path.exists() {
            write_file(&path, &self.roots);
        }
    }
}
