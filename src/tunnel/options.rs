//! What the command line asks of a tunnel: [`Options`].

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::serve::TlsFiles;

/// What the settings do not say: where to listen, for whom, and for how many.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where clients connect. Empty: 127.0.0.1 and the engine's port.
    pub listen: Vec<ListenAddress>,
    /// How many sessions each listener carries at once.
    pub max_connections: NonZeroUsize,
    /// How many of them one client address may have. `None`: a quarter, at least 16, for clients
    /// elsewhere; as many as there are for those on this machine, which share their address.
    pub max_connections_per_client: Option<NonZeroUsize>,
    /// Users, besides the one that the tunnel runs as, whose programs may use its Unix sockets.
    pub client_uids: Vec<u32>,
    /// Where health and metrics are served.
    pub admin: Option<SocketAddr>,
    /// How long sessions may go on once the tunnel was told to end.
    pub drain: Duration,
    /// Whether the tunnel logs in at the server itself, with the account of the settings.
    pub inject: bool,
    /// What TCP listeners present to clients; `None`: they speak plaintext, on loopback alone.
    pub tls: Option<TlsFiles>,
}

/// One place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// A Unix socket: the file, which a client of `PostgreSQL` wants named `.s.PGSQL.5432`.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err("expected an absolute path after unix:".to_owned())
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "expected an address and a port such as 127.0.0.1:3306 or [::1]:3306, or unix:/path"
                .to_owned()
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ListenAddress;

    #[test]
    fn listen_address_is_an_ip_with_a_port_or_an_absolute_path() {
        for text in ["127.0.0.1:3306", "[::1]:0", "unix:/run/wa-db/mysql.sock"] {
            let parsed: Result<ListenAddress, _> = text.parse();
            assert_eq!(
                parsed.map(|address| address.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "3306",
            "127.0.0.1",
            "localhost:3306",
            "unix:",
            "unix:here",
            "/run/x",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
