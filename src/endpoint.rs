//! Where a database server is: [`Engine`], [`Host`] and [`Endpoint`].

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Serialize;

/// The protocol a server speaks. `MariaDB` is engine `mysql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// `MySQL` and `MariaDB`.
    #[serde(rename = "mysql")]
    MySql,
    /// `PostgreSQL`.
    Postgres,
}

impl Engine {
    /// The port a server of this engine listens on when nobody says otherwise.
    pub fn default_port(self) -> u16 {
        match self {
            Self::MySql => 3306,
            Self::Postgres => 5432,
        }
    }

    /// The engine's name as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::Postgres => "postgres",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The host part of an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to be resolved, without a trailing dot.
    Name(String),
    /// An address.
    Ip(IpAddr),
    /// A Unix socket: the directory for `PostgreSQL`, the socket file for `MySQL`.
    Socket(PathBuf),
}

/// One server: host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Host,
    port: u16,
    absolute: bool,
}

impl Endpoint {
    /// An endpoint of these parts. A trailing dot of a name is no part of the name: it says that
    /// the name is complete, and is remembered for the look-up.
    pub fn new(host: Host, port: u16) -> Self {
        let (host, absolute) = match host {
            Host::Name(mut name) if name.ends_with('.') => {
                name.pop();
                (Host::Name(name), true)
            }
            host => (host, false),
        };
        Self {
            host,
            port,
            absolute,
        }
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port. For a `PostgreSQL` socket it is part of the file's name (`.s.PGSQL.5432`).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the name was written with a trailing dot: no search domain may be put behind it.
    pub(crate) fn is_absolute(&self) -> bool {
        self.absolute
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}:{}", self.port),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            Host::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_dot_is_no_part_of_the_name_and_is_remembered() {
        for (text, name, absolute) in [
            ("db.lab", "db.lab", false),
            ("db.lab.", "db.lab", true),
            ("db.", "db", true),
        ] {
            let endpoint = Endpoint::new(Host::Name(text.to_owned()), 1);
            assert_eq!(endpoint.host(), &Host::Name(name.to_owned()), "{text}");
            assert_eq!(endpoint.is_absolute(), absolute, "{text}");
        }
    }
}
