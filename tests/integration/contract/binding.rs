//! Logins on a channel that gives nothing to bind to.

use wa_db_lab::pki::{Ca, CaSpec, KeyKind};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::lab::trusting;
use crate::support::with;
use crate::verdict::{PASSES, both};

/// Its certificates are signed with Ed25519, for which RFC 5929 knows no hash.
fn without_hash() -> Ca {
    CaSpec::new("root that signs with Ed25519")
        .key_kind(KeyKind::Ed25519)
        .root()
}

#[test]
fn a_login_that_was_not_bound_is_not_called_bound() {
    let ca = without_hash();
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(Engine::Postgres, ServerOptions::tls(&certificate));
    let variables = trusting(&server, &ca);

    let target = both("prefer", &variables, PASSES);
    assert_eq!(target["tls"]["channel_bound"], false, "{target}");

    let require = with(&variables, [("WA_DB_CHANNEL_BINDING", "require")]);
    let target = both("require", &require, (14, "channel_binding_unavailable"));
    let error = target["stages"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|stage| stage["error"]["message"].as_str())
        .unwrap();
    assert!(
        error.contains("signature of the server's certificate"),
        "{error}"
    );
    assert!(!error.contains("does not offer"), "{error}");
}
