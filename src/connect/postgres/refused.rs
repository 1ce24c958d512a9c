//! What the guard keeps from the driver, and what it says of it: [`Refused`].

use std::error::Error;
use std::fmt;

use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

/// RFC 7677 asks for at least as many; fewer make a stolen exchange cheap to attack.
pub(super) const SCRAM_MIN_ITERATIONS: u64 = 4096;
/// More than this keeps a core busy for long; the server chooses the number, so it is bounded.
pub(super) const SCRAM_MAX_ITERATIONS: u64 = 1_000_000;

/// What the guard refuses to hand to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A message that is too long, too many messages, or a broken header.
    Flood(&'static str),
    /// The server wants the password in clear or as MD5 though it is not verified.
    PasswordRequest(&'static str),
    /// The server offers no channel binding though it is required.
    NoChannelBinding,
    /// Channel binding is required, and the server's certificate gives nothing to bind to.
    NoBindingHash,
    /// A message that has no place where it came.
    OutOfTurn(&'static str),
    /// The server's SCRAM iteration count is out of bounds.
    Iterations(u64),
    /// The server ends the login without having proven that it knows the password.
    NoProof,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flood(what) | Self::OutOfTurn(what) => write!(f, "the server sent {what}"),
            Self::PasswordRequest(kind) => write!(f, "the unverified server asked for {kind}"),
            Self::NoChannelBinding => f.write_str("the server offered no channel binding"),
            Self::NoBindingHash => {
                f.write_str("the server's certificate gives nothing to bind the login to")
            }
            Self::Iterations(count) => write!(f, "the server asked for {count} SCRAM iterations"),
            Self::NoProof => f.write_str("the server did not prove that it knows the password"),
        }
    }
}

impl Error for Refused {}

impl Refused {
    pub(crate) fn failure(&self) -> Failure {
        let (code, message, hint): (_, String, &str) = match self {
            Self::Flood(_) => (
                ErrorCode::ProtocolError,
                format!("{self} at WA_DB_HOSTNAME before the session was ready"),
                "no PostgreSQL server does this: check what answers at WA_DB_HOSTNAME and WA_DB_PORT",
            ),
            Self::OutOfTurn(_) => (
                ErrorCode::ProtocolError,
                format!("{self} at WA_DB_HOSTNAME, where it has no place"),
                "no PostgreSQL server does this: check what answers at WA_DB_HOSTNAME and WA_DB_PORT",
            ),
            Self::PasswordRequest(kind) => (
                ErrorCode::AuthenticationMethodRefused,
                format!(
                    "the server asked for {kind} and is not verified (WA_DB_SSL_VERIFY is off): nothing was sent"
                ),
                "switch verification on, or let the server use scram-sha-256",
            ),
            Self::NoChannelBinding => (
                ErrorCode::ChannelBindingUnavailable,
                "WA_DB_CHANNEL_BINDING is require and the server does not offer SCRAM-SHA-256-PLUS"
                    .to_owned(),
                "let the server use scram-sha-256 over TLS for this account; if it does, someone stands in between",
            ),
            Self::NoBindingHash => (
                ErrorCode::ChannelBindingUnavailable,
                "WA_DB_CHANNEL_BINDING is require and the signature of the server's certificate (Ed25519, RSA-PSS) names no hash by which a login is bound to it"
                    .to_owned(),
                "give the server a certificate signed with ECDSA or RSA (PKCS#1), or set WA_DB_CHANNEL_BINDING to prefer",
            ),
            Self::Iterations(count) => (
                ErrorCode::AuthenticationMethodRefused,
                format!(
                    "the server asked for {count} SCRAM iterations, outside {SCRAM_MIN_ITERATIONS} to {SCRAM_MAX_ITERATIONS}: WA_DB_PASSWORD was not used"
                ),
                "set the account's password anew on a server whose scram_iterations lies within these bounds",
            ),
            Self::NoProof => (
                ErrorCode::AuthenticationFailed,
                "the server ended the SCRAM login without proving that it knows WA_DB_PASSWORD"
                    .to_owned(),
                "this is not the server that holds the account: check what answers at WA_DB_HOSTNAME",
            ),
        };
        Failure::new(Stage::Authenticate, code, message, hint).caused_by(self.clone())
    }
}
