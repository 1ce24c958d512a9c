//! Rules about the names in the server's certificate.

use std::net::{IpAddr, Ipv4Addr};

use super::fix;
use crate::audit::certificates::{Certificate, Place};
use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::tls::CertificateProfile;

pub(super) const RULES: &[Rule] = &[WILDCARD, NAME_ONLY_IN_CN, PRIVATE_ADDRESS];

const WILDCARD: Rule = Rule {
    id: "cert-wildcard",
    title: "the server's certificate is for every name of a domain",
    severity: Severity::Medium,
    also: &[],
    why: "Such a certificate and its key usually lie on several machines. Whoever takes the key from the least of \
          them, a web server for tests say, can pass for the database.",
    fix: "Issue the database a certificate for its own name alone.",
    look: wildcard,
};

const NAME_ONLY_IN_CN: Rule = Rule {
    id: "cert-name-only-in-cn",
    title: "the server's name stands in the common name only",
    severity: Severity::Low,
    also: &[],
    why: "The common name may hold anything, and programs differ in whether they take it for a host's name: \
          browsers, Go and Rust's rustls do not look at it any more (RFC 9525). A service in another language \
          then cannot verify this server, and limits that the CA sets to names do not always bind it.",
    fix: "Issue the certificate with the name as subject alternative name, as wa-db certs does.",
    look: name_only_in_cn,
};

const PRIVATE_ADDRESS: Rule = Rule {
    id: "cert-private-address",
    title: "a private address is a name in the server's certificate",
    severity: Severity::Low,
    also: &[],
    why: "10.0.0.5 is another machine in every network, and 127.0.0.1 every machine itself: the certificate is \
          right for servers that its owner never meant, wherever the CA is trusted.",
    fix: "Issue the certificate for DNS names, and set WA_DB_HOSTNAME or WA_DB_SSL_SERVER_NAME to one of them.",
    look: private_address,
};

/// The most names that a finding lists.
const SHOWN: usize = 8;

fn server<'a>(seen: &'a Evidence<'_>) -> Option<(&'a Certificate, &'a CertificateProfile)> {
    let mut leaves = seen.certificates.leaves();
    leaves.find(|(certificate, _)| certificate.place == Place::Server)
}

fn wildcard(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some((certificate, profile)) = server(seen) else {
        return Vec::new();
    };
    let names = match &profile.common_name {
        Some(name) if profile.dns_names.is_empty() => std::slice::from_ref(name),
        _ => &profile.dns_names,
    };
    let wild: Vec<_> = names.iter().filter(|name| name.contains('*')).collect();
    if wild.is_empty() {
        return Vec::new();
    }
    let evidence = format!("{certificate} is for {}", listed(certificate, &wild));
    vec![Observation::new(evidence, fix::issue(seen, certificate))]
}

fn name_only_in_cn(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some((certificate, profile)) = server(seen) else {
        return Vec::new();
    };
    let Some(common_name) = &profile.common_name else {
        return Vec::new();
    };
    // Addresses leave the common name to count for hosts that are reached by name.
    let has_names = !profile.dns_names.is_empty()
        || is_address(&fix::name(seen)) && !profile.addresses.is_empty();
    if has_names {
        return Vec::new();
    }
    let evidence = format!(
        "{certificate} has no subject alternative name that could be the host's, and the common name {}",
        listed(certificate, &[common_name])
    );
    vec![Observation::new(evidence, fix::issue(seen, certificate))]
}

fn private_address(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some((certificate, profile)) = server(seen) else {
        return Vec::new();
    };
    let addresses = profile.addresses.iter().filter(|ip| is_private(**ip));
    let addresses: Vec<_> = addresses.map(ToString::to_string).collect();
    if addresses.is_empty() {
        return Vec::new();
    }
    let addresses: Vec<_> = addresses.iter().collect();
    let evidence = format!("{certificate} is for {}", listed(certificate, &addresses));
    let name = fix::name(seen);
    let fix = if is_address(&name) {
        let issue = fix::issue_for("NAME", seen, certificate);
        format!(
            "reach the server by a DNS name (WA_DB_HOSTNAME), or set WA_DB_SSL_SERVER_NAME to one; for that name \
             {issue}"
        )
    } else {
        fix::issue(seen, certificate)
    };
    vec![Observation::new(evidence, fix)]
}

