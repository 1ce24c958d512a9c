//! Networks from or to which connections may go: [`AllowedNetworks`].

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::fault::{Fault, shown};
use super::variables::ALLOWED_NETWORKS;

/// The networks whose addresses may be dialled (`WA_DB_ALLOWED_NETWORKS`), or may come as clients
/// (`WA_DB_TUNNEL_ALLOWED_CLIENTS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

impl AllowedNetworks {
    /// Whether the address is in one of the networks. An IPv4-mapped IPv6 address counts as its IPv4 address.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Parses the comma-separated list of `WA_DB_ALLOWED_NETWORKS`. A bare address is a network of
    /// one.
    ///
    /// # Errors
    /// Every item that is no network, or that has bits set beyond its prefix: such an item is
    /// either a typing mistake or means less than it seems to.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Self::parse_of(ALLOWED_NETWORKS, text)
    }

    /// The same for the list of another variable.
    pub(super) fn parse_of(variable: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let mut networks = Vec::new();
        let mut faults = Vec::new();
        for (index, item) in text.split(',').map(str::trim).enumerate() {
            match network(item) {
                Ok(network) => networks.push(network),
                Err((what, hint)) => faults.push(Fault::invalid(
                    variable,
                    format!("{variable}: item {} is {what}", index + 1),
                    hint,
                )),
            }
        }
        if faults.is_empty() {
            Ok(Self(networks))
        } else {
            Err(faults)
        }
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{network}")?;
        }
        Ok(())
    }
}

fn network(item: &str) -> Result<IpNet, (String, String)> {
    let malformed = || {
        let what = if item.is_empty() {
            "empty".to_owned()
        } else {
            shown(item) + ", which is no network"
        };
        (
            what,
            "write networks such as 10.0.0.0/8 or 2001:db8::/32, with commas between".to_owned(),
        )
    };
    // The address is left to the standard library, which takes no shortened or zero-padded form.
    let (address, prefix) = match item.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (item, None),
    };
    let address: IpAddr = address.parse().map_err(|_| malformed())?;
    let network = match prefix {
        None => IpNet::from(address),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let prefix = digits.parse().map_err(|_| malformed())?;
            IpNet::new(address, prefix).map_err(|_| malformed())?
        }
        Some(_) => return Err(malformed()),
    };
    let meant = network.trunc();
    if network != meant {
        return Err((
            format!("{}, which has bits set beyond its prefix", shown(item)),
            format!(
                "write {meant} if the whole network is meant, or {} for the one address",
                network.addr()
            ),
        ));
    }
    Ok(canonical(network))
}

/// A network of IPv4-mapped addresses as the IPv4 network it is, since addresses are compared in
/// that form.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let mapped = v6.addr().to_ipv4_mapped();
    match (mapped, v6.prefix_len().checked_sub(96)) {
        (Some(address), Some(prefix)) => Ipv4Net::new(address, prefix).map_or(network, IpNet::V4),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::AllowedNetworks;

    #[test]
    fn an_address_is_allowed_when_one_network_contains_it() {
        for (list, address, allowed) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8, 127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::1", "::1", true),
            ("::1/128", "::2", false),
            ("0.0.0.0/0", "::1", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            let networks = AllowedNetworks::parse(list).unwrap();
            assert_eq!(
                networks.allows(address.parse().unwrap()),
                allowed,
                "{address} in {list}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_a_fault_of_its_item() {
        for (list, part) in [
            ("", "item 1 is empty"),
            ("10.0.0.0/8,", "item 2 is empty"),
            ("10.0.0.0/33", "no network"),
            ("10.0.0/8", "no network"),
            ("10.0.0.0/8 127.0.0.1", "no network"),
            ("db.lab", "no network"),
            ("[::1]/128", "no network"),
            ("10.0.0.0/-1", "no network"),
            ("10.0.0.0/+8", "no network"),
            ("10.0.0.0/", "no network"),
            ("10.0.0.0/255.0.0.0", "no network"),
            ("010.0.0.0/8", "no network"),
            ("10.0.0.5/8", "bits set beyond"),
            ("2001:db8::1/32", "bits set beyond"),
        ] {
            let faults = AllowedNetworks::parse(list).unwrap_err();
            assert_eq!(faults.len(), 1);
            assert!(
                faults[0].message.contains(part),
                "{list:?}: {}",
                faults[0].message
            );
        }
    }

    #[test]
    fn host_bits_are_answered_with_the_network_that_was_meant() {
        let fault = AllowedNetworks::parse("10.0.0.5/8").unwrap_err().remove(0);
        assert!(fault.hint.contains("10.0.0.0/8") && fault.hint.contains("10.0.0.5"));
        let fault = AllowedNetworks::parse("2001:db8::1/32")
            .unwrap_err()
            .remove(0);
        assert!(fault.hint.contains("2001:db8::/32"), "{}", fault.hint);
    }

    #[test]
    fn a_printed_list_is_read_back_as_it_was() {
        let networks = AllowedNetworks::parse("10.0.0.0/8,::1").unwrap();
        assert_eq!(
            AllowedNetworks::parse(&networks.to_string()).unwrap(),
            networks
        );
    }
}
