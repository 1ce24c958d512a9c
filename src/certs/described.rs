//! What files of certificates and keys hold, for people and for JSON: [`read_file`].

use std::path::Path;

use openssl::pkey::{HasPublic, PKey, PKeyRef, Private, Public};
use openssl::x509::{X509, X509ExtendedKeyUsage, X509Ref};
use serde::Serialize;

use super::authority::is_ca;
use super::constraints;
use crate::code::ErrorCode;
use crate::settings::{Content, Fault, Pin, shown_path};
use crate::tls::facts::{key_kind, pin};
use crate::tls::{CertificateFacts, identity, pem};

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Described {
    #[serde(flatten)]
    pub(crate) facts: CertificateFacts,
    /// Serial number, hexadecimal.
    pub(crate) serial: String,
    /// Whether it may issue others.
    pub(crate) ca: bool,
    /// `server`, `client`; empty where it says nothing of that, or something else.
    pub(crate) purposes: Vec<&'static str>,
    /// What the names of those below it are limited to.
    pub(crate) limits: Vec<String>,
    /// The pin of its key; `None` for a key that cannot be read.
    pub(crate) pin: Option<String>,
}

impl Described {
    /// Reads a certificate.
    pub(crate) fn of(certificate: &X509Ref) -> Self {
        let serial = certificate.serial_number().to_bn();
        let serial = serial.and_then(|number| number.to_hex_str().map(|hex| hex.to_lowercase()));
        let usage = certificate
            .extended_key_usage()
            .unwrap_or(X509ExtendedKeyUsage::empty());
        let purposes = [
            ("server", X509ExtendedKeyUsage::SSL_SERVER),
            ("client", X509ExtendedKeyUsage::SSL_CLIENT),
        ];
        Self {
            facts: CertificateFacts::of(certificate),
            serial: serial.unwrap_or_default(),
            ca: is_ca(certificate),
            purposes: purposes
                .into_iter()
                .filter(|(_, bit)| usage.contains(*bit))
                .map(|(name, _)| name)
                .collect(),
            limits: constraints::limits(certificate),
            pin: pin(certificate).map(|pin| pin.to_string()),
        }
    }
}

/// A key. Of a private one nothing is told but what its public half says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DescribedKey {
    /// Kind and size: `EC P-256`.
    pub(crate) key: String,
    /// Whether the file holds the private half.
    pub(crate) private: bool,
    /// The pin of the key.
    pub(crate) pin: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FileContent {
    /// Its certificates, in their order.
    pub(crate) certificates: Vec<Described>,
    /// Its key, if it holds one.
    pub(crate) key: Option<DescribedKey>,
}

/// Reads a file of certificates, of a key, or of both.
///
/// # Errors
/// A file that cannot be read, or holds neither.
pub(crate) fn read_file(variable: &str, path: &Path) -> Result<FileContent, Fault> {
    let Content { bytes, .. } = pem::read(variable, path)?;
    let certificates = certificates(variable, path, &bytes)?;
    let key = match private_key(variable, path, &bytes)? {
        Some(key) => describe_key(&key, true),
        None => public_key(&bytes).and_then(|key| describe_key(&key, false)),
    };
    if certificates.is_empty() && key.is_none() {
        return Err(holds_no(variable, path, "certificate and no key"));
    }
    Ok(FileContent {
        certificates: certificates
            .iter()
            .map(|certificate| Described::of(certificate))
            .collect(),
        key,
    })
}

/// The certificates of a file, if any.
///
/// # Errors
/// A block that cannot be parsed.
pub(super) fn certificates(variable: &str, path: &Path, bytes: &[u8]) -> Result<Vec<X509>, Fault> {
    pem::certificates(bytes)
        .ok_or_else(|| holds_no(variable, path, "certificate that can be parsed"))
}

/// The private key of a file, if it holds one.
///
/// # Errors
/// One that is encrypted, or cannot be parsed.
pub(super) fn private_key(
    variable: &str,
    path: &Path,
    bytes: &[u8],
) -> Result<Option<PKey<Private>>, Fault> {
    match identity::load_key(variable, path, bytes, None) {
        Ok(key) => Ok(Some(key)),
        Err(fault) if fault.code == ErrorCode::KeyEncrypted => Err(encrypted(variable, path)),
        Err(_) if pem::holds_private_key(bytes) => {
            Err(holds_no(variable, path, "private key that can be parsed"))
        }
        Err(_) => Ok(None),
    }
}

/// A file that holds something else.
pub(super) fn holds_no(variable: &str, path: &Path, what: &str) -> Fault {
    Fault::new(
        ErrorCode::CertificateInvalid,
        variable,
        format!("{variable}: {} holds no {what}", shown_path(variable, path)),
        "PEM and DER are read; look at it with: openssl x509 -in FILE -noout -text",
    )
}

/// A key that only its password opens, and nobody is asked for one here.
pub(super) fn encrypted(variable: &str, path: &Path) -> Fault {
    Fault::new(
        ErrorCode::KeyEncrypted,
        variable,
        format!(
            "{variable}: {} is an encrypted key",
            shown_path(variable, path)
        ),
        "wa-db certs reads keys that are not: openssl pkey -in FILE -out NEW, with a umask of 077",
    )
}

fn public_key(bytes: &[u8]) -> Option<PKey<Public>> {
    // A certificate's key is told with the certificate.
    let key = PKey::public_key_from_pem(bytes).or_else(|_| PKey::public_key_from_der(bytes));
    key.ok()
}

pub(super) fn describe_key<T: HasPublic>(key: &PKeyRef<T>, private: bool) -> Option<DescribedKey> {
    Some(DescribedKey {
        key: key_kind(key),
        private,
        pin: Pin::of_spki(&key.public_key_to_der().ok()?).to_string(),
    })
}
