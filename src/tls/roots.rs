//! Whom to trust: [`Roots`].

use std::path::Path;
use std::time::SystemTime;

use openssl::x509::X509;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::facts;
use super::pem;
use crate::code::ErrorCode;
use crate::settings::{Fault, Warning, shown_path};

const VARIABLE: &str = "WA_DB_SSL_CA";

/// The trusted root certificates.
#[derive(Clone)]
pub(crate) enum Roots {
    /// The system's store.
    System,
    /// These and no others.
    Only(Vec<X509>),
}

impl Roots {
    /// Reads `WA_DB_SSL_CA`. Every block counts; one that is no CA stops the start, since a trust
    /// anchor that silently is none is how connections end up unverified. `now`: what the ends of the
    /// certificates are compared with.
    pub(super) fn load(
        path: Option<&Path>,
        now: SystemTime,
    ) -> Result<(Self, Vec<Warning>), Fault> {
        let Some(path) = path else {
            return Ok((Self::System, Vec::new()));
        };
        let bytes = pem::read(VARIABLE, path)?.bytes;
        let fault = |code, problem: &str, hint: &str| Fault {
            code,
            variable: VARIABLE.to_owned(),
            message: format!("{VARIABLE}: {} {problem}", shown_path(VARIABLE, path)),
            hint: hint.to_owned(),
        };
        if pem::holds_private_key(&bytes) {
            return Err(fault(
                ErrorCode::CertificateInvalid,
                "holds a private key, not only CA certificates",
                "name a file with the CA certificate alone, and keep the CA's key off this machine",
            ));
        }
        let Some(certificates) = pem::certificates(&bytes) else {
            return Err(fault(
                ErrorCode::CertificateInvalid,
                "holds a certificate block that cannot be parsed",
                "look at it with: openssl x509 -in FILE -noout -text",
            ));
        };
        if certificates.is_empty() {
            return Err(fault(
                ErrorCode::CaEmpty,
                "holds no certificate",
                "put the PEM or DER certificate of the CA that signed the server's certificate there",
            ));
        }
        let mut warnings = Vec::new();
        let mut usable = false;
        for certificate in &certificates {
            let subject = facts::one_line(certificate.subject_name());
            if !may_anchor(certificate) {
                return Err(fault(
                    ErrorCode::CertificateInvalid,
                    &format!("holds a certificate that is no CA: {subject}"),
                    "put the certificate of the CA that signed it there instead of the server's own",
                ));
            }
            if facts::expires(certificate).is_some_and(|end| end < now) {
                warnings.push(Warning {
                    variable: VARIABLE.to_owned(),
                    message: format!(
                        "{VARIABLE}: the CA certificate {subject} expired at {}",
                        facts::rfc3339(certificate.not_after())
                    ),
                });
            } else {
                usable = true;
            }
        }
        if !usable {
            return Err(fault(
                ErrorCode::CertificateInvalid,
                "holds expired certificates only",
                "get the CA's current certificate",
            ));
        }
        Ok((Self::Only(certificates), warnings))
    }
}

/// Whether a certificate can be a trust anchor: a CA, or one that signed itself and so vouches
/// for nobody but itself.
fn may_anchor(certificate: &X509) -> bool {
    let Ok(der) = certificate.to_der() else {
        return false;
    };
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
        return false;
    };
    let self_issued = parsed.subject() == parsed.issuer();
    match parsed.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca || self_issued,
        // Version 1 roots and self-signed certificates carry no constraints.
        Ok(None) => self_issued,
        Err(_) => false,
    }
}
