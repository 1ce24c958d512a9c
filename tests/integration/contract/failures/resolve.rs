//! Names and addresses.

use wa_db_lab::fake::SilentListener;

use super::super::codes::Case;
use crate::support::{Outcome, Variables, check, with};

pub(in super::super) const CASES: [Case; 2] = [
    ("name_not_resolved", 11, || {
        // RFC 6761 keeps this name from ever having an address.
        check("webapp", &at("db.invalid", "5432"))
    }),
    ("address_not_allowed", 11, outside_the_allowed_networks),
];

/// An address outside of them is never dialled, whatever its name says.
fn outside_the_allowed_networks() -> Outcome {
    let listener = SilentListener::start().expect("a port is free");
    let variables = with(
        &at("localhost", &listener.port().to_string()),
        [("WA_DB_ALLOWED_NETWORKS", "10.0.0.0/8, 2001:db8::/32")],
    );
    let outcome = check("webapp", &variables);
    assert_eq!(listener.connections(), 0, "dialled all the same");
    outcome
}

pub(super) fn at(host: &str, port: &str) -> Variables {
    let pairs = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", host),
        ("WA_DB_PORT", port),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_CONNECT_TIMEOUT", "5s"),
    ];
    with(&Variables::new(), pairs)
}
