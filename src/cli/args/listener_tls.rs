//! The flags by which a listener speaks TLS: [`ListenerTlsArgs`].

use std::path::PathBuf;

use crate::serve::TlsFiles;

/// `--tls-cert`, `--tls-key` and `--tls-client-ca`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ListenerTlsArgs {
    /// Speak TLS, and nothing else, to clients on TCP: the certificate, then its intermediates
    ///
    /// WA_WEB_SECURITY_LEVEL says with which versions and suites. The files are read again when they
    /// change.
    #[arg(long = "tls-cert", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --tls-cert
    #[arg(long = "tls-key", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Demand certificates of this CA from clients
    #[arg(long = "tls-client-ca", value_name = "FILE", requires = "cert")]
    client_ca: Option<PathBuf>,
}

impl ListenerTlsArgs {
    /// The files, where the listener is to speak TLS.
    pub(in crate::cli) fn files(&self) -> Option<TlsFiles> {
        let (cert, key) = self.cert.as_ref().zip(self.key.as_ref())?;
        Some(TlsFiles {
            cert: cert.clone(),
            key: key.clone(),
            client_ca: self.client_ca.clone(),
        })
    }
}
