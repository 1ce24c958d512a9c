//! Whom a certificate is for: [`Holder`], by names that mean something.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// The longest common name (`ub-common-name` of RFC 5280).
pub(super) const MAX_COMMON_NAME: usize = 64;
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Whom a certificate is for, and thereby what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A server, by every name and address that clients connect to.
    Server(Vec<HostName>),
    /// A client, by the name of its account.
    Client(CommonName),
}

/// What a client connects to: a DNS name, perhaps with a wildcard in place of its first label, or an
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostName {
    /// In lower case, without a dot at the end.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return match (address, bare) {
                (IpAddr::V4(_), Some(_)) => Err("brackets are for IPv6 addresses".to_owned()),
                // Compared as such, it would match nothing that is dialled.
                _ => Ok(Self::Ip(address.to_canonical())),
            };
        }
        let name = match text.strip_prefix("*.") {
            // OpenSSL lets a wildcard stand for nothing directly below a top-level name.
            Some(rest) if rest.trim_end_matches('.').contains('.') => rest,
            Some(_) => {
                return Err("a wildcard needs two labels behind it, as in *.db.example".to_owned());
            }
            None => text,
        };
        let name = dns_name(name)?;
        let wildcard = if text.starts_with("*.") { "*." } else { "" };
        Ok(Self::Dns(format!("{wildcard}{name}")))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// A DNS name in lower case, without the dot at its end.
///
/// # Errors
/// Why it is none.
pub(super) fn dns_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err("a host name is not empty".to_owned());
    }
    if name.contains("://") || name.contains('@') {
        return Err("a host name is no URL: give the host alone".to_owned());
    }
    if name.contains(':') {
        return Err(
            "a certificate is for a host, whatever the port: give the host alone".to_owned(),
        );
    }
    if !name.is_ascii() {
        return Err("write the name in its xn-- form: certificates hold ASCII".to_owned());
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(is_known) {
        return Err("host names are letters, digits, hyphens, underscores and dots".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!("a host name has at most {MAX_NAME} characters"));
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > MAX_LABEL {
            return Err(format!(
                "between its dots a host name has 1 to {MAX_LABEL} characters"
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no label of a host name begins or ends with a hyphen".to_owned());
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_err() {
        return Err("it looks like an address and is none".to_owned());
    }
    Ok(name.to_ascii_lowercase())
}

/// What stands in a certificate's subject: the name of an account, or of a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommonName(String);

impl CommonName {
    /// The name as it is.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommonName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a name is not empty".to_owned());
        }
        if text.chars().count() > MAX_COMMON_NAME {
            return Err(format!(
                "a common name has at most {MAX_COMMON_NAME} characters"
            ));
        }
        if text.chars().any(char::is_control) {
            return Err("a name has no control characters".to_owned());
        }
        if text.trim() != text {
            return Err("a name neither begins nor ends with a blank".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Holder {
    /// A file name that goes with it: the first name, with what is special in a path replaced.
    pub(super) fn file_name(&self) -> String {
        let name = match self {
            Self::Server(names) => names.first().map_or_else(String::new, ToString::to_string),
            Self::Client(name) => name.0.clone(),
        };
        let name = match name.strip_prefix("*.") {
            Some(rest) => format!("wildcard.{rest}"),
            None => name,
        };
        let plain = |character: char| match character {
            '.' | '-' | '_' | '@' => character,
            _ if character.is_alphanumeric() => character,
            _ => '_',
        };
        let name: String = name.chars().map(plain).collect();
        match name.strip_prefix(['.', '-']) {
            Some(rest) => format!("_{rest}"),
            None => name,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn host_names_and_addresses_are_told_apart_and_brought_into_one_form() {
        for (text, expected) in [
            ("db.lab", HostName::Dns("db.lab".to_owned())),
            ("DB.Lab.", HostName::Dns("db.lab".to_owned())),
            ("db", HostName::Dns("db".to_owned())),
            ("my_db-1", HostName::Dns("my_db-1".to_owned())),
            ("*.db.example", HostName::Dns("*.db.example".to_owned())),
            ("3com.example", HostName::Dns("3com.example".to_owned())),
            ("10.0.0.1", HostName::Ip([10, 0, 0, 1].into())),
            ("::1", HostName::Ip("::1".parse().unwrap())),
            (
                "[2001:DB8::1]",
                HostName::Ip("2001:db8::1".parse().unwrap()),
            ),
            ("::ffff:10.0.0.1", HostName::Ip([10, 0, 0, 1].into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_no_client_could_connect_to_is_no_host_name() {
        let long_label = "a".repeat(64);
        let long = ["a"; 127].join(".") + ".a";
        for text in [
            "",
            ".",
            "..",
            "db..lab",
            ".db.lab",
            "-db.lab",
            "db-.lab",
            "db lab",
            "db.lab:5432",
            "[::1]:5432",
            "[10.0.0.1]",
            "https://db.lab",
            "app@db.lab",
            "db/lab",
            "/run/db",
            "bücher.example",
            "10.0.0.256",
            "10.0.0",
            "010.0.0.1",
            "1234",
            "*",
            "*.",
            "*.lab",
            "*.lab.",
            "db.*.example",
            "*db.example.com",
            "**.a.b",
            "db\n.lab",
            "fe80::1%eth0",
            &long_label,
            &long,
        ] {
            let parsed: Result<HostName, _> = text.parse();
            assert!(parsed.is_err(), "{text:?}: {parsed:?}");
        }
    }

    #[test]
    fn account_names_are_whatever_a_server_may_call_an_account() {
        for text in [
            "app",
            "web app",
            "app@example.org",
            "größe",
            &"x".repeat(64),
        ] {
            assert_eq!(text.parse::<CommonName>().unwrap().as_str(), text);
        }
        for text in ["", " app", "app ", "a\nb", "a\u{1b}b", &"x".repeat(65)] {
            assert!(text.parse::<CommonName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn file_names_lead_nowhere_else() {
        let server = |name: &str| Holder::Server(vec![name.parse().unwrap()]);
        let client = |name: &str| Holder::Client(name.parse().unwrap());
        for (holder, expected) in [
            (server("db.lab"), "db.lab"),
            (server("*.db.lab"), "wildcard.db.lab"),
            (server("::1"), "__1"),
            (server("10.0.0.1"), "10.0.0.1"),
            (client("app"), "app"),
            (client("../../etc/passwd"), "_._.._etc_passwd"),
            (client(".profile"), "_profile"),
            (client("-rf"), "_rf"),
            (client("a/b c"), "a_b_c"),
        ] {
            assert_eq!(holder.file_name(), expected);
        }
    }
}
