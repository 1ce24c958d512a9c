//! A certificate with its key and the intermediates above it.

use std::path::Path;

use openssl::base64;
use openssl::hash::{MessageDigest, hash};
use openssl::x509::{X509, X509NameRef};

use super::{Key, write_file, write_private};

/// A minted certificate, ready to be presented by a server or a client.
#[derive(Clone, Debug)]
pub struct Issued {
    der: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    key: Key,
}

impl Issued {
    pub(super) fn new(der: Vec<u8>, intermediates: Vec<Vec<u8>>, key: Key) -> Self {
        Self {
            der,
            intermediates,
            key,
        }
    }

    /// The certificate alone in PEM.
    pub fn cert_pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// The certificate alone in DER.
    pub fn cert_der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate and the intermediates above it, in PEM, without the root.
    pub fn chain_pem(&self) -> String {
        let above = self.intermediates.iter();
        let above = above.map(|der| pem("CERTIFICATE", der));
        std::iter::once(self.cert_pem()).chain(above).collect()
    }

    /// The key in PKCS#8 PEM; [`Issued::key`] has the other encodings.
    pub fn key_pem(&self) -> String {
        self.key.pkcs8_pem()
    }

    /// The private key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The same certificate without its intermediates, as a careless server sends it.
    #[must_use]
    pub fn leaf_only(&self) -> Self {
        Self::new(self.der.clone(), Vec::new(), self.key.clone())
    }

    /// The same certificate with another's key, which does not fit.
    #[must_use]
    pub fn with_key_of(&self, other: &Self) -> Self {
        Self::new(
            self.der.clone(),
            self.intermediates.clone(),
            other.key.clone(),
        )
    }

    /// The certificate as OpenSSL reads it.
    pub fn x509(&self) -> X509 {
        X509::from_der(&self.der).expect("the lab minted a certificate")
    }

    /// The serial number, big-endian.
    pub fn serial(&self) -> Vec<u8> {
        let number = self.x509().serial_number().to_bn();
        number.expect("a serial number is a number").to_vec()
    }

    /// The subject as MySQL's `REQUIRE SUBJECT` spells it: `/OU=…/CN=…`.
    pub fn subject_line(&self) -> String {
        name_line(self.x509().subject_name())
    }

    /// The issuer as MySQL's `REQUIRE ISSUER` spells it.
    pub fn issuer_line(&self) -> String {
        name_line(self.x509().issuer_name())
    }

    /// The pin of the public key: SHA-256 of its `SubjectPublicKeyInfo`, in base64.
    pub fn spki_sha256(&self) -> String {
        let spki = self.x509().public_key().unwrap().public_key_to_der();
        base64::encode_block(&hash(MessageDigest::sha256(), &spki.unwrap()).unwrap())
    }

    /// Writes the chain in PEM, readable by all.
    pub fn write_chain(&self, path: &Path) {
        write_file(path, self.chain_pem());
    }

    /// Writes the key in PKCS#8 PEM, readable by its owner only.
    pub fn write_key(&self, path: &Path) {
        write_private(path, self.key_pem());
    }

    pub(super) fn intermediates(&self) -> &[Vec<u8>] {
        &self.intermediates
    }

    pub(super) fn is_self_signed(&self) -> bool {
        let certificate = self.x509();
        // A key of another kind than its issuer's cannot even be tried.
        let own = certificate.verify(self.key.pkey());
        own.unwrap_or(false)
    }
}

/// Wraps DER in PEM armour, 64 characters a line as RFC 7468 asks.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let encoded = base64::encode_block(der);
    let mut armoured = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        armoured.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        armoured.push('\n');
    }
    armoured + &format!("-----END {label}-----\n")
}

fn name_line(name: &X509NameRef) -> String {
    let entries = name.entries().map(|entry| {
        let field = entry.object().nid().short_name().unwrap();
        format!("/{field}={}", entry.data().to_string().unwrap())
    });
    entries.collect()
}
