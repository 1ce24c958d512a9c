//! Whether the server is who it says.

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::endpoint::Host;
use crate::settings::{Role, Verification};

pub(super) const OFF: Rule = Rule {
    id: "link-verification-off",
    title: "the server is not verified",
    severity: Severity::Critical,
    also: &[Severity::High],
    why: "Whoever can answer at the server's address, or stands on the way to it, can pass for it, and reads and \
          changes everything, the password included. Encryption alone does not help: it is then encrypted for \
          the wrong one.",
    fix: "Set WA_DB_SSL_CA to the CA that issued the server's certificate and remove WA_DB_SSL_VERIFY, or the \
          weaker mode from WA_DB_CONNECTION_OPTION.",
    look: off,
};

fn off(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(link) = &seen.link else {
        return Vec::new();
    };
    let verdict = match link.facts.as_ref().map(|facts| facts.would_fail) {
        Some(Some(code)) => format!("; verification would have failed with {code}"),
        Some(None) => "; verification would have passed".to_owned(),
        None => String::new(),
    };
    let (what, severity) = match (seen.policy.verification(), seen.settings.role()) {
        (Verification::Full, _) => return Vec::new(),
        // The CA vouches for the server at least: only its other customers can pass for it.
        (Verification::ChainOnly, _) => (
            "the name in the certificate is not compared, as the legacy string asks",
            Severity::High,
        ),
        (Verification::Off, Role::Webapp) => (
            "WA_DB_SSL_VERIFY is off: neither chain nor name are verified",
            Severity::Critical,
        ),
        (Verification::Off, Role::Coreapp) => (
            "neither chain nor name are verified, as the legacy string asks",
            Severity::Critical,
        ),
    };
    let fix = match seen.settings.role() {
        Role::Webapp => {
            "remove WA_DB_SSL_VERIFY, and set WA_DB_SSL_CA to the file of the CA that issued the server's certificate"
        }
        Role::Coreapp => {
            "replace WA_DB_CONNECTION_OPTION by the variables that 'wa-db migrate' prints, and set WA_DB_SSL_CA to the file of the CA that issued the server's certificate"
        }
    };
    vec![Observation::new(format!("{what}{verdict}"), fix).at(severity)]
}

pub(super) const SYSTEM_STORE: Rule = Rule {
    id: "link-system-store",
    title: "any CA of the system's store may vouch for the server",
    severity: Severity::Medium,
    also: &[],
    why: "The system's store holds more than a hundred public CAs, and each of them can issue a certificate for the \
          server's name. For a server that two services alone talk to, one mistake or break-in at any of them is \
          one too many.",
    fix: "Set WA_DB_SSL_CA to the file of the one CA that issues the server's certificates, or pin its key in \
          WA_DB_SSL_PINS.",
    look: system_store,
};

fn system_store(seen: &Evidence<'_>) -> Vec<Observation> {
    let tls = seen.settings.tls();
    let is_narrow = tls.ca.is_some() || tls.pins.is_some();
    if seen.is_local() || is_narrow || seen.policy.verification() == Verification::Off {
        return Vec::new();
    }
    let root = seen.link.as_ref().and_then(|link| {
        let root = link.verified.facts().pop()?;
        Some(format!("; this time it was {}", root.subject))
    });
    let evidence = format!(
        "WA_DB_SSL_CA is not set, so that every CA of the system's store is trusted{}",
        root.unwrap_or_default()
    );
    let fix = "set WA_DB_SSL_CA to the file of that CA alone, or pin its key with the line that 'wa-db pins' prints";
    vec![Observation::new(evidence, fix)]
}

pub(super) const NAME_OVERRIDE: Rule = Rule {
    id: "link-name-override",
    title: "the certificate is compared with another name than the host's",
    severity: Severity::Low,
    also: &[],
    why: "WA_DB_SSL_SERVER_NAME lets every server in that carries this one name, wherever WA_DB_HOSTNAME leads. It \
          outlives the reason it was set for, and then hides that a connection goes somewhere else.",
    fix: "Have the server's certificate issued for the name in WA_DB_HOSTNAME, and remove WA_DB_SSL_SERVER_NAME.",
    look: name_override,
};

fn name_override(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(name) = &seen.settings.tls().server_name else {
        return Vec::new();
    };
    if seen.policy.verification() != Verification::Full {
        return Vec::new();
    }
    let host = match seen.endpoint.host() {
        Host::Name(host) => host.clone(),
        Host::Ip(ip) => ip.to_string(),
        Host::Socket(_) => return Vec::new(),
    };
    if host.eq_ignore_ascii_case(name) {
        return Vec::new();
    }
    let evidence = format!("the host is {host} and WA_DB_SSL_SERVER_NAME is {name}");
    let fix = format!(
        "issue the server a certificate for {host} as well, and remove WA_DB_SSL_SERVER_NAME"
    );
    vec![Observation::new(evidence, fix)]
}
