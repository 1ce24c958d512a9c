//! Where violations of the TLS policy are reported: [`ReportTargets`].

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;
use http::uri::Scheme;

use super::fault::Fault;
use super::variables::SSL_REPORT_URI;

/// `WA_DB_SSL_REPORT_FILE` and `WA_DB_SSL_REPORT_URI`. Both may be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportTargets {
    /// A file to which each report is appended as a line of JSON.
    pub file: Option<PathBuf>,
    /// An address to which each report is posted.
    pub uri: Option<ReportUri>,
}

impl ReportTargets {
    /// Whether there is anywhere to report to.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.uri.is_none()
    }
}

/// An `https` address, or an `http` one of this machine's loopback interface.
///
/// `Display` and `Debug` leave out the query, which may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportUri {
    uri: Uri,
    host: String,
    port: u16,
}

impl ReportUri {
    /// Parses an address.
    ///
    /// # Errors
    /// What is no absolute address, what has another scheme or a password in it, and `http` to
    /// anywhere but loopback.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let uri: Uri = text.trim().parse().map_err(|_| fault("is no address"))?;
        let Some(authority) = uri.authority() else {
            return Err(fault("is no absolute address"));
        };
        if authority.as_str().contains('@') {
            return Err(fault("holds a user's name or password"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(fault("names no host"));
        }
        let default = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => 443,
            Some(scheme) if *scheme == Scheme::HTTP && is_loopback(&host) => 80,
            _ => return Err(fault("is neither https nor http to a loopback address")),
        };
        let port = match authority.port_u16() {
            None if authority.as_str() != authority.host() => return Err(fault("names no port")),
            port => port.unwrap_or(default),
        };
        Ok(Self { uri, host, port })
    }

    /// The address, query included.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Its host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port, 443 or 80 where none is written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the reports are encrypted; if not, they must not leave the loopback interface.
    pub fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether a server at this host and port is the one that reports go to: RFC 7469 (section
    /// 2.1.4) has no report of a host sent to itself. On loopback, where each service has but a
    /// port of its own, the port tells them apart.
    pub(super) fn leads_to(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        host.eq_ignore_ascii_case(self.host.strip_suffix('.').unwrap_or(&self.host))
            && (port == self.port || !is_loopback(host))
    }
}

impl fmt::Display for ReportUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https() { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |a| a.as_str());
        write!(f, "{scheme}://{authority}{}", self.uri.path())?;
        if self.uri.query().is_some() {
            f.write_str("?(hidden)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ReportUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn fault(what: &str) -> Fault {
    Fault::invalid(
        SSL_REPORT_URI,
        format!("{SSL_REPORT_URI} {what}"),
        "write an address such as https://reports.example/pins; http only to 127.0.0.1, [::1] or localhost",
    )
}

/// A name counts only if it is the one that is kept for loopback (RFC 6761, section 6.3).
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::ReportUri;

    #[test]
    fn https_goes_anywhere_and_http_to_loopback_only() {
        for (text, host, port) in [
            ("https://reports.example/pins", "reports.example", 443),
            ("https://reports.example:8443", "reports.example", 8443),
            ("HTTPS://Reports.Example/", "Reports.Example", 443),
            ("https://[2001:db8::1]/x", "2001:db8::1", 443),
            ("http://127.0.0.1:9999/pins?a=b", "127.0.0.1", 9999),
            ("http://127.8.0.1", "127.8.0.1", 80),
            ("http://[::1]:1/", "::1", 1),
            (" http://localhost/ ", "localhost", 80),
        ] {
            let uri = ReportUri::parse(text).unwrap();
            assert_eq!((uri.host(), uri.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn any_other_address_is_a_fault_that_does_not_show_it() {
        for text in [
            "hunter2",
            "/pins",
            "reports.example",
            "reports.example:443",
            "http://reports.example/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "ftp://127.0.0.1/",
            "https://",
            "https:///pins",
            "https://app:hunter2@reports.example/",
            "https://reports.example/a b",
            "https://reports.example:99999/",
            "https://reports.example:/",
        ] {
            let fault = ReportUri::parse(text).unwrap_err();
            assert!(fault.message.starts_with("WA_DB_SSL_REPORT_URI "), "{text}");
            assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        let uri = ReportUri::parse("https://reports.example/pins?token=hunter2").unwrap();
        assert_eq!(uri.to_string(), "https://reports.example/pins?(hidden)");
        assert!(!format!("{uri:?}").contains("hunter2"));
        assert_eq!(uri.uri().query(), Some("token=hunter2"));
    }

    #[test]
    fn the_database_itself_is_known_by_its_host_and_on_loopback_by_its_port_too() {
        for (uri, host, port, same) in [
            ("https://db.example/pins", "db.example", 5432, true),
            ("https://DB.example./pins", "db.example.", 5432, true),
            ("https://reports.example/pins", "db.example", 5432, false),
            ("http://127.0.0.1:9999/", "127.0.0.1", 5432, false),
            ("http://127.0.0.1:5432/", "127.0.0.1", 5432, true),
        ] {
            let uri = ReportUri::parse(uri).unwrap();
            assert_eq!(uri.leads_to(host, port), same, "{uri} {host}:{port}");
        }
    }
}
