//! Whether files have changed, without reading them: [`Fingerprint`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::crl;
use crate::settings::{SecretFile, TlsSettings};

/// What identifies the content of the files that [`TlsSettings`] name, and of those in the directory
/// of revocation lists: device, inode, size, change and
/// modification time of what each path leads to, so a swapped symbolic link counts.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Option<[i64; 7]>>);

impl Fingerprint {
    /// The files as they are now.
    pub(super) fn of(settings: &TlsSettings) -> Self {
        let identity = settings.identity.as_ref();
        let password = identity.and_then(|files| files.key_password_file.as_ref());
        let files: [Option<&Path>; 6] = [
            settings.ca.as_deref(),
            identity.map(|files| &*files.cert),
            identity.map(|files| &*files.key),
            password.map(SecretFile::path),
            password.and_then(SecretFile::identity),
            settings.crl.as_deref(),
        ];
        let named = files.into_iter().flatten().map(Path::to_owned);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::write_private;

    use super::*;
    use crate::settings::{Environment, Role, Settings};

    #[test]
    fn each_file_that_the_policy_is_made_of_counts() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let files = [
            ("WA_DB_SSL_CA", "ca"),
            ("WA_DB_SSL_CERT", "cert"),
            ("WA_DB_SSL_KEY", "key"),
            ("WA_DB_SSL_KEY_PASSWORD_FILE", "password"),
            ("WA_DB_IDENTITY_FILE", "identity"),
            ("WA_DB_SSL_CRL", "crl"),
        ];
        let mut pairs = vec![
            ("WA_DB_ENGINE", "PGSQL".to_owned()),
            ("WA_DB_HOSTNAME", "db.lab".to_owned()),
            ("WA_DB_USERNAME", "app".to_owned()),
        ];
        for (variable, name) in files {
            write_private(&at(name), name);
            pairs.push((variable, at(name).display().to_string()));
        }
        let environment = Environment::from_pairs(pairs);
        let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
        let mut before = Fingerprint::of(settings.tls());
        assert!(before == Fingerprint::of(settings.tls()));
        for (variable, name) in files {
            write_private(&at(name), "replaced");
            let after = Fingerprint::of(settings.tls());
            assert!(before != after, "{variable}");
            before = after;
        }
    }
}
