//! Options and settings held against each other before anything is opened: [`Plan`].

use std::net::{Ipv4Addr, SocketAddr};

use super::options::{ListenAddress, Options};
use crate::code::ErrorCode;
use crate::endpoint::Host;
use crate::serve::{exposed, is_local};
use crate::settings::{ChannelBinding, Fault, Settings, TunnelSettings};

/// Where to listen, and that it may be done there.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) listen: Vec<ListenAddress>,
    pub(super) exposure: TunnelSettings,
}

impl Plan {
    /// Holds the options against the settings.
    ///
    /// # Errors
    /// Everything that is missing before this may be listened to, at once.
    pub(super) fn new(options: &Options, settings: &Settings) -> Result<Self, Vec<Fault>> {
        let listen = if options.listen.is_empty() {
            let port = settings.engine().default_port();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            vec![ListenAddress::Tcp(address)]
        } else {
            options.listen.clone()
        };
        let exposure = settings.tunnel().clone();
        let mut faults = Vec::new();
        for address in &listen {
            if let ListenAddress::Tcp(address) = address {
                faults.extend(exposed(
                    "--listen",
                    *address,
                    options.tls.as_ref(),
                    &exposure,
                ));
                faults.extend(injected(*address, options));
            }
        }
        faults.extend(users(options, &listen));
        faults.extend(admin(options));
        faults.extend(upstream(options, settings));
        if faults.is_empty() {
            Ok(Self { listen, exposure })
        } else {
            faults.dedup();
            Err(faults)
        }
    }
}

/// Who logs in without a password must be known by other means.
fn injected(address: SocketAddr, options: &Options) -> Option<Fault> {
    let knows_clients = options
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    (options.inject && !knows_clients).then(|| {
        Fault::new(
            ErrorCode::VariableInvalid,
            "--inject",
            format!("--inject lets any program that reaches --listen {address} log in"),
            "listen on a Unix socket (--listen unix:/path), or demand certificates of clients with --tls-cert, --tls-key and --tls-client-ca",
        )
    })
}

/// Users are known on Unix sockets alone.
fn users(options: &Options, listen: &[ListenAddress]) -> Option<Fault> {
    let is_file = |place: &ListenAddress| matches!(place, ListenAddress::Unix(_));
    (!options.client_uids.is_empty() && !listen.iter().any(is_file)).then(|| {
        Fault::new(
            ErrorCode::VariableInvalid,
            "--client-uid",
            "--client-uid is given, and no place is a Unix socket: nowhere else are users known",
            "add --listen unix:/path, or leave --client-uid out",
        )
    })
}

fn admin(options: &Options) -> Option<Fault> {
    let address = options.admin?;
    (!is_local(address.ip())).then(|| {
        Fault::new(
            ErrorCode::VariableInvalid,
            "--admin",
            format!("--admin {address} can be reached from other machines"),
            "health and metrics are served on loopback alone, such as 127.0.0.1:9187",
        )
    })
}

