//! The password, and how the files of secrets lie on the disk.

use std::path::{Path, PathBuf};

use crate::settings::fault::{Fault, Report};
use crate::settings::parse::path;
use crate::settings::permissions::require_private;
use crate::settings::raw::Raw;
use crate::settings::secret_file::AtRest;
use crate::settings::variables as var;
use crate::settings::{PasswordSource, SecretFile, TlsSettings};

/// `WA_DB_IDENTITY_FILE`.
pub(super) fn identity(raw: &Raw, report: &mut Report) -> Option<PathBuf> {
    let text = raw.identity_file.as_deref()?;
    report.keep(path::path(var::IDENTITY_FILE, text))
}

/// `WA_DB_PASSWORD` or `WA_DB_PASSWORD_FILE`, which is read.
pub(super) fn password(
    raw: &Raw,
    identity: Option<&PathBuf>,
    report: &mut Report,
) -> PasswordSource {
    let (name, file) = (var::PASSWORD, var::PASSWORD_FILE);
    match (&raw.password, &raw.password_file) {
        (Some(_), Some(_)) => {
            let message = format!("{name} and {file} are both set");
            let hint = "keep the file and unset the other";
            report.contradiction([name, file], Fault::invalid(file, message, hint));
            PasswordSource::None
        }
        (Some(password), None) => {
            if password.expose().ends_with('\r') {
                let message = format!(
                    "{name} ends with a carriage return, which comes from a file with Windows line ends"
                );
                report.warn(name, message);
            }
            PasswordSource::Inline(password.clone())
        }
        (None, Some(text)) => match report.keep(path::path(file, text)) {
            Some(path) => {
                let source = PasswordSource::File(SecretFile::password(path, identity.cloned()));
                report.keep(source.read());
                source
            }
            None => PasswordSource::None,
        },
        (None, None) => PasswordSource::None,
    }
}

/// Warns of passwords that others can read, and of an identity that has nothing to open. Files that
/// cannot be read have faults of their own.
pub(super) fn at_rest(
    password: &PasswordSource,
    identity: Option<&PathBuf>,
    tls: &TlsSettings,
    report: &mut Report,
) {
    let file = match password {
        PasswordSource::File(file) => Some(file),
        PasswordSource::None | PasswordSource::Inline(_) => None,
    };
    let of_key = tls.identity.as_ref();
    let of_key = of_key.and_then(|files| files.key_password_file.as_ref());
    let looks = [file, of_key].map(|file| file.map(SecretFile::at_rest));
    let names = [var::PASSWORD_FILE, var::SSL_KEY_PASSWORD_FILE];
    for ((name, file), look) in names.into_iter().zip([file, of_key]).zip(&looks) {
        if let (Some(file), Some(Some(at_rest))) = (file, look) {
            warn_of_readers(name, file.path(), at_rest, report);
        }
    }
    if identity.is_none() {
        return;
    }
    let in_the_clear = |look: &Option<AtRest>| {
        let at_rest = look.as_ref();
        at_rest.is_some_and(|at_rest| !at_rest.is_encrypted)
    };
    if looks.iter().flatten().all(in_the_clear) {
        let name = var::IDENTITY_FILE;
        let message = format!(
            "{name} has no effect, because neither {} nor {} names a file that is encrypted with age",
            var::PASSWORD_FILE,
            var::SSL_KEY_PASSWORD_FILE
        );
        report.warn(name, message);
    }
}

/// The rule is that of private keys, but for encrypted files, and the secrets of containers.
fn warn_of_readers(name: &str, path: &Path, at_rest: &AtRest, report: &mut Report) {
    if at_rest.is_guarded() {
        return;
    }
    if let Err(fault) = require_private(name, path, &at_rest.metadata) {
        report.warn(name, format!("{}; {}", fault.message, fault.hint));
    }
}
