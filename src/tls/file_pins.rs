//! The pins of keys that lie in files, for which no server is asked: [`FilePin`].

use std::path::Path;

use openssl::pkey::PKey;
use openssl::x509::X509Req;

use super::facts::{CertificateFacts, one_line, pin};
use super::{identity, pem};
use crate::code::ErrorCode;
use crate::settings::{Fault, Pin, SecretFile, Warning, require_private, shown_path};

/// The pin of a key in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePin {
    pub(crate) pin: Pin,
    /// Whose key it is, by the certificate or the request. A key says nothing of that.
    pub(crate) subject: Option<String>,
}

/// The pin of a private key, or of a public one. `variable` is what names the file, and
/// `password_file` that of `WA_DB_SSL_KEY_PASSWORD_FILE`.
///
/// A key that others can read is told of, not refused: nothing is done with it here.
///
/// # Errors
/// A file that cannot be read, or holds no key; an encrypted key and no password that opens it.
pub(crate) fn of_key(
    variable: &str,
    path: &Path,
    password_file: Option<&SecretFile>,
) -> Result<(FilePin, Option<Warning>), Fault> {
    let content = pem::read(variable, path)?;
    let public = PKey::public_key_from_pem(&content.bytes);
    if let Ok(public) = public.or_else(|_| PKey::public_key_from_der(&content.bytes)) {
        let spki = public.public_key_to_der();
        return Ok((of_spki(variable, path, spki.ok(), None)?, None));
    }
    let password = password_file.map(SecretFile::read).transpose()?;
    let key =
        identity::load_key(variable, path, &content.bytes, password.as_ref()).map_err(|fault| {
            match fault.code {
                ErrorCode::CertificateInvalid => holds_no(variable, path, "key"),
                _ => fault,
            }
        })?;
    let warning = require_private(variable, path, &content.metadata)
        .err()
        .map(|fault| Warning {
            variable: fault.variable,
            message: format!("{}; {}", fault.message, fault.hint),
        });
    let spki = key.public_key_to_der();
    Ok((of_spki(variable, path, spki.ok(), None)?, warning))
}

/// The pin of the key that a certificate signing request is for.
///
/// # Errors
/// A file that cannot be read, or holds no request.
pub(crate) fn of_request(variable: &str, path: &Path) -> Result<FilePin, Fault> {
    let content = pem::read(variable, path)?;
    let request = X509Req::from_pem(&content.bytes)
        .or_else(|_| X509Req::from_der(&content.bytes))
        .map_err(|_| holds_no(variable, path, "certificate signing request"))?;
    let subject = one_line(request.subject_name());
    let key = request.public_key();
    let spki = key.and_then(|key| key.public_key_to_der());
    of_spki(variable, path, spki.ok(), Some(subject))
}

/// The pins of all certificates of a file, in their order.
///
/// # Errors
/// A file that cannot be read, or holds no certificate, or one that cannot be parsed.
pub(crate) fn of_certificates(variable: &str, path: &Path) -> Result<Vec<FilePin>, Fault> {
    let content = pem::read(variable, path)?;
    let certificates = pem::certificates(&content.bytes).unwrap_or_default();
    if certificates.is_empty() {
        return Err(holds_no(variable, path, "certificate that can be read"));
    }
    certificates
        .iter()
        .map(|certificate| {
            let facts = CertificateFacts::of(certificate);
            let pin = pin(certificate).ok_or_else(|| unreadable_key(variable, path))?;
            Ok(FilePin {
                pin,
                subject: Some(facts.subject),
            })
        })
        .collect()
}

fn of_spki(
    variable: &str,
    path: &Path,
    spki: Option<Vec<u8>>,
    subject: Option<String>,
) -> Result<FilePin, Fault> {
    let spki = spki.ok_or_else(|| unreadable_key(variable, path))?;
    Ok(FilePin {
        pin: Pin::of_spki(&spki),
        subject,
    })
}

fn unreadable_key(variable: &str, path: &Path) -> Fault {
    holds_no(variable, path, "public key that OpenSSL can write")
}

fn holds_no(variable: &str, path: &Path, what: &str) -> Fault {
    Fault::new(
        ErrorCode::CertificateInvalid,
        variable,
        format!("{variable}: {} holds no {what}", shown_path(variable, path)),
        "PEM and DER are read: --from-key takes a key, --from-csr a request, --from-cert certificates",
    )
}
