//! What OpenSSL is told of a policy: its context.

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl_probe::ProbeResult;

use super::crl::RevocationLists;
use super::identity::Identity;
use super::level;
use super::roots::Roots;
use super::{sessions, system_store};
use crate::code::ErrorCode;
use crate::settings::{Fault, SecurityLevel};

/// What a context is made of.
pub(super) struct Parts<'a> {
    pub(super) roots: &'a Roots,
    pub(super) lists: Option<&'a RevocationLists>,
    pub(super) identity: Option<&'a Identity>,
    pub(super) level: Option<SecurityLevel>,
}

impl Parts<'_> {
    /// A context rather than the crate's `SslConnector`, which reads the system's store even where
    /// only our own roots are trusted: 16 ms for each process.
    ///
    /// # Errors
    /// What OpenSSL does not accept, as the fault of the files it came from.
    pub(super) fn context(&self, found: &ProbeResult) -> Result<SslContext, Fault> {
        let mut builder = self
            .without_lists(found)
            .map_err(|errors| not_accepted(&errors))?;
        if let Some(lists) = self.lists {
            lists.add_to(builder.cert_store_mut())?;
        }
        Ok(builder.build())
    }

    fn without_lists(&self, found: &ProbeResult) -> Result<SslContextBuilder, ErrorStack> {
        let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
        // Buffers are given back while a session is silent: most are.
        builder.set_mode(
            SslMode::AUTO_RETRY
                | SslMode::ACCEPT_MOVING_WRITE_BUFFER
                | SslMode::ENABLE_PARTIAL_WRITE
                | SslMode::RELEASE_BUFFERS,
        );
        // A record's header and body in one call of the system rather than two.
        builder.set_read_ahead(true);
        // A second handshake could show another certificate than the one that was judged.
        builder.set_options(SslOptions::NO_RENEGOTIATION);
        level::set(&mut builder, self.level)?;
        match self.roots {
            Roots::System => system_store::trust(&mut builder, found)?,
            Roots::Only(certificates) => {
                let mut store = X509StoreBuilder::new()?;
                for certificate in certificates {
                    store.add_cert(certificate.clone())?;
                }
                builder.set_cert_store(store.build());
            }
        }
        if let Some(Identity {
            leaf,
            intermediates,
            key,
        }) = self.identity
        {
            builder.set_certificate(leaf)?;
            builder.set_private_key(key)?;
            for intermediate in intermediates {
                builder.add_extra_chain_cert(X509::clone(intermediate))?;
            }
        }
        sessions::told_by(&mut builder);
        Ok(builder)
    }
}

fn not_accepted(errors: &ErrorStack) -> Fault {
    Fault {
        code: ErrorCode::CertificateInvalid,
        variable: "WA_DB_SSL_CERT".to_owned(),
        message: format!(
            "WA_DB_SSL_CA or WA_DB_SSL_CERT: OpenSSL does not accept the files: {errors}"
        ),
        hint: "keys below 2048 bits RSA and SHA-1 signatures are refused; issue new certificates"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::x509::X509Ref;
    use wa_db_lab::pki::{Ca, write_file};

    use super::*;

    #[test]
    fn the_systems_store_is_the_one_that_native_tls_finds() {
        let ca = Ca::root("found on this system");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bundle.pem");
        write_file(&file, ca.cert_pem());
        let found = ProbeResult {
            cert_file: Some(file),
            cert_dir: Vec::new(),
        };
        for (roots, is_held) in [(Roots::System, true), (Roots::Only(Vec::new()), false)] {
            let parts = Parts {
                roots: &roots,
                lists: None,
                identity: None,
                level: None,
            };
            let context = parts.context(&found).unwrap();
            let held = context.cert_store().all_certificates();
            let is_ours = |held: &X509Ref| held.to_der().unwrap() == ca.cert_der();
            assert_eq!(held.iter().any(is_ours), is_held);
        }
    }
}
