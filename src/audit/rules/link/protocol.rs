//! What the handshake agreed on.

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::wire::TlsFacts;

pub(super) const NOT_ENCRYPTED: Rule = Rule {
    id: "link-not-encrypted",
    title: "the server says that the session is not encrypted",
    severity: Severity::Critical,
    also: &[],
    why: "Our side of the connection is encrypted and the server's is not, so something in between ends TLS, reads \
          everything, and sends it on in the clear.",
    fix: "Find the proxy, pooler or balancer that WA_DB_HOSTNAME and WA_DB_PORT lead to, and connect to the \
          database itself, or have it use TLS to the database.",
    look: not_encrypted,
};

fn not_encrypted(seen: &Evidence<'_>) -> Vec<Observation> {
    match &seen.session {
        Some(session) if !session.encrypted && !seen.is_local() => vec![Observation::new(
            "TLS is up, and the server calls its session unencrypted",
            "connect to the database itself: set WA_DB_HOSTNAME and WA_DB_PORT to what it listens on",
        )],
        _ => Vec::new(),
    }
}

pub(super) const OLD_PROTOCOL: Rule = Rule {
    id: "link-tls-version",
    title: "the protocol is below TLS 1.3",
    severity: Severity::Low,
    also: &[],
    why: "TLS 1.2 is safe with the right suites, but has many that are not, and shows the client's certificate to \
          whoever listens. TLS 1.3 has neither flaw and is a round trip quicker.",
    fix: "Allow TLS 1.3 at the server: PostgreSQL with ssl_max_protocol_version, MySQL and MariaDB with \
          tls_version. Then set WA_DB_SECURITY_LEVEL=MODERN to insist on it.",
    look: old_protocol,
};

fn old_protocol(seen: &Evidence<'_>) -> Vec<Observation> {
    match facts(seen) {
        Some(facts) if facts.protocol != "TLSv1.3" => vec![Observation::new(
            format!(
                "the handshake agreed on {} with {}",
                facts.protocol, facts.cipher
            ),
            "allow TLS 1.3 at the server (PostgreSQL: ssl_max_protocol_version = '', MySQL and MariaDB: tls_version = TLSv1.2,TLSv1.3), then set WA_DB_SECURITY_LEVEL=MODERN",
        )],
        _ => Vec::new(),
    }
}

pub(super) const WEAK_SUITE: Rule = Rule {
    id: "link-weak-suite",
    title: "the cipher suite has no forward secrecy or no authenticated encryption",
    severity: Severity::High,
    also: &[],
    why: "Without forward secrecy whoever records the traffic now and gets the server's key later can read all of \
          it. Without authenticated encryption (AEAD) what protects the data has been broken before (Lucky 13).",
    fix: "Set WA_DB_SECURITY_LEVEL=INTERMEDIATE, or MODERN, and allow such suites at the server: PostgreSQL with \
          ssl_ciphers, MySQL and MariaDB with ssl_cipher.",
    look: weak_suite,
};

fn weak_suite(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(facts) = facts(seen) else {
        return Vec::new();
    };
    let lacks = match (is_forward_secret(&facts.cipher), is_aead(&facts.cipher)) {
        (true, true) => return Vec::new(),
        (false, true) => "no forward secrecy",
        (true, false) => "no authenticated encryption",
        (false, false) => "neither forward secrecy nor authenticated encryption",
    };
    let evidence = format!("{} with {} has {lacks}", facts.protocol, facts.cipher);
    let fix = "set WA_DB_SECURITY_LEVEL=INTERMEDIATE, and allow ECDHE suites with GCM or ChaCha20 at the server (ssl_ciphers or ssl_cipher)";
    vec![Observation::new(evidence, fix)]
}

/// What the handshake showed, if there was one.
fn facts<'a>(seen: &'a Evidence<'_>) -> Option<&'a TlsFacts> {
    seen.link.as_ref()?.facts.as_ref()
}

/// By OpenSSL's names. Every suite of TLS 1.3 is both, and its name says nothing of the key exchange.
fn is_forward_secret(suite: &str) -> bool {
    ["TLS_", "ECDHE-", "DHE-"]
        .iter()
        .any(|start| suite.starts_with(start))
}

fn is_aead(suite: &str) -> bool {
    suite.starts_with("TLS_")
        || ["-GCM-", "-CHACHA20-", "-CCM"]
            .iter()
            .any(|part| suite.contains(part))
}

#[cfg(test)]
mod tests {
    use super::{is_aead, is_forward_secret};

    #[test]
    fn suites_are_judged_by_what_openssl_calls_them() {
        for (suite, forward_secret, aead) in [
            ("TLS_AES_256_GCM_SHA384", true, true),
            ("TLS_CHACHA20_POLY1305_SHA256", true, true),
            ("ECDHE-ECDSA-AES128-GCM-SHA256", true, true),
            ("ECDHE-RSA-CHACHA20-POLY1305", true, true),
            ("DHE-RSA-AES256-CCM8", true, true),
            ("ECDHE-RSA-AES256-SHA384", true, false),
            ("DHE-RSA-AES128-SHA", true, false),
            ("AES256-GCM-SHA384", false, true),
            ("AES128-CCM", false, true),
            ("ARIA256-GCM-SHA384", false, true),
            ("AES128-SHA", false, false),
            ("DES-CBC3-SHA", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_forward_secret(suite), forward_secret, "{suite}");
            assert_eq!(is_aead(suite), aead, "{suite}");
        }
    }
}
