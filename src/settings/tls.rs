//! What the variables say of TLS, and how much of OpenSSL that takes: [`TlsSettings`].

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::pins::PinSet;
use super::reports::ReportTargets;
use super::secret_file::SecretFile;
use super::shown_path::shown_path;
use super::variables as var;

/// What `WA_DB_SSL_*` and `WA_DB_SECURITY_LEVEL` say.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// `WA_DB_SSL_CA`: the only trusted roots; `None`: the system store.
    pub ca: Option<PathBuf>,
    /// `WA_DB_SSL_CERT` and what belongs to it.
    pub identity: Option<IdentityFiles>,
    /// What must hold for the server's certificate.
    pub verification: Verification,
    /// `WA_DB_SSL_SERVER_NAME`: the name the certificate must carry instead of the host.
    pub server_name: Option<String>,
    /// `WA_DB_SSL_CRL`: revocation lists, a file or a hashed directory.
    pub crl: Option<PathBuf>,
    /// `WA_DB_SSL_CRL_STALE`: what a list that has ended means.
    pub crl_stale: CrlStale,
    /// `WA_DB_SECURITY_LEVEL`: versions and suites; `None`: TLS 1.2 and up with OpenSSL's suites.
    pub security_level: Option<SecurityLevel>,
    /// `WA_DB_SSL_PINS`: keys of which one must be in the server's chain.
    pub pins: Option<PinSet>,
    /// `WA_DB_SSL_PINS_REPORT_ONLY`: the same, reported and never enforced.
    pub pins_report_only: Option<PinSet>,
    /// `WA_DB_SSL_REPORT_FILE` and `WA_DB_SSL_REPORT_URI`: where violations are reported.
    pub reports: ReportTargets,
    /// `WA_DB_SSL_NEGOTIATION`: how TLS begins.
    pub negotiation: Negotiation,
}

impl TlsSettings {
    /// How deep into OpenSSL these settings reach, and which variables ask for it.
    pub fn depth(&self) -> Depth {
        let asks = [
            (var::SSL_CRL, self.crl.is_some()),
            (var::SECURITY_LEVEL, self.security_level.is_some()),
            (var::SSL_PINS, self.pins.is_some()),
            (var::SSL_PINS_REPORT_ONLY, self.pins_report_only.is_some()),
            (var::SSL_REPORT_FILE, self.reports.file.is_some()),
            (var::SSL_REPORT_URI, self.reports.uri.is_some()),
            (
                var::SSL_NEGOTIATION,
                self.negotiation == Negotiation::Direct,
            ),
        ];
        let asking: Vec<_> = asks
            .into_iter()
            .filter(|(_, asks)| *asks)
            .map(|(variable, _)| variable)
            .collect();
        if asking.is_empty() {
            Depth::Direct
        } else {
            Depth::Wire(asking)
        }
    }
}

/// Who performs the TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The driver, through native-tls: the policy is CA, name, client identity and TLS 1.2, which
    /// is all that native-tls can say.
    Direct,
    /// Our own dialer, on OpenSSL. Holds the variables that ask for it, in the order of the
    /// contract's table; never empty.
    Wire(Vec<&'static str>),
}

impl Depth {
    /// The depth's name as it is printed.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Wire(_) => "wire",
        }
    }

    /// The variables that ask for more than the driver's own TLS can do.
    pub fn asked_for_by(&self) -> &[&'static str] {
        match self {
            Self::Direct => &[],
            Self::Wire(variables) => variables,
        }
    }
}

/// The client's certificate and key.
#[derive(Clone)]
pub struct IdentityFiles {
    /// `WA_DB_SSL_CERT`.
    pub cert: PathBuf,
    /// `WA_DB_SSL_KEY`.
    pub key: PathBuf,
    /// `WA_DB_SSL_KEY_PASSWORD_FILE`.
    pub key_password_file: Option<SecretFile>,
}

// Nor is a key, or its password, in place of a path.
impl fmt::Debug for IdentityFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityFiles")
            .field("cert", &shown_path(var::SSL_CERT, &self.cert))
            .field("key", &shown_path(var::SSL_KEY, &self.key))
            .field("key_password_file", &self.key_password_file)
            .finish()
    }
}

/// What must hold for the server's certificate. Anything but `Full` was asked for by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Chain and name.
    Full,
    /// The chain but not the name: `sslmode=verify-ca` of the legacy string, coreapp only.
    ChainOnly,
    /// Nothing: `WA_DB_SSL_VERIFY=off` (webapp), or `sslmode=require` of the legacy string (coreapp).
    Off,
}

/// `WA_DB_SSL_CRL_STALE`: what a revocation list means whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CrlStale {
    /// The server is refused: what was revoked since is unknown.
    #[default]
    Refuse,
    /// The list counts as it is, with a warning.
    Warn,
}

impl CrlStale {
    /// The word as it stands in the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
        }
    }
}

impl fmt::Display for CrlStale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Versions and suites, by the names of Mozilla's "Server Side TLS" profiles. In none of them
/// anything below TLS 1.2 is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SecurityLevel {
    /// TLS 1.3 only.
    Modern,
    /// TLS 1.2 with forward-secret AEAD suites, and TLS 1.3.
    Intermediate,
    /// TLS 1.2 as OpenSSL offers it, and TLS 1.3.
    Old,
}

impl SecurityLevel {
    /// The word as it stands in the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "MODERN",
            Self::Intermediate => "INTERMEDIATE",
            Self::Old => "OLD",
        }
    }
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `WA_DB_SSL_NEGOTIATION`: how TLS begins. The words are libpq's (`sslnegotiation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Negotiation {
    /// The protocol of the engine asks for TLS first.
    #[default]
    Postgres,
    /// TLS from the first byte on, with ALPN `postgresql` (PostgreSQL 17 and later).
    Direct,
}

impl Negotiation {
    /// The word as it stands in the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Negotiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
