//! Reports for the tests of this module.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use openssl::x509::X509;
use wa_db_lab::pki::{Ca, Issued, Leaf};

use super::violation::{Report, Violation};
use crate::code::ErrorCode;
use crate::endpoint::{Endpoint, Engine, Host};
use crate::settings::Role;

/// A violation by a new certificate of this CA, and the certificate.
pub(super) fn violation(ca: &Ca, code: ErrorCode, enforced: bool) -> (Violation, Issued) {
    let leaf = ca.issue(&Leaf::server().dns("named.lab"));
    let root = X509::from_pem(ca.cert_pem().as_bytes()).unwrap();
    let violation = Violation {
        endpoint: Endpoint::new(Host::Name("db.lab".to_owned()), 5432),
        address: SocketAddr::from(([192, 0, 2, 7], 5432)),
        name: "named.lab".to_owned(),
        code,
        enforced,
        served: vec![leaf.x509()],
        verified: vec![leaf.x509(), root],
        pins: vec!["d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=".to_owned()],
    };
    (violation, leaf)
}

/// The same as a report.
pub(super) fn report(ca: &Ca, code: ErrorCode, enforced: bool) -> (Report, Issued) {
    let (violation, leaf) = violation(ca, code, enforced);
    let report = Report {
        violation,
        seen: UNIX_EPOCH + Duration::from_millis(1_763_757_296_789),
        role: Role::Webapp,
        engine: Engine::Postgres,
    };
    (report, leaf)
}
