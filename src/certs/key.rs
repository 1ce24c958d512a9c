//! New private keys: [`KeyType`].

use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Private, Public};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

const RSA_BITS: u32 = 3072;

/// What a key is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyType {
    /// ECDSA on P-256.
    #[default]
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// RSA with 3072 bits.
    Rsa3072,
    /// Ed25519.
    Ed25519,
}

impl KeyType {
    /// A new key.
    pub(super) fn generate(self) -> Result<PKey<Private>, ErrorStack> {
        let ec =
            |curve| EcKey::generate(&*EcGroup::from_curve_name(curve)?).and_then(PKey::from_ec_key);
        match self {
            Self::EcP256 => ec(Nid::X9_62_PRIME256V1),
            Self::EcP384 => ec(Nid::SECP384R1),
            Self::Rsa3072 => PKey::from_rsa(Rsa::generate(RSA_BITS)?),
            Self::Ed25519 => PKey::generate_ed25519(),
        }
    }

    /// The type to put in the place of a key: its own, or the strong one that is nearest.
    pub(super) fn like<T: HasPublic>(key: &PKeyRef<T>) -> Self {
        match key.id() {
            Id::RSA => Self::Rsa3072,
            Id::ED25519 => Self::Ed25519,
            Id::EC if key.bits() > 256 => Self::EcP384,
            _ => Self::EcP256,
        }
    }
}

/// The half of a key that everyone may know.
pub(super) fn public_half(key: &PKeyRef<Private>) -> Result<PKey<Public>, ErrorStack> {
    PKey::public_key_from_der(&key.public_key_to_der()?)
}

/// A key as it is written: PKCS#8 in PEM, not encrypted. Wiped after use.
pub(super) fn pem(key: &PKeyRef<Private>) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    key.private_key_to_pem_pkcs8().map(Zeroizing::new)
}

/// The digest that goes with a key's strength, for what it signs.
pub(super) fn digest<T: HasPublic>(key: &PKeyRef<T>) -> MessageDigest {
    match key.id() {
        Id::ED25519 | Id::ED448 => MessageDigest::null(),
        Id::EC if key.bits() > 256 => MessageDigest::sha384(),
        _ => MessageDigest::sha256(),
    }
}
