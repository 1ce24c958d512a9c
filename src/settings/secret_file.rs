//! Files that hold one secret, as it is or encrypted with age: [`SecretFile`].

mod encryption;
#[cfg(feature = "age")]
mod identities;
#[cfg(feature = "age")]
mod opening;

use std::fmt;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::encryption::is_encrypted;
#[cfg(feature = "age")]
use self::opening::decrypt;
use super::fault::Fault;
use super::last_good::LastGood;
use super::shown_path::shown_path;
use super::small_file::{read_regular, utf8};
use super::variables as var;
use crate::secret::Secret;

/// Larger files are refused: the path must be wrong.
const MAX: u64 = 64 * 1024;

/// The file of `WA_DB_PASSWORD_FILE` or `WA_DB_SSL_KEY_PASSWORD_FILE`, and what opens it where it is
/// encrypted with [age](https://age-encryption.org/v1).
///
/// Whether it is encrypted is told by how it begins, each time it is read, and not by its name: a secret
/// may be replaced by its encrypted form while a service runs.
#[derive(Clone)]
pub struct SecretFile {
    variable: &'static str,
    path: PathBuf,
    identity: Option<PathBuf>,
    last_good: Option<Arc<LastGood>>,
}

impl Eq for SecretFile {}

impl PartialEq for SecretFile {
    /// Whether it is the same file, opened in the same way.
    fn eq(&self, other: &Self) -> bool {
        (self.variable, &self.path, &self.identity)
            == (other.variable, &other.path, &other.identity)
    }
}

/// Where containers have their secrets. Docker mounts them with mode 0444, and nobody but the service
/// lives there.
const OF_CONTAINERS: &str = "/run/secrets";

/// How a secret lies on the disk.
pub(crate) struct AtRest {
    pub(crate) is_encrypted: bool,
    /// Whether it is among the secrets of a container.
    is_of_container: bool,
    pub(crate) metadata: Metadata,
}

impl AtRest {
    /// Whether nobody else learns the secret, whatever the mode of its file is.
    pub(crate) fn is_guarded(&self) -> bool {
        self.is_encrypted || self.is_of_container
    }
}

impl SecretFile {
    /// The file of `WA_DB_PASSWORD_FILE`. `identity` is that of `WA_DB_IDENTITY_FILE`.
    pub(crate) fn password(path: PathBuf, identity: Option<PathBuf>) -> Self {
        Self {
            variable: var::PASSWORD_FILE,
            path,
            identity,
            last_good: None,
        }
    }

    /// The file of `WA_DB_SSL_KEY_PASSWORD_FILE`. `identity` is that of `WA_DB_IDENTITY_FILE`.
    pub(crate) fn key_password(path: PathBuf, identity: Option<PathBuf>) -> Self {
        Self {
            variable: var::SSL_KEY_PASSWORD_FILE,
            path,
            identity,
            last_good: None,
        }
    }

    /// From now on, what could be used is [kept](Self::or_kept).
    pub(super) fn remember(&mut self) {
        self.last_good = Some(Arc::default());
    }

    /// What was read of this file; or what was kept of it, where there is a fault and it is to be kept.
    pub(super) fn or_kept(&self, read: Result<Secret, Fault>) -> Result<Secret, Fault> {
        match &self.last_good {
            Some(last_good) => last_good.or_kept(read),
            None => read,
        }
    }

    /// A server refused the secret: see [`LastGood::refused`].
    pub(super) fn refused(&self) {
        if let Some(last_good) = &self.last_good {
            last_good.refused();
        }
    }

    /// Where the secret lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `WA_DB_IDENTITY_FILE`: the age identities that open the file, if it is encrypted.
    pub fn identity(&self) -> Option<&Path> {
        self.identity.as_deref()
    }

    /// The secret as it is now; both files are read again each time.
    ///
    /// One newline at the end (`\n` or `\r\n`) is not part of the secret, since editors and `echo`
    /// put one there.
    ///
    /// # Errors
    /// `file_missing` when there is no such file; `file_unreadable` when it cannot be read, is larger
    /// than 64 KiB or is not UTF-8. Of an encrypted one besides: `variable_missing` when no identity
    /// is named; `key_permissions` when others can read that; `key_mismatch` when no identity opens
    /// the secret; `file_unreadable` when the secret was truncated or altered, is encrypted with a passphrase,
    /// or this crate was built without its feature `age`, and when the identity file is malformed.
    pub fn read(&self) -> Result<Secret, Fault> {
        let content = read_regular(self.variable, &self.path, MAX)?;
        let bytes = if is_encrypted(&content.bytes) {
            decrypt(self, &content.bytes)?
        } else {
            content.bytes
        };
        let text = utf8(self.variable, &self.path, &bytes)?;
        let line = text.strip_suffix('\n').map_or(text, |line| {
            // What Windows writes.
            line.strip_suffix('\r').unwrap_or(line)
        });
        Ok(Secret::new(line))
    }

    /// How the secret lies on the disk; `None` where it cannot be read, which [`read`](Self::read)
    /// tells.
    pub(crate) fn at_rest(&self) -> Option<AtRest> {
        let content = read_regular(self.variable, &self.path, MAX).ok()?;
        Some(AtRest {
            is_encrypted: is_encrypted(&content.bytes),
            is_of_container: fs::canonicalize(&self.path).is_ok_and(|path| is_of_container(&path)),
            metadata: content.metadata,
        })
    }
}

/// `path` leads through no links.
fn is_of_container(path: &Path) -> bool {
    path.starts_with(OF_CONTAINERS)
}

// A secret where the path of its file should be is not shown.
impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = self.identity.as_deref();
        f.debug_struct("SecretFile")
            .field("path", &shown_path(self.variable, &self.path))
            .field(
                "identity",
                &identity.map(|path| shown_path(var::IDENTITY_FILE, path)),
            )
            .finish_non_exhaustive()
    }
}

/// Refuses what is encrypted: it must not be taken for the secret itself.
#[cfg(not(feature = "age"))]
fn decrypt(file: &SecretFile, _: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, Fault> {
    Err(super::small_file::useless(
        file.variable,
        &file.path,
        "is encrypted with age, and this program was built without the feature age of wa-db",
        "build it with that feature, or put the secret there as it is, for nobody else to read",
    ))
}

#[cfg(test)]
mod tests;
