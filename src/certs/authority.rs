//! The CA in its directory: [`Authority`].

use std::path::{Path, PathBuf};

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509NameRef, X509Ref, X509VerifyResult};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::constraints::{self, Constraints};
use super::described::{encrypted, holds_no};
use super::error::CertsError;
use super::files::{Overwrite, Secrecy, Staged, make_private_directory, publish_pair};
use super::key::{self, KeyType};
use super::names::{CommonName, HostName};
use super::sign::{self, Leaf, Purpose, Question, Signer};
use super::validity::{self, Validity};
use crate::code::ErrorCode;
use crate::settings::require_private;
use crate::tls::facts::{self, one_line, rfc3339};
use crate::tls::{identity, pem};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
/// What names the files in faults.
pub(super) const DIRECTORY: &str = "--dir";

/// OpenSSL's results for a name that the CA may not vouch for: not permitted, excluded.
const NOT_PERMITTED: [i32; 2] = [47, 48];

/// What a new CA is to be.
#[derive(Clone, Debug)]
pub(crate) struct AuthoritySpec {
    pub(crate) name: CommonName,
    pub(crate) days: u32,
    pub(crate) constraints: Constraints,
}

/// A CA that can issue certificates: its key is at hand and belongs to it, and its time is not over.
pub(crate) struct Authority {
    directory: PathBuf,
    /// Its own certificate, then those above it, as they stand in its file.
    chain: Vec<X509>,
    key: PKey<Private>,
}

impl Authority {
    /// Makes a CA that signs itself, and writes it into a directory.
    ///
    /// # Errors
    /// A CA that is there already, if it may not be overwritten; what cannot be written.
    pub(crate) fn create(
        directory: &Path,
        spec: &AuthoritySpec,
        overwrite: Overwrite,
    ) -> Result<Self, CertsError> {
        let key = KeyType::EcP256.generate()?;
        let subject = sign::subject(Some(spec.name.as_str()))?;
        let root = sign::root(&subject, &key, Validity::days(spec.days), &spec.constraints)?;
        make_private_directory(directory)?;
        let authority = Self {
            directory: directory.to_owned(),
            chain: vec![root],
            key,
        };
        authority.write(overwrite).map_err(|error| match error {
            CertsError::Exists(path) => CertsError::AuthorityExists(path),
            error => error,
        })?;
        Ok(authority)
    }

    fn write(&self, overwrite: Overwrite) -> Result<(), CertsError> {
        let stage = |path: PathBuf, content: &[u8], secrecy| {
            Staged::write(&path, content, secrecy, overwrite)
        };
        let key = stage(self.key_file(), &key::pem(&self.key)?, Secrecy::Own)?;
        let certificate = self.certificate().to_pem()?;
        let certificate = stage(self.certificate_file(), &certificate, Secrecy::Public)?;
        publish_pair(&key, &certificate)
    }

    /// Reads the CA of a directory.
    ///
    /// # Errors
    /// Files that are missing, hold something else, do not belong together or can be read by others; a
    /// CA that is none or whose time is over.
    pub(crate) fn load(directory: &Path) -> Result<Self, CertsError> {
        let (file, key_file) = (certificate_file(directory), directory.join(KEY));
        for (path, missing) in [(&file, CERTIFICATE), (&key_file, KEY)] {
            if !path.exists() {
                return Err(CertsError::NoAuthority {
                    directory: directory.to_owned(),
                    missing,
                });
            }
        }
        let chain = read_chain(DIRECTORY, &file)?;
        let content = pem::read(DIRECTORY, &key_file)?;
        require_private(DIRECTORY, &key_file, &content.metadata)?;
        let key = plain_key(DIRECTORY, &key_file, &content.bytes)?;
        let authority = Self {
            directory: directory.to_owned(),
            chain,
            key,
        };
        authority.usable()?;
        Ok(authority)
    }

    fn usable(&self) -> Result<(), CertsError> {
        let certificate = self.certificate();
        let subject = self.name();
        if !is_ca(certificate) {
            return Err(CertsError::NotAuthority {
                file: self.certificate_file(),
                subject,
            });
        }
        let belongs = certificate
            .public_key()
            .is_ok_and(|public| public.public_eq(&self.key));
        if !belongs {
            return Err(CertsError::KeyOfAnother {
                certificate: self.certificate_file(),
                key: self.key_file(),
            });
        }
        if validity::is_over(certificate.not_after()) {
            let ended = rfc3339(certificate.not_after());
            return Err(CertsError::AuthorityExpired { subject, ended });
        }
        if validity::is_to_come(certificate.not_before()) {
            let begins = rfc3339(certificate.not_before());
            return Err(CertsError::AuthorityNotYetValid { subject, begins });
        }
        Ok(())
    }

