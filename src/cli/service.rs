//! What commands that run until they are told to end have in common.

use std::path::PathBuf;

use super::exit::Exit;
use super::printer;
use crate::code::Stage;
use crate::serve::TlsFiles;
use crate::settings::SettingsError;

/// The files of `--tls-cert`, `--tls-key` and `--tls-client-ca`, where a listener speaks TLS.
pub(super) fn tls_files(
    cert: Option<&PathBuf>,
    key: Option<&PathBuf>,
    client_ca: Option<&PathBuf>,
) -> Option<TlsFiles> {
    let (cert, key) = cert.zip(key)?;
    Some(TlsFiles {
        cert: cert.clone(),
        key: key.clone(),
        client_ca: client_ca.cloned(),
    })
}

/// Prints why it does not start.
pub(super) fn refused(error: &SettingsError) -> Exit {
    printer::to_stderr(|printer| {
        for fault in error.faults() {
            printer.fault("", &fault.message, &fault.hint)?;
        }
        Ok(())
    });
    Exit::Code(Stage::Settings.exit_code())
}
