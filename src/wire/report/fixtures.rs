//! Reports for the tests of this module.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use openssl::stack::Stack;
use wa_db_lab::pki::{Ca, Issued, Leaf};

use super::breach::{Breach, Report};
use crate::code::ErrorCode;
use crate::endpoint::{Endpoint, Engine, Host};
use crate::settings::{PinSet, Role};
use crate::tls::Chain;

/// A violation by a new certificate of this CA, and the certificate.
pub(super) fn breach(ca: &Ca, code: ErrorCode, enforced: bool) -> (Breach, Issued) {
    let leaf = ca.issue(&Leaf::server().dns("named.lab"));
    let pins = "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=";
    let breach = Breach {
        endpoint: Endpoint::new(Host::Name("db.lab".to_owned()), 5432),
        address: SocketAddr::from(([192, 0, 2, 7], 5432)),
        name: "named.lab".to_owned(),
        code,
        enforced,
        served: chain(&[&leaf]),
        verified: chain(&[&leaf, ca.as_issued()]),
        pins: PinSet::parse("X", pins).unwrap().pins().to_vec(),
    };
    (breach, leaf)
}

/// The same as a report.
pub(super) fn report(ca: &Ca, code: ErrorCode, enforced: bool) -> (Report, Issued) {
    let (breach, leaf) = breach(ca, code, enforced);
    let report = Report {
        breach,
        seen: UNIX_EPOCH + Duration::from_millis(1_763_757_296_789),
        role: Role::Webapp,
        engine: Engine::Postgres,
    };
    (report, leaf)
}

/// These certificates as a chain.
pub(super) fn chain(certificates: &[&Issued]) -> Chain {
    let mut stack = Stack::new().unwrap();
    for certificate in certificates {
        stack.push(certificate.x509()).unwrap();
    }
    Chain::from(&*stack)
}
