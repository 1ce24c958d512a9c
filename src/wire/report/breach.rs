//! What a report is about: [`Breach`].

use std::net::SocketAddr;
use std::time::SystemTime;

use openssl::sha::sha256;

use crate::code::ErrorCode;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Pin, Role};
use crate::tls::Chain;

/// A server's certificate that does not keep to the policy, as one handshake showed it. It holds
/// nothing of the account.
#[derive(Clone, Debug)]
pub(super) struct Breach {
    /// The server, as the settings name it.
    pub(super) endpoint: Endpoint,
    /// The address that answered for it.
    pub(super) address: SocketAddr,
    /// The name that the certificate had to carry.
    pub(super) name: String,
    /// What does not hold.
    pub(super) code: ErrorCode,
    /// Whether the connection was given up for it; if not, it was only to be reported.
    pub(super) enforced: bool,
    /// The certificates that the server sent, its own first.
    pub(super) served: Chain,
    /// The chain that was verified, up to the root; empty where none was.
    pub(super) verified: Chain,
    /// The pins that were compared; empty where none are set.
    pub(super) pins: Vec<Pin>,
}

/// A violation with when it was seen, and by whom.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) breach: Breach,
    pub(super) seen: SystemTime,
    pub(super) role: Role,
    pub(super) engine: Engine,
}

impl Report {
    /// What makes this report another one than those before.
    pub(super) fn key(&self) -> Key {
        let Breach {
            endpoint,
            code,
            enforced,
            served,
            ..
        } = &self.breach;
        // A certificate that cannot be written as DER is as good as none.
        let leaf = served.certificates().first();
        let leaf = leaf.and_then(|leaf| leaf.to_der().ok());
        Key {
            role: self.role,
            engine: self.engine,
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
    role: Role,
    engine: Engine,
    endpoint: Endpoint,
    code: ErrorCode,
    enforced: bool,
    leaf: Option<[u8; 32]>,
}
