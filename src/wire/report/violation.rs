//! What a report is about: [`Violation`].

use std::net::SocketAddr;
use std::time::SystemTime;

use openssl::sha::sha256;
use openssl::x509::X509;

use crate::code::ErrorCode;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::Role;

/// A server's certificate that does not keep to the policy, as one handshake showed it. It holds
/// nothing of the account.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// The server, as the settings name it.
    pub(crate) endpoint: Endpoint,
    /// The address that answered for it.
    pub(crate) address: SocketAddr,
    /// The name that the certificate had to carry.
    pub(crate) name: String,
    /// What does not hold.
    pub(crate) code: ErrorCode,
    /// Whether the connection was given up for it; if not, it was only to be reported.
    pub(crate) enforced: bool,
    /// The certificates that the server sent, its own first.
    pub(crate) served: Vec<X509>,
    /// The chain that was verified, up to the root; empty where none was.
    pub(crate) verified: Vec<X509>,
    /// The pins that were compared, in base64; empty where none are set.
    pub(crate) pins: Vec<String>,
}

/// A violation with when it was seen, and by whom.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) violation: Violation,
    pub(super) seen: SystemTime,
    pub(super) role: Role,
    pub(super) engine: Engine,
}

impl Report {
    /// What makes this report another one than those before.
    pub(super) fn key(&self) -> Key {
        let Violation {
            endpoint,
            code,
            enforced,
            served,
            ..
        } = &self.violation;
        // A certificate that cannot be written as DER is as good as none.
        let leaf = served.first().and_then(|leaf| leaf.to_der().ok());
        Key {
            endpoint: endpoint.clone(),
            code: *code,
            enforced: *enforced,
            leaf: leaf.map(|der| sha256(&der)),
        }
    }
}

/// Reports with the same key say the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    endpoint: Endpoint,
    code: ErrorCode,
    enforced: bool,
    leaf: Option<[u8; 32]>,
}
