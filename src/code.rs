//! The words of the contract for what went wrong and where: [`ErrorCode`] and [`Stage`].

use std::fmt;

use serde::Serialize;

/// One step of a connection, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Variables and the files they name.
    Settings,
    /// Host name to addresses, and whether those may be dialled.
    Resolve,
    /// TCP connection, or Unix socket.
    Connect,
    /// TLS handshake, verification included.
    Tls,
    /// Login.
    Authenticate,
    /// What the server says of the session: version, encryption, writable or not.
    Session,
    /// The pool that a service would use.
    Pool,
}

impl Stage {
    /// Every stage, first to last.
    pub const ALL: [Self; 7] = [
        Self::Settings,
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Authenticate,
        Self::Session,
        Self::Pool,
    ];

    /// The exit code of `wa-db check` when this is the first stage that failed.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Settings => 10,
            Self::Resolve => 11,
            Self::Connect => 12,
            Self::Tls => 13,
            Self::Authenticate => 14,
            Self::Session => 15,
            Self::Pool => 16,
        }
    }

    /// The stage's name as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Authenticate => "authenticate",
            Self::Session => "session",
            Self::Pool => "pool",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What went wrong, as a word that programs can match on. Stable: part of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it stands in JSON and in text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

error_codes! {
    /// A variable's value has no meaning, or two variables contradict each other.
    VariableInvalid = "variable_invalid",
    /// A variable that is needed is not set.
    VariableMissing = "variable_missing",
    /// A file that a variable names does not exist.
    FileMissing = "file_missing",
    /// A file that a variable names cannot be read.
    FileUnreadable = "file_unreadable",
    /// A private key, or an age identity, can be read by group or others.
    KeyPermissions = "key_permissions",
    /// A private key is encrypted and its password is missing or wrong.
    KeyEncrypted = "key_encrypted",
    /// The private key does not belong to the certificate, or no identity of `WA_DB_IDENTITY_FILE` opens
    /// an encrypted secret.
    KeyMismatch = "key_mismatch",
    /// A certificate or key file holds something else, or a certificate that cannot be used.
    CertificateInvalid = "certificate_invalid",
    /// The CA file holds no certificate.
    CaEmpty = "ca_empty",
    /// Certificate and key files stand in each other's variable.
    SwappedFiles = "swapped_files",
    /// The host name has no address.
    NameNotResolved = "name_not_resolved",
    /// The address lies outside `WA_DB_ALLOWED_NETWORKS`.
    AddressNotAllowed = "address_not_allowed",
    /// Nothing listens at the address.
    ConnectionRefused = "connection_refused",
    /// No route to the address.
    NetworkUnreachable = "network_unreachable",
    /// A deadline passed.
    Timeout = "timeout",
    /// The server does not speak TLS.
    TlsRefused = "tls_refused",
    /// No TLS version or cipher suite in common, or a broken handshake.
    TlsProtocol = "tls_protocol",
    /// The certificate's chain does not end at a trusted root.
    CertificateUntrusted = "certificate_untrusted",
    /// The certificate is self-signed and not itself the trusted root.
    CertificateSelfSigned = "certificate_self_signed",
    /// The certificate's time is over.
    CertificateExpired = "certificate_expired",
    /// The certificate's time has not begun.
    CertificateNotYetValid = "certificate_not_yet_valid",
    /// The certificate stands on a revocation list.
    CertificateRevoked = "certificate_revoked",
    /// The certificate is not meant for TLS servers.
    CertificatePurpose = "certificate_purpose",
    /// The certificate carries other names than the one asked for.
    HostnameMismatch = "hostname_mismatch",
    /// No pinned key is in the chain.
    PinMismatch = "pin_mismatch",
    /// The server demands a client certificate and none is set.
    ClientCertificateRequired = "client_certificate_required",
    /// The server does not accept the client certificate.
    ClientCertificateRejected = "client_certificate_rejected",
    /// Account, password or client identity not accepted.
    AuthenticationFailed = "authentication_failed",
    /// The server asks for a login method that is not safe here.
    AuthenticationMethodRefused = "authentication_method_refused",
    /// Channel binding is required and the server does not offer it.
    ChannelBindingUnavailable = "channel_binding_unavailable",
    /// The database does not exist.
    DatabaseMissing = "database_missing",
    /// The server says that the session is not encrypted.
    NotEncrypted = "not_encrypted",
    /// The server is read-only though a writable one was asked for, or the other way round.
    ReadOnly = "read_only",
    /// The server reports an error of its own.
    ServerError = "server_error",
    /// The server does not speak the protocol.
    ProtocolError = "protocol_error",
    /// No connection became free in time.
    PoolTimeout = "pool_timeout",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