/// The names, the first of them if there are many.
fn listed(certificate: &Certificate, names: &[&String]) -> String {
    let shown = names.iter().take(SHOWN).map(|name| name.as_str());
    let shown = certificate.quoted(&shown.collect::<Vec<_>>().join(", "));
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

/// Whether an address means another machine elsewhere (RFC 1918, RFC 4193, RFC 6598; this machine, and
/// the local network).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let is_shared = v4 & Ipv4Addr::new(255, 192, 0, 0) == Ipv4Addr::new(100, 64, 0, 0);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::{Ca, Leaf};

    use super::super::fixtures::{Scene, only};
    use super::*;

    fn look(rule: &Rule, leaf: &Leaf, host: &str) -> Vec<Observation> {
        let ca = Ca::root("root");
        let scene = Scene::verified(&ca, &ca.issue(leaf));
        scene.with("WA_DB_HOSTNAME", host).look(rule)
    }

    #[test]
    fn a_wildcard_is_found_where_it_counts() {
        let server = Leaf::server;
        for (leaf, name) in [
            (server().dns("db.lab").cn("*.lab"), None),
            (server().ip("192.0.2.1"), None),
            (
                server().dns("db.lab").dns("*.db.lab"),
                Some("is for *.db.lab"),
            ),
            (server().cn("*.lab"), Some("is for *.lab")),
        ] {
            let seen = look(&WILDCARD, &leaf, "db.lab");
            let Some(name) = name else {
                assert_eq!(seen, []);
                continue;
            };
            assert!(only(seen).evidence.ends_with(name));
        }
    }

    #[test]
    fn many_names_are_not_all_listed() {
        let leaf = (0..20).fold(Leaf::server(), |leaf, at| leaf.dns(&format!("*.{at}.lab")));
        let evidence = only(look(&WILDCARD, &leaf, "db.lab")).evidence;
        assert!(evidence.ends_with("*.7.lab and 12 more"), "{evidence}");
    }

    #[test]
    fn a_common_name_is_alone_where_no_other_name_could_match_the_host() {
        let server = || Leaf::server().cn("db.lab");
        for (leaf, host, found) in [
            (server(), "db.lab", 1),
            (server(), "192.0.2.1", 1),
            (server().ip("192.0.2.1"), "db.lab", 1),
            (server().ip("192.0.2.1"), "192.0.2.1", 0),
            (server().dns("other.lab"), "db.lab", 0),
            (Leaf::server().dns("db.lab"), "db.lab", 0),
            (Leaf::server().ou("db.lab"), "db.lab", 0),
        ] {
            let seen = look(&NAME_ONLY_IN_CN, &leaf, host);
            assert_eq!(seen.len(), found, "{leaf:?} {host}");
        }
    }

    #[test]
    fn addresses_that_mean_another_machine_elsewhere_are_private() {
        for (address, is_found) in [
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("127.0.0.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:10.0.0.1", true),
            ("100.128.0.1", false),
            ("172.32.0.1", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            let leaf = Leaf::server().dns("db.lab").ip(address);
            let seen = look(&PRIVATE_ADDRESS, &leaf, "db.lab");
            assert_eq!(!seen.is_empty(), is_found, "{address}");
        }
        let both = Leaf::server().ip("10.0.0.1").ip("192.0.2.1").ip("fd00::1");
        let evidence = only(look(&PRIVATE_ADDRESS, &both, "db.lab")).evidence;
        assert!(evidence.ends_with("is for 10.0.0.1, fd00::1"), "{evidence}");
        let fix = |host| only(look(&PRIVATE_ADDRESS, &both, host)).fix;
        assert!(fix("db.lab").starts_with("run wa-db certs issue server --name db.lab "));
        assert!(
            fix("10.0.0.1").contains("for that name run wa-db certs issue server --name NAME ")
        );
    }
}
