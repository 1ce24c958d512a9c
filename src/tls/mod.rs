//! What must hold for a server to be trusted: [`TlsPolicy`], and the files it is made of.
//!
//! Verification follows OpenSSL's rules for TLS servers (RFC 5280 path building, RFC 6125 names),
//! without partial chains: an intermediate in `WA_DB_SSL_CA` does not become a root.

mod chain;
mod context;
mod crl;
mod danger;
pub(crate) mod facts;
#[cfg(feature = "cli")]
pub(crate) mod file_pins;
mod fingerprint;
#[cfg(feature = "cli")]
mod holdings;
pub(crate) mod identity;
mod judgement;
pub(crate) mod level;
pub(crate) mod native;
mod pair;
pub(crate) mod pem;
mod pins;
mod policy;
#[cfg(feature = "cli")]
mod profile;
mod reload;
mod roots;
mod sessions;
mod system_store;
pub(crate) mod verdict;
mod web;

pub use self::chain::Chain;
pub use self::facts::CertificateFacts;
pub(crate) use self::facts::{expires, seconds_left};
pub(crate) use self::judgement::Judgement;
pub use self::judgement::Violation;
#[cfg(feature = "cli")]
pub(crate) use self::pair::require_pair;
pub use self::policy::{CertificateExpiries, TlsPolicy};
#[cfg(feature = "cli")]
pub(crate) use self::profile::{CertificateProfile, Digest, MAX_LEAF_DAYS, PublicKey};
pub(crate) use self::reload::Reloading;
pub(crate) use self::sessions::Server;
pub(crate) use self::web::web_client;
