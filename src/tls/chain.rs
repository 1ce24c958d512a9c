//! Certificates in the order in which each is vouched for by the next: [`Chain`].

use openssl::stack::StackRef;
use openssl::x509::X509;

use super::facts::{self, CertificateFacts};
use crate::settings::Pin;

/// The certificates of a server, its own first. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Chain(Vec<X509>);

impl Chain {
    /// What each certificate says of itself.
    pub fn facts(&self) -> Vec<CertificateFacts> {
        self.0
            .iter()
            .map(|certificate| CertificateFacts::of(certificate))
            .collect()
    }

    /// Whether no certificate was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the server's own certificate says of itself.
    pub fn leaf(&self) -> Option<CertificateFacts> {
        self.0.first().map(|leaf| CertificateFacts::of(leaf))
    }

    /// The pin of each certificate's key, in its place; `None` for a key that cannot be read.
    pub fn pins(&self) -> Vec<Option<Pin>> {
        self.0
            .iter()
            .map(|certificate| facts::pin(certificate))
            .collect()
    }

    /// The certificates themselves.
    pub(crate) fn certificates(&self) -> &[X509] {
        &self.0
    }
}

impl From<Vec<X509>> for Chain {
    fn from(certificates: Vec<X509>) -> Self {
        Self(certificates)
    }
}

impl From<&StackRef<X509>> for Chain {
    fn from(stack: &StackRef<X509>) -> Self {
        Self(stack.iter().map(ToOwned::to_owned).collect())
    }
}
