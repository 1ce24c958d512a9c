//! Whether a private key belongs to a certificate: [`require_pair`].

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Ref};

use super::facts;
use crate::code::ErrorCode;
use crate::settings::Fault;

/// Refuses a key that is not that of the certificate, in words: OpenSSL's own tell nobody what to do.
/// `names` are those of the variables or flags that name the certificate's file and the key's.
pub(crate) fn require_pair(
    names: [&str; 2],
    leaf: &X509Ref,
    intermediates: &[X509],
    key: &PKey<Private>,
) -> Result<(), Fault> {
    let is_of = |certificate: &X509Ref| {
        let public = certificate.public_key();
        public.is_ok_and(|public| public.public_eq(key))
    };
    if is_of(leaf) {
        return Ok(());
    }
    let [cert_name, key_name] = names;
    let problem = if intermediates.iter().any(|other| is_of(other)) {
        format!(
            "{key_name} belongs to another certificate of {cert_name} than the first: the key's own must come first"
        )
    } else {
        format!(
            "{key_name} does not belong to the certificate in {cert_name} ({})",
            facts::one_line(leaf.subject_name())
        )
    };
    Err(Fault::new(
        ErrorCode::KeyMismatch,
        key_name,
        problem,
        "the two must come from the same request; leaf first, then intermediates",
    ))
}
