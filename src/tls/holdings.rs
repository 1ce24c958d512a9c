//! What a policy is made of, for those who judge it rather than connect by it.

use openssl::x509::{X509, X509Ref};
use time::OffsetDateTime;

use super::chain::Chain;
use super::facts;
use super::policy::TlsPolicy;
use super::roots::Roots;

/// When the revocation lists of a CA end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListEnd {
    /// The CA, on one line.
    pub(crate) issuer: String,
    /// The end of the last of its lists.
    pub(crate) at: OffsetDateTime,
    /// The same in RFC 3339.
    pub(crate) shown: String,
}

impl TlsPolicy {
    /// The certificates of `WA_DB_SSL_CA`; `None` where the system's store is trusted.
    pub(crate) fn own_roots(&self) -> Option<&[X509]> {
        match self.roots() {
            Roots::System => None,
            Roots::Only(certificates) => Some(certificates),
        }
    }

    /// The certificate of `WA_DB_SSL_CERT` and those that link it to its CA; empty where there is none.
    pub(crate) fn client_chain(&self) -> Chain {
        let Some(identity) = self.identity() else {
            return Chain::default();
        };
        let leaf = std::iter::once(&identity.leaf);
        let chain = leaf.chain(&identity.intermediates).cloned();
        Chain::from(chain.collect::<Vec<_>>())
    }

    /// Whether `WA_DB_SSL_CRL` has a list of the CA that issued a certificate. `issuer` is that of the CA.
    pub(crate) fn has_list_for(&self, certificate: &X509Ref, issuer: Option<&X509Ref>) -> bool {
        let lists = self.lists();
        lists.is_some_and(|lists| lists.has_list_for(certificate, issuer))
    }

    /// When the lists of `WA_DB_SSL_CRL` end.
    pub(crate) fn list_ends(&self) -> Vec<ListEnd> {
        let Some(lists) = self.lists() else {
            return Vec::new();
        };
        let ends = lists.last_ends().into_iter();
        ends.map(|(issuer, at)| ListEnd {
            issuer: issuer.to_owned(),
            at,
            shown: facts::utc(at),
        })
        .collect()
    }
}
