//! Who may be let near a listener: on this machine anyone who reaches it, elsewhere nobody without TLS and a
//! list of those who may come.

use std::net::{IpAddr, SocketAddr};

use super::TlsFiles;
use crate::code::ErrorCode;
use crate::settings::{Fault, TunnelSettings};

/// Whether only this machine reaches an address.
pub(crate) fn is_local(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// What an address that others can reach needs and does not have. `flag` is what names the address.
pub(crate) fn exposed(
    flag: &str,
    address: SocketAddr,
    tls: Option<&TlsFiles>,
    exposure: &TunnelSettings,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    if is_local(address.ip()) {
        return faults;
    }
    if tls.is_none() {
        faults.push(Fault::new(
            ErrorCode::VariableInvalid,
            flag,
            format!(
                "{flag} {address} can be reached from other machines and would speak plaintext there"
            ),
            "give --tls-cert and --tls-key, or listen on 127.0.0.1",
        ));
    }
    if exposure.allowed_clients.is_none() {
        faults.push(Fault::new(
            ErrorCode::VariableMissing,
            "WA_DB_TUNNEL_ALLOWED_CLIENTS",
            format!(
                "WA_DB_TUNNEL_ALLOWED_CLIENTS is not set and {flag} {address} can be reached from other machines"
            ),
            "set it to the networks that clients connect from, such as 10.0.0.0/24, or listen on 127.0.0.1",
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::settings::{Environment, Role, Settings};

    #[test]
    fn what_others_can_reach_needs_both_tls_and_a_list() {
        let files = TlsFiles {
            cert: "/cert".into(),
            key: "/key".into(),
            client_ca: None,
        };
        let base = [
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
        ];
        for (address, tls, list, missing) in [
            ("127.0.0.1:1", false, "", &[][..]),
            ("[::ffff:127.0.0.1]:1", false, "", &[]),
            (
                "0.0.0.0:1",
                false,
                "",
                &["--admin", "WA_DB_TUNNEL_ALLOWED_CLIENTS"],
            ),
            ("[::]:1", true, "", &["WA_DB_TUNNEL_ALLOWED_CLIENTS"]),
            ("192.0.2.1:1", false, "192.0.2.0/24", &["--admin"]),
            ("192.0.2.1:1", true, "192.0.2.0/24", &[]),
        ] {
            let pairs = base
                .into_iter()
                .chain([("WA_DB_TUNNEL_ALLOWED_CLIENTS", list)]);
            let environment = Environment::from_pairs(pairs);
            let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
            let found = exposed(
                "--admin",
                address.parse().unwrap(),
                Some(&files).filter(|_| tls),
                settings.tunnel(),
            );
            let found: Vec<_> = found.iter().map(|fault| fault.variable.as_str()).collect();
            assert_eq!(found, missing, "{address} {tls} {list}");
        }
    }
}
