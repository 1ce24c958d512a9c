//! Where the server is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::audit::evidence::{Evidence, Plaintext};
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::endpoint::Host;
use crate::settings::Verification;

pub(super) const PUBLIC: Rule = Rule {
    id: "link-public-address",
    title: "the database is at an address of the public internet",
    severity: Severity::Medium,
    also: &[Severity::High],
    why: "Everybody can reach it: to guess passwords, to use the next flaw of the server before it is mended, and to \
          keep it busy. The way to it leads through networks of strangers.",
    fix: "Give the database a private address (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fc00::/7), or reach it by a \
          private network or 'wa-db tunnel', and have a firewall let the two services in alone.",
    look: public,
};

fn public(seen: &Evidence<'_>) -> Vec<Observation> {
    let addresses: Vec<_> = seen
        .addresses
        .iter()
        .copied()
        .filter(|ip| is_public(*ip))
        .collect();
    if addresses.is_empty() {
        return Vec::new();
    }
    let opens = matches!(seen.plaintext, Some(Plaintext::Entertained(_)));
    let (beside, severity) = if opens {
        (", and it takes logins without TLS", Severity::High)
    } else if seen.policy.verification() != Verification::Full {
        (", and it is not verified in full", Severity::High)
    } else {
        ("", Severity::Medium)
    };
    let evidence = format!("{} leads to {}{beside}", seen.endpoint, listed(&addresses));
    let fix = "move the database to a private network, or let a firewall pass the services' own addresses alone; then set WA_DB_ALLOWED_NETWORKS to its network";
    vec![Observation::new(evidence, fix).at(severity)]
}

pub(super) const ANY_NETWORK: Rule = Rule {
    id: "link-any-network",
    title: "whatever address DNS gives is dialled",
    severity: Severity::Low,
    also: &[],
    why: "Whoever can change an answer of DNS leads the services elsewhere. Verification turns an impostor away, but \
          only after it was dialled, and not where verification is off.",
    fix: "Set WA_DB_ALLOWED_NETWORKS to the networks that the database is in.",
    look: any_network,
};

fn any_network(seen: &Evidence<'_>) -> Vec<Observation> {
    let Host::Name(name) = seen.endpoint.host() else {
        return Vec::new();
    };
    if seen.settings.allowed_networks().is_some() {
        return Vec::new();
    }
    let now = match seen.addresses.as_slice() {
        [] => String::new(),
        addresses => format!("; {name} leads to {}", listed(addresses)),
    };
    let fix = match seen.addresses.as_slice() {
        [] => "set WA_DB_ALLOWED_NETWORKS to the networks that the database is in".to_owned(),
        addresses => format!(
            "set WA_DB_ALLOWED_NETWORKS={}, or to the networks that the database is in",
            addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",")
        ),
    };
    vec![Observation::new(
        format!("WA_DB_ALLOWED_NETWORKS is not set{now}"),
        fix,
    )]
}

pub(super) const OUTSIDE: Rule = Rule {
    id: "link-address-outside",
    title: "the server's name leads outside the allowed networks",
    severity: Severity::Medium,
    also: &[],
    why: "Addresses outside WA_DB_ALLOWED_NETWORKS are not dialled, so this is a server that is never reached, a \
          network that was forgotten, or somebody who answers for the name and should not.",
    fix: "Find out whose the address is. If it is the database's, add its network to WA_DB_ALLOWED_NETWORKS; if not, \
          put the DNS right.",
    look: outside,
};

fn outside(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(allowed) = seen.settings.allowed_networks() else {
        return Vec::new();
    };
    let addresses = seen.addresses.iter().copied();
    let outside: Vec<_> = addresses.filter(|ip| !allowed.allows(*ip)).collect();
    if outside.is_empty() {
        return Vec::new();
    }
    let outside = listed(&outside);
    let evidence = format!(
        "{} leads to {outside}, which WA_DB_ALLOWED_NETWORKS ({allowed}) does not hold",
        seen.endpoint
    );
    let fix = format!(
        "find out who has {outside}: add its network to WA_DB_ALLOWED_NETWORKS, or take it out of the name"
    );
    vec![Observation::new(evidence, fix)]
}

pub(super) const DIFFERENT_KEYS: Rule = Rule {
    id: "link-different-keys",
    title: "the addresses behind one name present different keys",
    severity: Severity::Medium,
    also: &[],
    why: "Either these are several servers, and which one a service reaches is left to chance, or one of them is not \
          the database. A pin of one of the keys locks out whoever is led to the other.",
    fix: "List servers that are not the same one by one in WA_DB_HOSTNAME, by names of their own, with WA_DB_TARGET; \
          pin every key; take addresses that are not the database's out of the name.",
    look: different_keys,
};

