//! Whose certificates a revocation list is about: [`Scope`].

use openssl::x509::{X509Crl, X509NameRef, X509Ref};
use x509_parser::oid_registry::OID_X509_EXT_DELTA_CRL_INDICATOR;
use x509_parser::prelude::{CertificateRevocationList, FromDer, ParsedExtension};

/// The CA that a list is of.
pub(super) struct Scope {
    /// The identifier of the key that signed it; `None` where the list does not tell.
    key: Option<Vec<u8>>,
}

impl Scope {
    /// The scope of a list that is whole.
    ///
    /// # Errors
    /// What a list is that is not. OpenSSL passes over such ones as if there were none.
    pub(super) fn of(list: &X509Crl) -> Result<Self, &'static str> {
        let der = list.to_der().unwrap_or_default();
        let (_, parsed) = CertificateRevocationList::from_der(&der)
            .map_err(|_| "holds a revocation list that cannot be parsed")?;
        let mut key = None;
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::IssuingDistributionPoint(point) => {
                    if point.indirect_crl {
                        return Err("holds a revocation list of several CAs (an indirect one)");
                    }
                    if point.only_some_reasons.is_some() {
                        return Err("holds a revocation list for only some reasons");
                    }
                    if point.only_contains_attribute_certs {
                        return Err("holds a revocation list of attribute certificates");
                    }
                }
                ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                    key = identifier.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ if extension.oid == OID_X509_EXT_DELTA_CRL_INDICATOR => {
                    return Err("holds a revocation list of what changed since another (a delta)");
                }
                _ => {}
            }
        }
        Ok(Self { key })
    }

    /// Whether the list is of the CA that issued a certificate. `issuer` is the CA's certificate: a
    /// list in its name, signed by a key that says to be another one, is that of another CA.
    pub(super) fn is_of(
        &self,
        list: &X509Crl,
        name: &X509NameRef,
        issuer: Option<&X509Ref>,
    ) -> bool {
        let is_named = list
            .issuer_name()
            .try_cmp(name)
            .is_ok_and(std::cmp::Ordering::is_eq);
        let key = issuer.and_then(X509Ref::subject_key_id);
        let is_by_another = match (&self.key, key) {
            (Some(signing), Some(key)) => signing != key.as_slice(),
            _ => false,
        };
        is_named && !is_by_another
    }
}
