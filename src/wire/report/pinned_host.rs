//! Whether a report would go to the very server it is about: [`is_pinned_host`].

use std::net::SocketAddr;

use super::breach::Breach;
use crate::endpoint::Host;

/// Whether the host that reports go to is the server that a violation is about, by name or by
/// address. Whoever poses as that server would be told that he was found out, or would keep the
/// report (RFC 7469, section 2.1.4, has browsers break that loop too).
///
/// Whoever answers for a name or an address of the network may have all of its ports; on the
/// loopback interface it takes the same port to be the same server.
pub(super) fn is_pinned_host(
    breach: &Breach,
    host: &str,
    port: u16,
    addresses: &[SocketAddr],
) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let named = plain(host) == plain(&breach.name)
        || matches!(breach.endpoint.host(), Host::Name(name) if plain(host) == plain(name));
    let server = breach.address.ip().to_canonical();
    let addressed = addresses
        .iter()
        .any(|address| address.ip().to_canonical() == server);
    let is_local = addresses
        .iter()
        .all(|address| address.ip().to_canonical().is_loopback());
    (named || addressed) && (!is_local || port == breach.address.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::Ca;

    use super::*;
    use crate::code::ErrorCode;
    use crate::wire::report::fixtures;

    #[test]
    fn the_pinned_host_is_known_by_its_names_and_by_its_address() {
        let ca = Ca::root("Lab CA");
        let (mut breach, _) = fixtures::breach(&ca, ErrorCode::PinMismatch, true);
        // db.lab, which must carry named.lab, at 192.0.2.7:5432.
        for (host, address, is_it) in [
            ("reports.lab", "192.0.2.8:443", false),
            ("DB.lab", "192.0.2.8:443", true),
            ("db.lab.", "192.0.2.8:443", true),
            ("Named.lab", "192.0.2.8:443", true),
            ("reports.lab", "192.0.2.7:443", true),
            ("reports.lab", "[::ffff:192.0.2.7]:443", true),
            ("sub.db.lab", "192.0.2.8:443", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            let found = is_pinned_host(&breach, host, address.port(), &[address]);
            assert_eq!(found, is_it, "{host} {address}");
        }
        let several = ["192.0.2.8:443", "192.0.2.7:443"].map(|text| text.parse().unwrap());
        assert!(is_pinned_host(&breach, "reports.lab", 443, &several));

        breach.endpoint = crate::endpoint::Endpoint::new(Host::Name("localhost".into()), 5432);
        breach.name = "localhost".to_owned();
        breach.address = "127.0.0.1:5432".parse().unwrap();
        for (host, address, is_it) in [
            ("localhost", "127.0.0.1:5432", true),
            ("127.0.0.1", "127.0.0.1:5432", true),
            ("localhost", "127.0.0.1:9000", false),
            ("127.0.0.1", "127.0.0.1:9000", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            let found = is_pinned_host(&breach, host, address.port(), &[address]);
            assert_eq!(found, is_it, "{host} {address}");
        }
    }
}
