//! Whether files have changed, without reading them: [`Fingerprint`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::crl;
use crate::settings::TlsSettings;

/// What identifies the content of the files that [`TlsSettings`] name, and of those in the directory
/// of revocation lists: device, inode, size, change and
/// modification time of what each path leads to, so a swapped symbolic link counts.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Option<[i64; 7]>>);

impl Fingerprint {
    /// The files as they are now.
    pub(super) fn of(settings: &TlsSettings) -> Self {
        let identity = settings.identity.as_ref();
        let files: [Option<&PathBuf>; 5] = [
            settings.ca.as_ref(),
            identity.map(|files| &files.cert),
            identity.map(|files| &files.key),
            identity.and_then(|files| files.key_password_file.as_ref()),
            settings.crl.as_ref(),
        ];
        let named = files.into_iter().flatten().cloned();
        let lists = settings.crl.as_deref().map(crl::names);
        // Where there is no directory, the path is a file, or missing, and told apart as such.
        let mut lists = lists.and_then(Result::ok).unwrap_or_default();
        lists.sort();
        Self(named.chain(lists).map(|path| identify(&path)).collect())
    }
}

fn identify(path: &Path) -> Option<[i64; 7]> {
    let file = fs::metadata(path).ok()?;
    Some([
        file.dev().cast_signed(),
        file.ino().cast_signed(),
        file.size().cast_signed(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ])
}
