//! Certificates in every shape the tests need, minted anew by each run.
//!
//! ```
//! use wa_db_lab::pki::{Ca, Leaf};
//!
//! let ca = Ca::root("lab root");
//! let server = ca.issue(&Leaf::server().cn("db.lab").dns("db.lab").ip("127.0.0.1"));
//! let impostor = ca.impostor().issue(&Leaf::server().dns("db.lab"));
//! assert!(server.chain_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! assert_ne!(server.spki_sha256(), impostor.spki_sha256());
//! ```

mod ca;
mod files;
mod issued;
mod key;
mod leaf;
mod legacy;

pub use ca::{Ca, CaSpec};
pub use files::{write_file, write_private};
pub use issued::Issued;
pub use key::{Key, KeyKind};
pub use leaf::{Leaf, Validity};
pub use legacy::Digest;

/// The certificate signs itself and no CA stands behind it.
pub fn self_signed(leaf: &Leaf) -> Issued {
    let key = leaf.key.clone().unwrap_or_else(|| Key::generate(leaf.kind));
    let certificate = leaf
        .params()
        .self_signed(&key)
        .expect("rcgen signs a certificate with its own key");
    Issued::new(certificate.der().to_vec(), Vec::new(), key)
}
