//! The bytes before a driver takes over: addresses, TCP, the STARTTLS of both protocols, and our
//! own TLS handshake, which knows more than the drivers tell.
//!
//! Nothing that arrives before TLS is acted on: it is read exactly as far as the protocol's answer
//! goes, bounded, and whatever follows it breaks the handshake.

mod addresses;
mod alpn;
pub(crate) mod cause;
pub(crate) mod dial;
mod dialer;
mod handshake;
#[cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "the tunnel needs all of it")
)]
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "cli")]
mod nobody;
mod probe;
mod progress;
mod report;
pub(crate) mod resolve;
pub(crate) mod starttls;

#[cfg(feature = "mysql")]
pub(crate) use self::dialer::Greeted;
pub(crate) use self::dialer::{Dialer, Secured};
#[cfg(feature = "mysql")]
pub(crate) use self::handshake::Rejected;
pub use self::handshake::TlsFacts;
#[cfg(feature = "cli")]
pub(crate) use self::nobody::Tried;
pub(crate) use self::probe::alert_after_handshake;
pub(crate) use self::progress::Progress;
pub use self::progress::StageTimes;
pub use self::report::{LostReports, flush_reports};
#[cfg(feature = "mysql")]
pub(crate) use self::starttls::mysql::SslRequest;
