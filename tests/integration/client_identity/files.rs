//! Certificate and key as files: what is read, and what is refused before anything is dialled.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use wa_db_lab::pki::{Key, KeyKind};

use super::demanding::{Demanding, Files, identified};
use crate::support::{Variables, text, with};
use crate::verdict::{PASSES, both, on_each};

const PASSWORD: &str = "open sesame";

/// A key in one encoding, and whether that takes the password.
type Encoding = (&'static str, Vec<u8>, bool);

fn encodings(kind: KeyKind, key: &Key) -> Vec<Encoding> {
    let mut encodings = vec![
        ("PKCS#8 PEM", key.pkcs8_pem().into_bytes(), false),
        ("PKCS#8 DER", key.pkcs8_der(), false),
        (
            "encrypted PKCS#8 PEM",
            key.encrypted_pkcs8_pem(PASSWORD).into_bytes(),
            true,
        ),
        (
            "encrypted PKCS#8 DER",
            key.encrypted_pkcs8_der(PASSWORD),
            true,
        ),
    ];
    if kind != KeyKind::Ed25519 {
        // PKCS#1 for RSA, SEC1 for EC.
        encodings.extend([
            ("traditional PEM", key.traditional_pem().into_bytes(), false),
            ("traditional DER", key.traditional_der(), false),
            (
                "encrypted traditional PEM",
                key.encrypted_traditional_pem(PASSWORD).into_bytes(),
                true,
            ),
        ]);
    }
    encodings
}

#[test]
fn c02_key_is_read_in_every_encoding() {
    let demanding = Demanding::shared();
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
        let key = Key::generate(kind);
        let identity = demanding.intermediate().issue(&Demanding::leaf().key(&key));
        for (encoding, bytes, encrypted) in encodings(kind, &key) {
            let files = Files::of(&identity);
            let key_file = files.private("key", bytes);
            let password = files.private("password", format!("{PASSWORD}\n"));
            on_each(demanding.servers(), |server| {
                let base = demanding.base(server);
                let mut variables = identified(&base, &files.path("cert.pem"), &key_file);
                if encrypted {
                    variables = opened_by(&variables, &password);
                }
                let what = format!("{:?}, {kind:?} key as {encoding}", server.engine());
                both(&what, &variables, PASSES);
            });
        }
    }
}

#[test]
fn c02_other_keys_other_certificates_and_files_with_both_are_read_too() {
    let demanding = Demanding::shared();
    on_each(demanding.servers(), |server| {
        let base = demanding.base(server);
        for kind in [KeyKind::EcP384, KeyKind::Ed25519] {
            let leaf = Demanding::leaf().key_kind(kind);
            let files = Files::of(&demanding.intermediate().issue(&leaf));
            both(&format!("{kind:?}"), &files.identify(&base), PASSES);
        }
        let direct = demanding.ca().issue(&Demanding::leaf());
        let files = Files::of(&direct);
        let der = files.public("cert.der", direct.cert_der());
        let variables = identified(&base, &der, &files.path("key.pem"));
        both("certificate in DER", &variables, PASSES);
        let together = files.private("together.pem", direct.chain_pem() + &direct.key_pem());
        let variables = identified(&base, &together, &together);
        both("one file with both", &variables, PASSES);
    });
}

#[test]
fn c03_wrong_or_missing_key_password_stops_the_start() {
    let demanding = Demanding::shared();
    let base = demanding.base(&demanding.servers()[0]);
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
        let key = Key::generate(kind);
        let identity = demanding.intermediate().issue(&Demanding::leaf().key(&key));
        let files = Files::of(&identity);
        let wrong = files.private("wrong", "open barley\n");
        let empty = files.private("empty", "");
        for (encoding, bytes, _) in encodings(kind, &key).into_iter().filter(|row| row.2) {
            let what = format!("{kind:?} key as {encoding}");
            let key_file = files.private("key", bytes);
            let variables = identified(&base, &files.path("cert.pem"), &key_file);
            let refused = |variables: &Variables| {
                refused(
                    &what,
                    variables,
                    "key_encrypted",
                    "WA_DB_SSL_KEY_PASSWORD_FILE",
                );
            };
            refused(&variables);
            refused(&opened_by(&variables, &wrong));
            refused(&opened_by(&variables, &empty));
        }
        let key_file = files.private("key", key.encrypted_pkcs8_pem(PASSWORD));
        let variables = identified(&base, &files.path("cert.pem"), &key_file);
        let nowhere = opened_by(&variables, Path::new("/does/not/exist"));
        refused(
            "no such file",
            &nowhere,
            "file_missing",
            "WA_DB_SSL_KEY_PASSWORD_FILE",
        );
    }
}

