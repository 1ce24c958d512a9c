//! From host to addresses, and which of them may be dialled.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::code::{ErrorCode, Stage};
use crate::endpoint::{Endpoint, Host};
use crate::failure::Failure;
use crate::settings::AllowedNetworks;

/// Addresses beyond these are not tried: a name with more is a mistake or an attack on our time.
const ADDRESS_LIMIT: usize = 16;

/// The addresses of an endpoint in the order to dial them: families alternate, the resolver's
/// first choice leads (RFC 8305, section 4). A Unix socket has none.
///
/// # Errors
/// `name_not_resolved`, or `address_not_allowed` where no address lies in the allowed networks.
pub(crate) async fn resolve(
    endpoint: &Endpoint,
    allowed: Option<&AllowedNetworks>,
) -> Result<Vec<SocketAddr>, Failure> {
    let addresses = match endpoint.host() {
        Host::Socket(_) => return Ok(Vec::new()),
        Host::Ip(ip) => vec![SocketAddr::new(*ip, endpoint.port())],
        Host::Name(name) => {
            let asked = asked(name, endpoint.is_absolute());
            look_up(&asked, endpoint.port()).await?
        }
    };
    let (inside, outside): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| allowed.is_none_or(|networks| networks.allows(address.ip())));
    if inside.is_empty() {
        let listed = outside
            .iter()
            .map(|address| address.ip().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(Failure::new(
            Stage::Resolve,
            ErrorCode::AddressNotAllowed,
            format!(
                "{endpoint} of WA_DB_HOSTNAME leads to {listed}, outside WA_DB_ALLOWED_NETWORKS: not dialled"
            ),
            "if that address is right, add its network to WA_DB_ALLOWED_NETWORKS; if not, find out who answers for the name",
        ));
    }
    let mut ordered = alternate(inside);
    ordered.truncate(ADDRESS_LIMIT);
    Ok(ordered)
}

/// The name as the resolver is asked for it. Without the dot of an absolute name, the resolver may
/// try the search domains first, and whoever answers for one of them would answer for the server.
fn asked(name: &str, absolute: bool) -> Cow<'_, str> {
    // `localhost` stands in /etc/hosts without a dot, and means this machine anywhere (RFC 6761).
    if absolute && !name.eq_ignore_ascii_case("localhost") {
        Cow::Owned(format!("{name}."))
    } else {
        Cow::Borrowed(name)
    }
}

async fn look_up(name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let not_resolved = |detail: &str| {
        Failure::new(
            Stage::Resolve,
            ErrorCode::NameNotResolved,
            format!("the host name {name} of WA_DB_HOSTNAME has no address{detail}"),
            "check the spelling and this machine's DNS; in compose, both services must share a network",
        )
    };
    let mut addresses: Vec<SocketAddr> = match tokio::net::lookup_host((name, port)).await {
        Ok(found) => found.collect(),
        Err(error) => return Err(not_resolved("").caused_by(error)),
    };
    addresses.dedup();
    if addresses.is_empty() {
        Err(not_resolved(": the resolver answered with none"))
    } else {
        Ok(addresses)
    }
}

fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = matches!(addresses.first().map(SocketAddr::ip), Some(IpAddr::V6(_)));
    let (mut leading, mut following): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    leading.reverse();
    following.reverse();
    let mut ordered = Vec::with_capacity(leading.len() + following.len());
    while !leading.is_empty() || !following.is_empty() {
        ordered.extend(leading.pop());
        ordered.extend(following.pop());
    }
    ordered
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;

    use super::{alternate, asked};

    #[test]
    fn an_absolute_name_is_looked_up_with_its_dot() {
        for (name, absolute, wanted) in [
            ("db.lab", true, "db.lab."),
            ("db", true, "db."),
            ("db.lab", false, "db.lab"),
            ("localhost", true, "localhost"),
        ] {
            assert_eq!(asked(name, absolute), wanted);
        }
    }

    #[test]
    fn families_alternate_and_the_resolvers_first_choice_leads() {
        let parse = |list: &[&str]| {
            list.iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let cases: [(&[&str], &[&str]); 3] = [
            (
                &["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1"],
            ),
            (
                &["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"],
                &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"],
            ),
            (&["1.1.1.1:1"], &["1.1.1.1:1"]),
        ];
        for (given, wanted) in cases {
            assert_eq!(alternate(parse(given)), parse(wanted));
        }
    }
}
