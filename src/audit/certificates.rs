//! The certificates that a link rests on, each with its place: [`Certificates`].

use std::fmt;

use openssl::x509::{X509, X509Ref};

use super::evidence::Link;
use crate::failure::hearsay;
use crate::tls::{CertificateFacts, CertificateProfile, Chain, TlsPolicy};

/// As many certificates of a server's chain are judged.
pub(super) const LONGEST: usize = 32;

/// Where a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The server's own.
    Server,
    /// Between the server's own and the root.
    Intermediate,
    /// The root at the end of the server's chain.
    Root,
    /// The first of `WA_DB_SSL_CERT`.
    Client,
    /// Another of `WA_DB_SSL_CERT`.
    ClientIntermediate,
    /// One of `WA_DB_SSL_CA` that the server's chain does not end at.
    Trusted,
}

impl Place {
    /// Whether it belongs to one who takes part in the handshake, not to a CA.
    pub(super) fn is_leaf(self) -> bool {
        matches!(self, Self::Server | Self::Client)
    }

    /// Whether it is trusted for what it is, and its signature says nothing.
    pub(super) fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::Trusted)
    }
}

/// One certificate.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) place: Place,
    pub(super) x509: X509,
    pub(super) facts: CertificateFacts,
    /// `None` for one that cannot be read at all.
    pub(super) profile: Option<CertificateProfile>,
    /// Whether the server sent it.
    pub(super) was_sent: bool,
    /// Whether someone who is trusted vouches for what it says.
    is_proven: bool,
}

impl Certificate {
    fn new(place: Place, x509: &X509Ref, was_sent: bool, is_proven: bool) -> Self {
        Self {
            place,
            x509: x509.to_owned(),
            facts: CertificateFacts::of(x509),
            profile: CertificateProfile::of(x509),
            was_sent,
            is_proven,
        }
    }

    /// Text of the certificate, marked as hearsay where nobody vouches for it.
    pub(super) fn quoted(&self, text: &str) -> String {
        if self.is_proven {
            text.to_owned()
        } else {
            hearsay(text)
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whose, variable) = match self.place {
            Place::Server => ("server's certificate", ""),
            Place::Intermediate => ("intermediate certificate", ""),
            Place::Root => ("root certificate", ""),
            Place::Client => ("client certificate", " of WA_DB_SSL_CERT"),
            Place::ClientIntermediate => ("intermediate certificate", " of WA_DB_SSL_CERT"),
            Place::Trusted => ("CA certificate", " of WA_DB_SSL_CA"),
        };
        match self.facts.subject.as_str() {
            "" => write!(f, "the {whose}{variable}, which has no subject,"),
            subject => write!(f, "the {whose}{variable} ({})", self.quoted(subject)),
        }
    }
}

/// The server's chain, the client's, and the CAs that are trusted besides, in this order.
#[derive(Clone, Default)]
pub(super) struct Certificates(Vec<Certificate>);

impl Certificates {
    /// Those of a policy's files and of a link, if one was seen: up to the root where the server was
    /// verified, else as the server sent them.
    pub(super) fn of(policy: &TlsPolicy, link: Option<&Link>) -> Self {
        let roots = policy.own_roots().unwrap_or_default();
        let mut all = link.map_or_else(Vec::new, |link| of_server(link, roots));
        let client = policy.client_chain();
        for (index, x509) in client.certificates().iter().enumerate() {
            let place = match index {
                0 => Place::Client,
                _ => Place::ClientIntermediate,
            };
            all.push(Certificate::new(place, x509, false, true));
        }
        for x509 in roots {
            let is_there = |other: &Certificate| !is_clients(other.place) && other.x509 == *x509;
            if !all.iter().any(is_there) {
                all.push(Certificate::new(Place::Trusted, x509, false, true));
            }
        }
        Self(all)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Certificate> {
        self.0.iter()
    }

    /// The server's chain, as far as it is known.
    pub(super) fn of_server(&self) -> impl Iterator<Item = &Certificate> {
        let is_servers = |place| matches!(place, Place::Server | Place::Intermediate | Place::Root);
        self.iter()
            .filter(move |certificate| is_servers(certificate.place))
    }

    /// Those whose key, signature and dates could be read, with what they say. Nothing is known of the
    /// extensions of one that is malformed.
    pub(super) fn read(&self) -> impl Iterator<Item = (&Certificate, &CertificateProfile)> {
        self.iter()
            .filter_map(|certificate| Some((certificate, certificate.profile.as_ref()?)))
    }

    /// Those that could be read to the end, with what they say.
    pub(super) fn profiled(&self) -> impl Iterator<Item = (&Certificate, &CertificateProfile)> {
        self.read().filter(|(_, profile)| !profile.is_malformed)
    }

    /// The same of the server's own and the client's own.
    pub(super) fn leaves(&self) -> impl Iterator<Item = (&Certificate, &CertificateProfile)> {
        self.profiled()
            .filter(|(certificate, _)| certificate.place.is_leaf())
    }
}

fn is_clients(place: Place) -> bool {
    matches!(place, Place::Client | Place::ClientIntermediate)
}

fn of_server(link: &Link, roots: &[X509]) -> Vec<Certificate> {
    let is_proven = !link.verified.is_empty();
    let chain: &Chain = if is_proven {
        &link.verified
    } else {
        &link.served
    };
    let (chain, sent) = (chain.certificates(), link.served.certificates());
    let last = chain.len().saturating_sub(1);
    let places = chain.iter().enumerate().map(|(index, x509)| match index {
        0 => Place::Server,
        _ if index == last && (is_proven || is_self_issued(x509)) => Place::Root,
        _ => Place::Intermediate,
    });
    chain
        .iter()
        .zip(places)
        .take(LONGEST)
        .map(|(x509, place)| {
            let is_proven = is_proven || roots.contains(x509);
            Certificate::new(place, x509, sent.contains(x509), is_proven)
        })
        .collect()
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_self_issued(certificate: &X509Ref) -> bool {
    is_named_by(certificate, certificate)
}

/// Whether a certificate says that `issuer` issued it.
pub(super) fn is_named_by(certificate: &X509Ref, issuer: &X509Ref) -> bool {
    let named = certificate.issuer_name().try_cmp(issuer.subject_name());
    named.is_ok_and(std::cmp::Ordering::is_eq)
}