fn different_keys(seen: &Evidence<'_>) -> Vec<Observation> {
    let differ =
        |(_, pin): &(SocketAddr, _)| seen.keys.first().is_some_and(|(_, first)| pin != first);
    if !seen.keys.iter().any(differ) {
        return Vec::new();
    }
    let keys = seen.keys.iter();
    let keys: Vec<_> = keys
        .map(|(address, pin)| format!("{address} has {pin}"))
        .collect();
    let evidence = format!("of {}, {}", seen.endpoint, keys.join(", "));
    let fix = "compare each with the key of the server itself (wa-db pins --from-cert FILE, there); list the servers one by one in WA_DB_HOSTNAME";
    vec![Observation::new(evidence, fix)]
}

fn listed(addresses: &[IpAddr]) -> String {
    let addresses = addresses.iter().map(ToString::to_string);
    addresses.collect::<Vec<_>>().join(", ")
}

/// Whether packets from anywhere are led there: what IANA's registries of special purpose addresses
/// do not take out of the public address space.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // In turn: this network, and reserved ones with broadcast; shared space of providers (RFC 6598);
    // protocol assignments; benchmarks.
    let is_special = matches!(
        address.octets(),
        [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..]
    );
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

/// Global unicast is `2000::/3`, of which documentation (RFC 3849, RFC 9637) is taken out.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_documentation =
        (first, second) == (0x2001, 0x0db8) || (first, second & 0xf000) == (0x3fff, 0);
    first & 0xe000 == 0x2000 && !is_documentation
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::audit::fixtures::looked;

    const DATABASE: [(&str, &str); 4] = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "db.lab"),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_SSL_VERIFY", ""),
    ];

    #[test]
    fn public_addresses_are_those_that_anybody_can_be_led_to() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("172.15.255.255", true),
            ("172.16.0.1", false),
            ("10.1.2.3", false),
            ("192.168.1.1", false),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("100.128.0.0", true),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("192.0.0.9", false),
            ("192.0.2.1", false),
            ("198.17.0.1", true),
            ("198.19.0.1", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("2606:4700::1111", true),
            ("2001:db8::1", false),
            ("3fff:1::1", false),
            ("3fff:ffff::1", true),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn addresses_that_the_allowed_networks_do_not_hold_are_named() {
        let allowed = [&DATABASE[..3], &[("WA_DB_ALLOWED_NETWORKS", "10.0.0.0/8")]].concat();
        for (variables, addresses, outside) in [
            (&DATABASE[..], vec!["192.0.2.1"], None),
            (&allowed, vec!["10.0.0.1", "10.0.0.2"], None),
            (&allowed, vec![], None),
            (
                &allowed,
                vec!["10.0.0.1", "192.0.2.1", "::1"],
                Some("192.0.2.1, ::1"),
            ),
        ] {
            let found = looked(&OUTSIDE, variables, |seen| {
                seen.addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
            });
            let named = found.iter().map(|seen| {
                let evidence = seen.evidence.strip_prefix("db.lab:5432 leads to ").unwrap();
                evidence.split_once(", which").unwrap().0
            });
            assert_eq!(
                named.collect::<Vec<_>>(),
                Vec::from_iter(outside),
                "{addresses:?}"
            );
        }
    }

    #[test]
    fn public_address_is_worse_where_something_else_is_missing() {
        let ip = |text: &str| text.parse().unwrap();
        let off = [&DATABASE[..3], &[("WA_DB_SSL_VERIFY", "off")]].concat();
        let entertained = Plaintext::Entertained("asked for a proof".to_owned());
        for (variables, addresses, plaintext, severity) in [
            (&DATABASE[..], vec![ip("10.0.0.1")], None, None),
            (&DATABASE[..], vec![], None, None),
            (
                &DATABASE[..],
                vec![ip("8.8.8.8")],
                None,
                Some(Severity::Medium),
            ),
            (
                &DATABASE[..],
                vec![ip("10.0.0.1"), ip("2606:4700::1111")],
                Some(Plaintext::Refused),
                Some(Severity::Medium),
            ),
            (&off, vec![ip("8.8.8.8")], None, Some(Severity::High)),
            (
                &DATABASE[..],
                vec![ip("8.8.8.8")],
                Some(entertained),
                Some(Severity::High),
            ),
        ] {
            let shown = format!("{addresses:?}");
            let found = looked(&PUBLIC, variables, |seen| {
                seen.addresses = addresses;
                seen.plaintext = plaintext;
            });
            let found: Vec<_> = found.iter().map(|seen| seen.severity).collect();
            let expected: Vec<_> = severity.into_iter().map(Some).collect();
            assert_eq!(found, expected, "{shown}");
        }
    }
}
