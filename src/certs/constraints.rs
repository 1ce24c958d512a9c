//! What a CA may vouch for: [`Constraints`], the name constraints of RFC 5280 (4.2.1.10).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use openssl::asn1::{Asn1Object, Asn1OctetString};
use openssl::error::ErrorStack;
use openssl::x509::{X509Extension, X509Ref};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::names::dns_name;
use crate::failure::printable;

const OID: &str = "2.5.29.30";

/// The names that a CA is limited to. Where something is permitted, all names of a kind of which nothing is
/// are excluded: a limit that leaves every address open is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Constraints {
    pub(crate) domains: Vec<Domain>,
    pub(crate) networks: Vec<Network>,
}

/// A DNS name and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain(String);

/// The addresses of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A dot in front would leave the domain itself out, which is seldom meant.
        let domain = dns_name(text.strip_prefix('.').unwrap_or(text))?;
        if domain.parse::<IpAddr>().is_ok() {
            return Err("it is an address: give its network with --permit-ip".to_owned());
        }
        Ok(Self(domain))
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| {
                "expected a network, such as 10.0.0.0/8 or 2001:db8::/32".to_owned()
            })?,
        };
        if network != network.trunc() {
            return Err(format!(
                "it has bits set beyond its prefix: did you mean {}?",
                network.trunc()
            ));
        }
        Ok(Self(network))
    }
}

impl Constraints {
    /// The extension, critical; `None` where nothing is limited.
    pub(super) fn extension(&self) -> Result<Option<X509Extension>, ErrorStack> {
        let domains = self
            .domains
            .iter()
            .map(|domain| subtree(0x82, domain.0.as_bytes()));
        let networks = self
            .networks
            .iter()
            .map(|network| subtree(0x87, &octets(network.0)));
        let permitted: Vec<u8> = domains.chain(networks).flatten().collect();
        let excluded = match (&self.domains[..], &self.networks[..]) {
            ([], []) => return Ok(None),
            // The empty name has all names below it.
            ([], _) => subtree(0x82, b""),
            (_, []) => [subtree(0x87, &[0; 8]), subtree(0x87, &[0; 32])].concat(),
            _ => Vec::new(),
        };
        let mut content = element(0xa0, &permitted);
        if !excluded.is_empty() {
            content.extend(element(0xa1, &excluded));
        }
        let der = element(0x30, &content);
        let der = Asn1OctetString::new_from_bytes(&der)?;
        X509Extension::new_from_der(&*Asn1Object::from_str(OID)?, true, &der).map(Some)
    }
}

/// `GeneralSubtree`, of which RFC 5280 uses nothing but the base.
fn subtree(tag: u8, base: &[u8]) -> Vec<u8> {
    element(0x30, &element(tag, base))
}

/// Address and mask, one after the other.
fn octets(network: IpNet) -> Vec<u8> {
    match network {
        IpNet::V4(network) => [network.addr().octets(), network.netmask().octets()].concat(),
        IpNet::V6(network) => [network.addr().octets(), network.netmask().octets()].concat(),
    }
}

/// Tag, length, content (DER).
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|digit| *digit == 0).collect();
    let mut element = vec![tag];
    match digits[..] {
        [] => element.push(0),
        [short] if short < 0x80 => element.push(short),
        // A length of at most eight digits: the sum stays below 256.
        _ => {
            element.push(0x80 + u8::try_from(digits.len()).unwrap_or(u8::MAX - 0x80));
            element.extend(digits);
        }
    }
    element.extend(content);
    element
}

/// The limits that a certificate sets to those below it, for people: `DNS example.internal`, `IP
/// 10.0.0.0/8`, `not DNS example.org`, `no IPv6 addresses`.
pub(super) fn limits(certificate: &X509Ref) -> Vec<String> {
    let Ok(der) = certificate.to_der() else {
        return Vec::new();
    };
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
        return Vec::new();
    };
    let Ok(Some(constraints)) = parsed.name_constraints() else {
        return Vec::new();
    };
    let permitted = constraints.value.permitted_subtrees.iter().flatten();
    let excluded = constraints.value.excluded_subtrees.iter().flatten();
    let permitted = permitted.map(|subtree| base(&subtree.base));
    let excluded = excluded.map(|subtree| match &subtree.base {
        GeneralName::DNSName("") => "no DNS names".to_owned(),
        GeneralName::IPAddress([0, 0, 0, 0, 0, 0, 0, 0]) => "no IPv4 addresses".to_owned(),
        GeneralName::IPAddress(octets) if **octets == [0; 32] => "no IPv6 addresses".to_owned(),
        other => format!("not {}", base(other)),
    });
    permitted.chain(excluded).collect()
}

fn base(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(domain) => format!("DNS {}", printable(domain)),
        GeneralName::IPAddress(octets) => format!("IP {}", shown(octets)),
        GeneralName::RFC822Name(mailbox) => format!("email {}", printable(mailbox)),
        GeneralName::URI(uri) => format!("URI {}", printable(uri)),
        _ => "names of another kind".to_owned(),
    }
}

/// A network from its address and mask.
fn shown(octets: &[u8]) -> String {
    let (address, mask) = octets.split_at(octets.len() / 2);
    let ip = |octets: &[u8]| match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    };
    let network = ip(address).zip(ip(mask));
    let network = network.and_then(|(address, mask)| IpNet::with_netmask(address, mask).ok());
    network.map_or_else(|| "?".to_owned(), |network| network.to_string())
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DNS {}", self.0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IP {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn domains_and_networks_are_what_they_say() {
        for (text, expected) in [
            ("example.internal", "DNS example.internal"),
            (".Lab.", "DNS lab"),
        ] {
            assert_eq!(text.parse::<Domain>().unwrap().to_string(), expected);
        }
        for text in ["", ".", "*.lab", "10.0.0.1", "a b", "lab:1"] {
            assert!(text.parse::<Domain>().is_err(), "{text}");
        }
        for (text, expected) in [
            ("10.0.0.0/8", "IP 10.0.0.0/8"),
            ("10.1.2.3", "IP 10.1.2.3/32"),
            ("2001:db8::/32", "IP 2001:db8::/32"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), expected);
        }
        for text in ["", "lab", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "0/0"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_are_written_as_der_wants_them() {
        for (length, head) in [
            (0, &[0x30, 0][..]),
            (0x7f, &[0x30, 0x7f]),
            (0x80, &[0x30, 0x81, 0x80]),
            (0x1234, &[0x30, 0x82, 0x12, 0x34]),
        ] {
            let written = element(0x30, &vec![7; length]);
            assert_eq!(&written[..head.len()], head);
            assert_eq!(written.len(), head.len() + length);
        }
    }
}
