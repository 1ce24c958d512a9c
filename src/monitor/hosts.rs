//! By which names the page may be asked for on this machine: [`Hosts`].
//!
//! A page of the web may resolve a name of its own to 127.0.0.1 and have a browser on this machine ask for what
//! only this machine may see. Its name then stands in the request's `Host`, and such requests are refused. Where
//! others can reach the listener there is TLS: a browser talks to it only under the names of its certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The names by which the page may be asked for.
#[derive(Clone, Debug)]
pub(super) struct Hosts(IpAddr);

impl Hosts {
    /// `localhost`, the loopback addresses, and the address that is listened on.
    pub(super) fn of(address: SocketAddr) -> Self {
        Self(address.ip())
    }

    /// Whether a request may name this host, with whatever port: tunnels lead here from others.
    pub(super) fn allows(&self, host: &str) -> bool {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let address: Option<IpAddr> = match bare {
            Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        address.is_some_and(|address| {
            address == IpAddr::V4(Ipv4Addr::LOCALHOST)
                || address == IpAddr::V6(Ipv6Addr::LOCALHOST)
                || address == self.0
        })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Hosts;

    #[test]
    fn only_names_that_always_mean_this_machine_are_allowed() {
        let hosts = Hosts::of("127.0.0.7:9187".parse().unwrap());
        for (host, allowed) in [
            ("localhost", true),
            ("LOCALHOST:9187", true),
            ("localhost:1", true),
            ("127.0.0.1:9187", true),
            ("127.0.0.7:9187", true),
            ("[::1]:9187", true),
            ("[::1]", true),
            ("127.0.0.8", false),
            ("::1", false),
            ("attacker.example", false),
            ("attacker.example:9187", false),
            ("localhost.attacker.example", false),
            ("127.0.0.1.attacker.example:9187", false),
            ("192.0.2.1", false),
            ("[127.0.0.1]", false),
            ("[::1", false),
            ("localhost:9187x", false),
            ("", false),
            (":9187", false),
        ] {
            assert_eq!(hosts.allows(host), allowed, "{host:?}");
        }
    }
}