#[test]
fn c04_key_that_others_may_read_stops_the_start() {
    let demanding = Demanding::shared();
    let server = &demanding.servers()[0];
    let files = Files::of(&demanding.good());
    let key = files.path("key.pem");
    let variables = files.identify(&demanding.base(server));
    let with_mode = |mode| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let refused_with = |mode| {
        with_mode(mode);
        refused(
            &format!("{mode:o}"),
            &variables,
            "key_permissions",
            "WA_DB_SSL_KEY",
        );
    };
    for mode in [0o644, 0o604, 0o660, 0o620, 0o666] {
        refused_with(mode);
    }
    for mode in [0o600, 0o400] {
        with_mode(mode);
        both(&format!("{mode:o}"), &variables, PASSES);
    }
    // Root's group may read what root owns. Only root can make such a file; whoever else runs
    // this owns the file, and is refused as root is once the file is another's.
    if std::fs::metadata(&key).unwrap().uid() == 0 {
        with_mode(0o640);
        both("root's own with 640", &variables, PASSES);
        chown(&key, Some(65534), None).unwrap();
    }
    refused_with(0o640);
}

#[test]
fn c08_half_an_identity_and_pairs_that_do_not_fit_are_said_in_words() {
    let demanding = Demanding::shared();
    let base = demanding.base(&demanding.servers()[0]);
    let (good, other) = (demanding.good(), demanding.good());
    let files = Files::of(&good);
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let other_key = files.private("other.key", other.key_pem());
    let root_first = demanding.intermediate().cert_pem() + &good.cert_pem();
    let root_first = files.public("upside-down.pem", root_first);
    let garbage = files.private("garbage", "no such thing\n");
    let cert_der = files.public("cert.der", good.cert_der());
    let key_der = files.private("key.der", good.key().pkcs8_der());
    let expired = demanding.intermediate().issue(&Demanding::leaf().expired());
    let expired_files = Files::of(&expired);
    let unset = Path::new("");
    for (what, cert, key, code, words) in [
        (
            "no certificate",
            unset,
            &*key,
            "variable_missing",
            "WA_DB_SSL_CERT",
        ),
        ("no key", &*cert, unset, "variable_missing", "WA_DB_SSL_KEY"),
        (
            "another's key",
            &cert,
            &other_key,
            "key_mismatch",
            "does not belong",
        ),
        (
            "not the first",
            &root_first,
            &key,
            "key_mismatch",
            "WA_DB_SSL_CERT",
        ),
        ("swapped", &key, &cert, "swapped_files", "swapped"),
        (
            "swapped in DER",
            &key_der,
            &cert_der,
            "swapped_files",
            "swapped",
        ),
        (
            "certificate twice",
            &cert,
            &cert,
            "certificate_invalid",
            "WA_DB_SSL_KEY",
        ),
        (
            "key twice",
            &key,
            &key,
            "certificate_invalid",
            "WA_DB_SSL_CERT",
        ),
        (
            "garbage for one",
            &garbage,
            &key,
            "certificate_invalid",
            "WA_DB_SSL_CERT",
        ),
        (
            "garbage for the other",
            &cert,
            &garbage,
            "certificate_invalid",
            "WA_DB_SSL_KEY",
        ),
        (
            "missing",
            "/does/not/exist".as_ref(),
            &key,
            "file_missing",
            "WA_DB_SSL_CERT",
        ),
        (
            "expired",
            &expired_files.path("cert.pem"),
            &expired_files.path("key.pem"),
            "certificate_invalid",
            "expired",
        ),
    ] {
        refused(what, &identified(&base, cert, key), code, words);
    }
}

/// Both ways end in the settings, with this code and these words in the message.
fn refused(what: &str, variables: &Variables, code: &'static str, words: &str) {
    let target = both(what, variables, (10, code));
    let message = target["stages"][0]["error"]["message"].to_string();
    assert!(message.contains(words), "{what}: {message}");
    assert!(!message.contains(PASSWORD), "{what}: {message}");
}

fn opened_by(variables: &Variables, password_file: &Path) -> Variables {
    with(
        variables,
        [("WA_DB_SSL_KEY_PASSWORD_FILE", text(password_file))],
    )
}
