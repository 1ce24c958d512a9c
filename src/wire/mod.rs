//! The bytes before a driver takes over: addresses, TCP, the STARTTLS of both protocols, and our
//! own TLS handshake, which knows more than the drivers tell.
//!
//! Nothing that arrives before TLS is acted on: it is read exactly as far as the protocol's answer
//! goes, bounded, and whatever follows it breaks the handshake.

pub(crate) mod cause;
pub(crate) mod dial;
mod handshake;
mod probe;
#[expect(dead_code, reason = "the dialer takes it up with its own commit")]
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod starttls;

#[cfg(feature = "cli")]
pub(crate) use self::handshake::Rejected;
pub use self::handshake::TlsFacts;
pub(crate) use self::handshake::handshake;
pub(crate) use self::probe::alert_after_handshake;
