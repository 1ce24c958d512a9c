//! The system's certificates, the same at either depth: [`trust`].

use openssl::error::ErrorStack;
use openssl::ssl::SslContextBuilder;
use openssl_probe::ProbeResult;

/// Trusts what OpenSSL was built to trust, and what native-tls adds to that of its own accord
/// (`TlsConnector::new` of its `imp/openssl.rs`): a check and a service must not differ in whom
/// they trust.
///
/// # Errors
/// Those of OpenSSL. A file or directory that was found and cannot be read is passed over, here as
/// there: less is trusted then.
pub(super) fn trust(
    builder: &mut SslContextBuilder,
    found: &ProbeResult,
) -> Result<(), ErrorStack> {
    builder.set_default_verify_paths()?;
    if let Some(file) = &found.cert_file {
        let _ = builder.load_verify_locations(Some(file), None);
    }
    for directory in &found.cert_dir {
        let _ = builder.load_verify_locations(None, Some(directory));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use openssl::ssl::{SslContext, SslContextBuilder, SslMethod};
    use openssl::stack::Stack;
    use openssl::x509::X509StoreContext;
    use openssl_probe::ProbeResult;
    use wa_db_lab::pki::{Ca, Leaf, write_file};

    use super::trust;

    fn context(cert_file: Option<PathBuf>, cert_dir: Vec<PathBuf>) -> SslContext {
        let mut builder = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
        let found = ProbeResult {
            cert_file,
            cert_dir,
        };
        trust(&mut builder, &found).unwrap();
        builder.build()
    }

    fn trusts(context: &SslContext, ca: &Ca) -> bool {
        let leaf = ca.issue(&Leaf::server().dns("db.lab")).x509();
        let none = Stack::new().unwrap();
        X509StoreContext::new()
            .unwrap()
            .init(context.cert_store(), &leaf, &none, |context| {
                context.verify_cert()
            })
            .unwrap()
    }

    #[test]
    fn what_native_tls_finds_is_trusted_and_nothing_else_of_the_same_kind() {
        let [in_file, in_directory, nowhere] =
            ["in a file", "in a directory", "nowhere"].map(Ca::root);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bundle.pem");
        write_file(&file, in_file.cert_pem());
        let hash = in_directory.as_issued().x509().subject_name_hash();
        let hashed = directory.path().join(format!("{hash:08x}.0"));
        write_file(&hashed, in_directory.cert_pem());

        let missing = directory.path().join("missing");
        let both = context(
            Some(file),
            vec![missing.clone(), directory.path().to_owned()],
        );
        assert!(trusts(&both, &in_file));
        assert!(trusts(&both, &in_directory));
        assert!(!trusts(&both, &nowhere));
        let neither = context(Some(missing), Vec::new());
        assert!(!trusts(&neither, &in_file) && !trusts(&neither, &in_directory));
    }
}
