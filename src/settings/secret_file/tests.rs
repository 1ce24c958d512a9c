#![allow(clippy::unwrap_used)]

use super::*;
use crate::code::ErrorCode;

const SECRET: &str = "c4n4ry-hunter2";

/// A directory for the two files.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The secret's file with this content, and the path of an identity file.
    fn secret(&self, content: impl AsRef<[u8]>, identity: Option<&str>) -> SecretFile {
        let path = self.path("secret");
        wa_db_lab::pki::write_private(&path, content);
        SecretFile::password(path, identity.map(|name| self.path(name)))
    }
}

#[test]
fn one_newline_at_the_end_is_not_part_of_the_secret_and_an_empty_file_is_an_empty_secret() {
    let files = Files::new();
    for (content, expected) in [
        ("x", "x"),
        ("x\n", "x"),
        ("x\r\n", "x"),
        ("x\n\n", "x\n"),
        ("", ""),
        ("\n", ""),
        ("age", "age"),
        ("-----BEGIN", "-----BEGIN"),
    ] {
        let secret = files.secret(content, None).read().unwrap();
        assert_eq!(secret.expose(), expected, "{content:?}");
    }
}

#[test]
fn what_is_encrypted_is_told_by_how_it_begins() {
    for (content, expected) in [
        ("age-encryption.org/v1\n-> X25519 x", true),
        ("age-encryption.org/v9\n", true),
        ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", true),
        ("\r\n\t -----BEGIN AGE ENCRYPTED FILE-----\n", true),
        ("\u{feff}-----BEGIN AGE ENCRYPTED FILE-----\n", true),
        ("age-encryption", false),
        ("-----BEGIN PRIVATE KEY-----\n", false),
        ("x age-encryption.org/v1\n", false),
        ("", false),
    ] {
        assert_eq!(is_encrypted(content.as_bytes()), expected, "{content:?}");
    }
}

#[test]
fn what_does_not_look_like_a_path_is_not_shown() {
    let odd = || PathBuf::from(SECRET);
    for file in [
        SecretFile::password(odd(), Some("AGE-SECRET-KEY-1C4N4RY".into())),
        SecretFile::key_password(odd(), None),
    ] {
        let shown = format!("{file:?} {file:#?} {:?}", file.read().unwrap_err());
        assert!(
            !shown.contains(SECRET) && !shown.contains("C4N4RY"),
            "{shown}"
        );
    }
}

#[cfg(not(feature = "age"))]
#[test]
fn without_the_feature_an_encrypted_file_is_refused_and_says_so() {
    let files = Files::new();
    let file = files.secret("age-encryption.org/v1\n-> X25519 x\n", Some("identity"));
    let fault = file.read().unwrap_err();
    assert_eq!(fault.code, ErrorCode::FileUnreadable);
    assert_eq!(fault.variable, "WA_DB_PASSWORD_FILE");
    assert!(
        fault.message.contains("without the feature age"),
        "{fault:?}"
    );
}

#[cfg(feature = "age")]
mod encrypted;

#[test]
fn containers_have_their_secrets_in_one_directory_and_below() {
    for (path, expected) in [
        ("/run/secrets/password", true),
        ("/run/secrets/wa-db/..2026_11_22/password", true),
        ("/run/secrets-of-others/password", false),
        ("/run/password", false),
        ("/srv/run/secrets/password", false),
    ] {
        assert_eq!(is_of_container(Path::new(path)), expected, "{path}");
    }
}