/// What the settings ask for that no tunnel can give.
fn upstream(options: &Options, settings: &Settings) -> Vec<Fault> {
    let mut faults = Vec::new();
    let is_socket = |host: &Host| matches!(host, Host::Socket(_));
    if settings
        .endpoints()
        .iter()
        .any(|endpoint| is_socket(endpoint.host()))
    {
        faults.push(Fault::new(
            ErrorCode::VariableInvalid,
            "WA_DB_HOSTNAME",
            "WA_DB_HOSTNAME is a Unix socket, and a tunnel leads to servers over TLS alone",
            "let programs use that socket directly, without a tunnel",
        ));
    }
    if settings.channel_binding() == ChannelBinding::Require && !options.inject {
        faults.push(Fault::new(
            ErrorCode::VariableInvalid,
            "WA_DB_CHANNEL_BINDING",
            "WA_DB_CHANNEL_BINDING is require, and a client of the tunnel cannot bind its login to the TLS connection that the tunnel made",
            "let the tunnel log in itself with --inject, or set WA_DB_CHANNEL_BINDING to prefer",
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;
    use crate::serve::TlsFiles;
    use crate::settings::{Environment, Role};

    fn settings(more: &[(&str, &str)]) -> Settings {
        let base = [
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
        ];
        let pairs = base.iter().chain(more).copied();
        Settings::from_environment(Role::Webapp, &Environment::from_pairs(pairs)).unwrap()
    }

    fn options(listen: &[&str]) -> Options {
        Options {
            listen: listen.iter().map(|text| text.parse().unwrap()).collect(),
            max_connections: NonZeroUsize::MIN,
            max_connections_per_client: None,
            client_uids: Vec::new(),
            admin: None,
            drain: Duration::ZERO,
            inject: false,
            tls: None,
        }
    }

    fn tls(client_ca: bool) -> TlsFiles {
        TlsFiles {
            cert: "/cert".into(),
            key: "/key".into(),
            client_ca: client_ca.then(|| "/ca".into()),
        }
    }

    fn faulty(options: &Options, settings: &Settings) -> Vec<String> {
        match Plan::new(options, settings) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.variable).collect(),
        }
    }

    #[test]
    fn without_listen_the_engines_port_on_loopback_is_taken() {
        let plan = Plan::new(&options(&[]), &settings(&[])).unwrap();
        assert_eq!(plan.listen, ["127.0.0.1:5432".parse().unwrap()]);
    }

    #[test]
    fn what_others_can_reach_needs_tls_and_a_list_of_clients() {
        for address in ["0.0.0.0:5432", "[::]:5432", "192.0.2.1:5432"] {
            let found = faulty(&options(&["127.0.0.1:0", address]), &settings(&[]));
            assert_eq!(
                found,
                ["--listen", "WA_DB_TUNNEL_ALLOWED_CLIENTS"],
                "{address}"
            );
        }
        for address in [
            "127.0.0.1:0",
            "127.1.2.3:0",
            "[::1]:0",
            "[::ffff:127.0.0.1]:0",
            "unix:/x",
        ] {
            assert!(
                faulty(&options(&[address]), &settings(&[])).is_empty(),
                "{address}"
            );
        }
    }

    #[test]
    fn injecting_needs_clients_that_are_known() {
        let inject = |listen: &[&str], tls: Option<TlsFiles>| Options {
            inject: true,
            tls,
            ..options(listen)
        };
        let settings = settings(&[]);
        assert_eq!(
            faulty(&inject(&["127.0.0.1:0"], None), &settings),
            ["--inject"]
        );
        assert_eq!(
            faulty(&inject(&["127.0.0.1:0"], Some(tls(false))), &settings),
            ["--inject"]
        );
        assert!(faulty(&inject(&["127.0.0.1:0"], Some(tls(true))), &settings).is_empty());
        assert!(faulty(&inject(&["unix:/x"], None), &settings).is_empty());
        assert_eq!(
            faulty(&inject(&["unix:/x", "127.0.0.1:0"], None), &settings),
            ["--inject"]
        );
    }

    #[test]
    fn settings_that_no_tunnel_can_keep_are_refused() {
        let required = settings(&[("WA_DB_CHANNEL_BINDING", "require")]);
        assert_eq!(faulty(&options(&[]), &required), ["WA_DB_CHANNEL_BINDING"]);
        let injecting = Options {
            inject: true,
            ..options(&["unix:/x"])
        };
        assert!(faulty(&injecting, &required).is_empty());
        let socket = settings(&[("WA_DB_HOSTNAME", "/run/postgresql")]);
        assert_eq!(faulty(&options(&[]), &socket), ["WA_DB_HOSTNAME"]);
        let admin = Options {
            admin: Some("0.0.0.0:9187".parse().unwrap()),
            ..options(&[])
        };
        assert_eq!(faulty(&admin, &settings(&[])), ["--admin"]);
    }
}
