//! Who we are to the server: [`Identity`], the client's certificate chain and key.

use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::pair::require_pair;
use super::{facts, pem};
use crate::code::ErrorCode;
use crate::secret::Secret;
use crate::settings::{Fault, IdentityFiles, SecretFile, require_private, shown_path};

const CERT: &str = "WA_DB_SSL_CERT";
const KEY: &str = "WA_DB_SSL_KEY";
const KEY_PASSWORD: &str = "WA_DB_SSL_KEY_PASSWORD_FILE";

/// The client's certificate, what links it to its CA, and its key. The key belongs to the
/// certificate: that was checked.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(super) leaf: X509,
    pub(super) intermediates: Vec<X509>,
    pub(super) key: PKey<Private>,
}

impl Identity {
    /// Reads certificate and key. Every fault of both files is reported.
    pub(super) fn load(files: &IdentityFiles) -> Result<Self, Vec<Fault>> {
        let (cert, key) = match (pem::read(CERT, &files.cert), pem::read(KEY, &files.key)) {
            (Ok(cert), Ok(key)) => (cert, key),
            (cert, key) => return Err([cert.err(), key.err()].into_iter().flatten().collect()),
        };
        let (cert_bytes, key_bytes) = (&cert.bytes, &key.bytes);
        if is_swapped(cert_bytes, key_bytes) {
            return Err(vec![fault(
                ErrorCode::SwappedFiles,
                CERT,
                format!(
                    "{CERT} holds a private key and {KEY} holds a certificate: the two are swapped"
                ),
                "exchange the two values",
            )]);
        }
        let chain = load_chain(&files.cert, cert_bytes);
        // Where no key is in the file, that is what to say, not who may read it.
        let permitted = if is_certificate_only(key_bytes) {
            Ok(())
        } else {
            require_private(KEY, &files.key, &key.metadata)
        };
        let key = permitted
            .and_then(|()| {
                let file = files.key_password_file.as_ref();
                file.map(SecretFile::read).transpose()
            })
            .and_then(|password| load_key(KEY, &files.key, key_bytes, password.as_ref()));
        match (chain, key) {
            (Ok((leaf, intermediates)), Ok(key)) => {
                let paired = require_pair([CERT, KEY], &leaf, &intermediates, &key);
                paired.map_err(|fault| vec![fault])?;
                Ok(Self {
                    leaf,
                    intermediates,
                    key,
                })
            }
            (chain, key) => Err([chain.err(), key.err()].into_iter().flatten().collect()),
        }
    }

    /// The client's own certificate.
    pub(super) fn leaf(&self) -> &X509 {
        &self.leaf
    }
}

fn is_swapped(cert: &[u8], key: &[u8]) -> bool {
    pem::holds_private_key(cert)
        && pem::certificates(cert).is_some_and(|certificates| certificates.is_empty())
        && is_certificate_only(key)
}

fn is_certificate_only(bytes: &[u8]) -> bool {
    pem::certificates(bytes).is_some_and(|certificates| !certificates.is_empty())
        && !pem::holds_private_key(bytes)
}

fn load_chain(path: &Path, bytes: &[u8]) -> Result<(X509, Vec<X509>), Fault> {
    let shown = shown_path(CERT, path);
    let invalid = |problem: String, hint| fault(ErrorCode::CertificateInvalid, CERT, problem, hint);
    let certificates = pem::certificates(bytes).ok_or_else(|| {
        invalid(
            format!("{CERT}: {shown} holds a certificate block that cannot be parsed"),
            "look at it with: openssl x509 -in FILE -noout -text",
        )
    })?;
    let mut certificates = certificates.into_iter();
    let leaf = certificates.next().ok_or_else(|| {
        invalid(
            format!("{CERT}: {shown} holds no certificate"),
            "put the client's certificate there, PEM or DER, then its intermediates",
        )
    })?;
    let now = Asn1Time::days_from_now(0).map_err(|error| {
        invalid(
            format!("{CERT}: the current time cannot be compared: {error}"),
            "check the system's clock",
        )
    })?;
    if *leaf.not_after() < now {
        return Err(invalid(
            format!(
                "{CERT}: the client certificate expired at {}",
                facts::rfc3339(leaf.not_after())
            ),
            "issue a new client certificate",
        ));
    }
    if *leaf.not_before() > now {
        return Err(invalid(
            format!(
                "{CERT}: the client certificate is not valid before {}",
                facts::rfc3339(leaf.not_before())
            ),
            "check the clock of this machine and of the one that issued the certificate",
        ));
    }
    Ok((leaf, certificates.collect()))
}

/// PKCS#8, PKCS#1 or SEC1, PEM or DER, encrypted or not. `variable` is what names the file.
pub(crate) fn load_key(
    variable: &str,
    path: &Path,
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<PKey<Private>, Fault> {
    let shown = shown_path(variable, path);
    let mut asked = false;
    let from_pem = PKey::private_key_from_pem_callback(bytes, |buffer| {
        asked = true;
        Ok(copy_password(password, buffer))
    });
    if let Ok(key) = from_pem {
        return Ok(key);
    }
    if let Ok(key) = PKey::private_key_from_der(bytes) {
        return Ok(key);
    }
    let is_pem = pem::blocks(bytes).contains(&pem::Block::PrivateKey);
    let from_encrypted_der = PKey::private_key_from_pkcs8_callback(bytes, |buffer| {
        asked = true;
        Ok(copy_password(password, buffer))
    });
    if let (Ok(key), false) = (from_encrypted_der, is_pem) {
        return Ok(key);
    }
    if asked {
        return Err(match password {
            None => fault(
                ErrorCode::KeyEncrypted,
                variable,
                format!("{variable}: {shown} is encrypted and {KEY_PASSWORD} is not set"),
                "put the key's password into a file and name it in WA_DB_SSL_KEY_PASSWORD_FILE",
            ),
            Some(_) => fault(
                ErrorCode::KeyEncrypted,
                KEY_PASSWORD,
                format!(
                    "{KEY_PASSWORD}: the password does not open the key of {variable}, {shown}"
                ),
                "check the file: the password alone, on one line",
            ),
        });
    }
    let problem = if is_certificate_only(bytes) {
        "holds a certificate but no private key"
    } else {
        "holds no private key"
    };
    Err(fault(
        ErrorCode::CertificateInvalid,
        variable,
        format!("{variable}: {shown} {problem}"),
        "put the client's key there: PKCS#8, PKCS#1 or SEC1, as PEM or DER",
    ))
}

/// Hands the password to OpenSSL; one that does not fit opens nothing rather than being cut.
fn copy_password(password: Option<&Secret>, buffer: &mut [u8]) -> usize {
    let bytes = password.map_or(&[][..], |secret| secret.expose().as_bytes());
    match buffer.get_mut(..bytes.len()) {
        Some(space) => {
            space.copy_from_slice(bytes);
            bytes.len()
        }
        None => 0,
    }
}

fn fault(code: ErrorCode, variable: &str, message: String, hint: &str) -> Fault {
    Fault {
        code,
        variable: variable.to_owned(),
        message,
        hint: hint.to_owned(),
    }
}
