//! Private keys of every kind, in every encoding an operator may hand over.

use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::symm::Cipher;
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256, the default.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 1024 bits, which no verifier should take any more.
    Rsa1024,
}

/// A private key that signs certificates and can be written in every common encoding.
///
/// OpenSSL holds it rather than rcgen, which neither makes RSA keys nor encrypts any.
#[derive(Clone, Debug)]
pub struct Key {
    private: PKey<Private>,
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl Key {
    /// Makes a new key.
    pub fn generate(kind: KeyKind) -> Self {
        let private = match kind {
            KeyKind::EcP256 => generate_ec(Nid::X9_62_PRIME256V1),
            KeyKind::EcP384 => generate_ec(Nid::SECP384R1),
            KeyKind::Ed25519 => PKey::generate_ed25519().unwrap(),
            KeyKind::Rsa2048 => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            KeyKind::Rsa1024 => PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap(),
        };
        let algorithm = match kind {
            KeyKind::EcP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::EcP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
            KeyKind::Rsa2048 | KeyKind::Rsa1024 => &rcgen::PKCS_RSA_SHA256,
        };
        let public = public_bits(&private);
        Self {
            private,
            public,
            algorithm,
        }
    }

    /// The key as OpenSSL holds it.
    pub fn pkey(&self) -> &PKey<Private> {
        &self.private
    }

    /// PKCS#8 in PEM (`BEGIN PRIVATE KEY`).
    pub fn pkcs8_pem(&self) -> String {
        text(self.private.private_key_to_pem_pkcs8().unwrap())
    }

    /// PKCS#8 in DER.
    pub fn pkcs8_der(&self) -> Vec<u8> {
        self.private.private_key_to_pkcs8().unwrap()
    }

    /// The algorithm's own form in PEM: PKCS#1 (`BEGIN RSA PRIVATE KEY`) for RSA, SEC1
    /// (`BEGIN EC PRIVATE KEY`) for EC. Ed25519 has none.
    pub fn traditional_pem(&self) -> String {
        text(match self.private.id() {
            Id::RSA => self.private.rsa().unwrap().private_key_to_pem().unwrap(),
            _ => self.ec().private_key_to_pem().unwrap(),
        })
    }

    /// The algorithm's own form in DER: PKCS#1 for RSA, SEC1 for EC. Ed25519 has none.
    pub fn traditional_der(&self) -> Vec<u8> {
        match self.private.id() {
            Id::RSA => self.private.rsa().unwrap().private_key_to_der().unwrap(),
            _ => self.ec().private_key_to_der().unwrap(),
        }
    }

    /// PKCS#8 encrypted with a password, in PEM (`BEGIN ENCRYPTED PRIVATE KEY`).
    pub fn encrypted_pkcs8_pem(&self, password: &str) -> String {
        let pem = self
            .private
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), password.as_bytes());
        text(pem.unwrap())
    }

    /// PKCS#8 encrypted with a password, in DER.
    pub fn encrypted_pkcs8_der(&self, password: &str) -> Vec<u8> {
        self.private
            .private_key_to_pkcs8_passphrase(Cipher::aes_256_cbc(), password.as_bytes())
            .unwrap()
    }

    /// The traditional PEM with OpenSSL's own encryption (`Proc-Type: 4,ENCRYPTED`).
    pub fn encrypted_traditional_pem(&self, password: &str) -> String {
        let (cipher, password) = (Cipher::aes_256_cbc(), password.as_bytes());
        let pem = match self.private.id() {
            Id::RSA => {
                let rsa = self.private.rsa().unwrap();
                rsa.private_key_to_pem_passphrase(cipher, password)
            }
            _ => self.ec().private_key_to_pem_passphrase(cipher, password),
        };
        text(pem.unwrap())
    }

    fn ec(&self) -> EcKey<Private> {
        self.private
            .ec_key()
            .expect("only RSA and EC keys have a traditional form")
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signer = match self.private.id() {
            Id::ED25519 => Signer::new_without_digest(&self.private),
            _ => Signer::new(self.digest(), &self.private),
        };
        signer
            .and_then(|mut signer| signer.sign_oneshot_to_vec(message))
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

impl Key {
    fn digest(&self) -> MessageDigest {
        if self.algorithm == &rcgen::PKCS_ECDSA_P384_SHA384 {
            MessageDigest::sha384()
        } else {
            MessageDigest::sha256()
        }
    }
}

fn generate_ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// The content of the subjectPublicKey bit string: what stands after the algorithm.
fn public_bits(key: &PKey<Private>) -> Vec<u8> {
    match key.id() {
        Id::RSA => key.rsa().unwrap().public_key_to_der_pkcs1().unwrap(),
        Id::ED25519 => key.raw_public_key().unwrap(),
        _ => {
            let ec = key.ec_key().unwrap();
            let mut context = openssl::bn::BigNumContext::new().unwrap();
            let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
            ec.public_key()
                .to_bytes(ec.group(), form, &mut context)
                .unwrap()
        }
    }
}

fn text(pem: Vec<u8>) -> String {
    String::from_utf8(pem).expect("PEM is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [KeyKind; 5] = [
        KeyKind::EcP256,
        KeyKind::EcP384,
        KeyKind::Ed25519,
        KeyKind::Rsa2048,
        KeyKind::Rsa1024,
    ];

    #[test]
    fn pkcs8_of_every_kind_reads_back_as_the_same_key() {
        for kind in KINDS {
            let key = Key::generate(kind);
            let pem = PKey::private_key_from_pem(key.pkcs8_pem().as_bytes()).unwrap();
            let der = PKey::private_key_from_pkcs8(&key.pkcs8_der()).unwrap();
            assert!(pem.public_eq(key.pkey()), "{kind:?} in PEM");
            assert!(der.public_eq(key.pkey()), "{kind:?} in DER");
            assert!(key.pkcs8_pem().starts_with("-----BEGIN PRIVATE KEY-----"));
        }
    }

    #[test]
    fn traditional_forms_carry_their_own_label_and_read_back() {
        for (kind, label) in [
            (KeyKind::EcP256, "-----BEGIN EC PRIVATE KEY-----"),
            (KeyKind::Rsa2048, "-----BEGIN RSA PRIVATE KEY-----"),
        ] {
            let key = Key::generate(kind);
            assert!(key.traditional_pem().contains(label), "{kind:?}");
            let pem = PKey::private_key_from_pem(key.traditional_pem().as_bytes()).unwrap();
            let der = PKey::private_key_from_der(&key.traditional_der()).unwrap();
            assert!(pem.public_eq(key.pkey()) && der.public_eq(key.pkey()));
        }
    }

    #[test]
    fn encrypted_forms_open_with_their_password_only() {
        for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
            let key = Key::generate(kind);
            let modern = key.encrypted_pkcs8_pem("open sesame");
            let legacy = key.encrypted_traditional_pem("open sesame");
            assert!(modern.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
            assert!(legacy.contains("Proc-Type: 4,ENCRYPTED"));
            for pem in [modern, legacy] {
                let open = |password: &str| {
                    PKey::private_key_from_pem_passphrase(pem.as_bytes(), password.as_bytes())
                };
                assert!(open("open sesame").unwrap().public_eq(key.pkey()));
                assert!(open("wrong").is_err());
            }
            let der = key.encrypted_pkcs8_der("open sesame");
            let opened = PKey::private_key_from_pkcs8_passphrase(&der, b"open sesame").unwrap();
            assert!(opened.public_eq(key.pkey()));
        }
    }

    #[test]
    fn bits_are_what_the_kind_says() {
        assert_eq!(Key::generate(KeyKind::Rsa1024).pkey().bits(), 1024);
        assert_eq!(Key::generate(KeyKind::Rsa2048).pkey().bits(), 2048);
        assert_eq!(Key::generate(KeyKind::EcP384).pkey().bits(), 384);
    }
}
