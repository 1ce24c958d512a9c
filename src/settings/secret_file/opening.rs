//! Opens secrets that are encrypted with age.

use std::io::Read as _;
use std::path::Path;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity};
use zeroize::Zeroizing;

use super::encryption::trimmed;
use super::{SecretFile, identities, var};
use crate::code::ErrorCode;
use crate::settings::fault::Fault;
use crate::settings::shown_path::shown_path;
use crate::settings::small_file::useless;

/// Decrypts a secret.
///
/// The work is bounded by the sizes of both files and the number of identities; a passphrase, which
/// is work by design, is not taken.
pub(super) fn decrypt(file: &SecretFile, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let armor = ArmoredReader::new(trimmed(bytes));
    let decryptor = Decryptor::new_buffered(armor).map_err(|error| broken(file, &error))?;
    if decryptor.is_scrypt() {
        return Err(useless(
            file.variable,
            &file.path,
            "is encrypted with a passphrase, for which nobody can be asked here",
            "encrypt it for an identity instead: age -r RECIPIENT -o FILE",
        ));
    }
    let path = file.identity().ok_or_else(|| unnamed(file))?;
    let identities = identities::read(path)?;
    let identities = identities.iter().map(|identity| identity as &dyn Identity);
    let opened = decryptor.decrypt(identities);
    let mut reader = opened.map_err(|error| match error {
        DecryptError::NoMatchingKeys => no_match(file, path),
        other => broken(file, &other),
    })?;
    // Room for more than the file holds: a buffer that grows would leave copies of the secret behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let read = reader.read_to_end(&mut plain);
    read.map_err(|error| broken(file, &error.into()))?;
    Ok(plain)
}

fn broken(file: &SecretFile, error: &DecryptError) -> Fault {
    let (why, hint) = if matches!(error, DecryptError::UnknownFormat) {
        (
            "is encrypted in a form of age that is not known here",
            "encrypt the secret as age-encryption.org/v1",
        )
    } else {
        (
            "is encrypted with age, and was truncated or altered",
            "encrypt the secret anew, and rename the new file into place",
        )
    };
    useless(file.variable, &file.path, why, hint)
}

fn unnamed(file: &SecretFile) -> Fault {
    let name = var::IDENTITY_FILE;
    let message = format!(
        "{name} is not set, and {} of {} is encrypted with age",
        shown_path(file.variable, &file.path),
        file.variable,
    );
    let hint = "set it to the file of the identity that opens the secret, as age-keygen writes it";
    Fault::missing(name, message, hint)
}

fn no_match(file: &SecretFile, identity: &Path) -> Fault {
    let name = var::IDENTITY_FILE;
    let message = format!(
        "{name}: no identity in {} opens {} of {}",
        shown_path(name, identity),
        shown_path(file.variable, &file.path),
        file.variable,
    );
    let hint = "name another identity file, or encrypt the secret for the recipient that age-keygen -y prints of this one";
    Fault::new(ErrorCode::KeyMismatch, name, message, hint)
}
