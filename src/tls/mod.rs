//! What must hold for a server to be trusted: [`TlsPolicy`], and the files it is made of.
//!
//! Verification follows OpenSSL's rules for TLS servers (RFC 5280 path building, RFC 6125 names),
//! without partial chains: an intermediate in `WA_DB_SSL_CA` does not become a root.

mod chain;
mod context;
mod crl;
mod danger;
mod facts;
#[cfg(feature = "cli")]
pub(crate) mod file_pins;
mod fingerprint;
mod identity;
mod judgement;
pub(crate) mod level;
pub(crate) mod native;
mod pem;
mod permissions;
mod pins;
mod policy;
mod reload;
mod roots;
mod sessions;
mod system_store;
pub(crate) mod verdict;
mod web;

pub use self::chain::Chain;
pub use self::facts::CertificateFacts;
pub(crate) use self::facts::expires;
pub(crate) use self::judgement::Judgement;
pub use self::judgement::Violation;
pub use self::policy::{CertificateExpiries, TlsPolicy};
pub(crate) use self::reload::Reloading;
pub(crate) use self::sessions::Server;
pub(crate) use self::web::web_client;