    /// Issues a leaf that verifies: no later than this is it known that somebody will trust it.
    ///
    /// # Errors
    /// A name that the CA's constraints do not permit; whatever else keeps it from being verified.
    pub(super) fn issue(&self, leaf: &Leaf<'_>) -> Result<X509, CertsError> {
        let certificate = self.signer().sign(leaf)?;
        let result = self.verified(&certificate, leaf.purpose)?;
        if NOT_PERMITTED.contains(&result.as_raw()) {
            return Err(CertsError::NotPermitted {
                refused: self.refused(leaf)?,
                limits: self
                    .chain
                    .iter()
                    .flat_map(|above| constraints::limits(above))
                    .collect(),
            });
        }
        if result != X509VerifyResult::OK {
            return Err(CertsError::NotVerified {
                reason: result.error_string().to_owned(),
            });
        }
        Ok(certificate)
    }

    /// The names of a leaf that are not permitted, each tried on its own. Where it is the subject, which
    /// OpenSSL takes for a host name if it looks like one, that.
    fn refused(&self, leaf: &Leaf<'_>) -> Result<Vec<String>, CertsError> {
        let nobody = sign::subject(None)?;
        let mut refused = Vec::new();
        for name in leaf.names {
            let alone = Leaf {
                subject: &nobody,
                names: std::slice::from_ref(name),
                ..*leaf
            };
            let certificate = self.signer().sign(&alone)?;
            let result = self.verified(&certificate, leaf.purpose)?;
            if NOT_PERMITTED.contains(&result.as_raw()) {
                refused.push(name.to_string());
            }
        }
        if refused.is_empty() {
            refused.push(one_line(leaf.subject));
        }
        Ok(refused)
    }

    fn verified(&self, leaf: &X509Ref, purpose: Purpose) -> Result<X509VerifyResult, CertsError> {
        let question = Question {
            leaf,
            sent: &[],
            trusted: &self.chain,
            partial: true,
            purpose,
        };
        Ok(question.answer()?)
    }

    fn signer(&self) -> Signer<'_> {
        Signer {
            certificate: self.certificate(),
            key: &self.key,
        }
    }

    /// Its own certificate. There is one: a chain without would not have been read.
    pub(crate) fn certificate(&self) -> &X509Ref {
        &self.chain[0]
    }

    /// What a holder sends besides its own certificate: those between it and the root.
    pub(super) fn intermediates(&self) -> impl Iterator<Item = &X509> {
        let above = self.chain.iter();
        above.filter(|above| !is_same_name(above.subject_name(), above.issuer_name()))
    }

    /// Its name, on one line.
    pub(crate) fn name(&self) -> String {
        one_line(self.certificate().subject_name())
    }

    /// Where it lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file that whoever trusts it needs.
    pub(crate) fn certificate_file(&self) -> PathBuf {
        certificate_file(&self.directory)
    }

    /// The file that nobody else may have.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.directory.join(KEY)
    }

    /// Whether it issued a certificate.
    pub(super) fn has_issued(&self, certificate: &X509Ref) -> bool {
        certificate.verify(&self.key).unwrap_or(false)
            && is_same_name(certificate.issuer_name(), self.certificate().subject_name())
    }
}

/// The file of the CA of a directory.
pub(super) fn certificate_file(directory: &Path) -> PathBuf {
    directory.join(CERTIFICATE)
}

/// Every certificate of a file; at least one.
pub(super) fn read_chain(variable: &str, path: &Path) -> Result<Vec<X509>, CertsError> {
    let content = pem::read(variable, path)?;
    match pem::certificates(&content.bytes) {
        Some(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(holds_no(variable, path, "certificate").into()),
    }
}

/// A key that is not encrypted: nobody is asked for a password here.
pub(super) fn plain_key(
    variable: &str,
    path: &Path,
    bytes: &[u8],
) -> Result<PKey<Private>, CertsError> {
    identity::load_key(variable, path, bytes, None).map_err(|fault| {
        if fault.code == ErrorCode::KeyEncrypted {
            encrypted(variable, path).into()
        } else {
            holds_no(variable, path, "private key").into()
        }
    })
}

/// Whether a certificate may issue others.
pub(super) fn is_ca(certificate: &X509Ref) -> bool {
    certificate
        .to_der()
        .is_ok_and(|der| X509Certificate::from_der(&der).is_ok_and(|(_, parsed)| parsed.is_ca()))
}

/// The host names of a certificate; `None` for names of another kind, or of a shape that is not issued
/// here.
pub(super) fn host_names(certificate: &X509Ref) -> Option<Vec<HostName>> {
    let Some(names) = certificate.subject_alt_names() else {
        return Some(Vec::new());
    };
    let parsed = names
        .iter()
        .map(|name| match (name.dnsname(), name.ipaddress()) {
            (Some(name), _) => name.parse().ok(),
            (_, Some(octets)) => facts::ip(octets).map(HostName::Ip),
            _ => None,
        });
    parsed.collect()
}

fn is_same_name(one: &X509NameRef, other: &X509NameRef) -> bool {
    one.try_cmp(other).is_ok_and(std::cmp::Ordering::is_eq)
}
