//! Pins of keys, requests and certificates in files, without any server.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use wa_db_lab::age::{Form, Identity, encrypt};
use wa_db_lab::pki::{Ca, Key, KeyKind, Leaf, write_file, write_private};

use super::openssl::{pin_of_certificate, pin_of_key, piped, request};
use crate::support::{Outcome, Variables, text, wa_db, with};

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn private(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        write_private(&path, content);
        path
    }

    fn open(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        write_file(&path, content);
        path
    }
}

/// `wa-db pins` of a file, in an environment without any variable.
fn pins(flag: &str, file: &Path) -> Outcome {
    wa_db(&["pins", flag, text(file)], &Variables::new())
}

#[test]
fn a_key_in_any_form_has_the_pin_that_openssl_computes_and_it_stands_alone_on_stdout() {
    let files = Files::new();
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048, KeyKind::Ed25519] {
        let key = Key::generate(kind);
        let pem = files.private("key.pem", key.pkcs8_pem());
        let expected = format!("{}\n", pin_of_key(&pem));
        let public = piped(&["pkey", "-pubout"], key.pkcs8_pem().as_bytes());
        let mut forms = vec![
            pem,
            files.private("key.der", key.pkcs8_der()),
            files.open("public.pem", public),
        ];
        if kind != KeyKind::Ed25519 {
            forms.push(files.private("traditional.pem", key.traditional_pem()));
            forms.push(files.private("traditional.der", key.traditional_der()));
        }
        for form in forms {
            let outcome = pins("--from-key", &form);
            let shown = (outcome.code, &*outcome.stdout, &*outcome.stderr);
            assert_eq!(shown, (0, &*expected, ""), "{}", form.display());
        }
    }
}

#[test]
fn an_encrypted_key_is_opened_by_its_password_file_and_by_nothing_else() {
    let files = Files::new();
    let key = Key::generate(KeyKind::EcP256);
    let plain = files.private("plain.pem", key.pkcs8_pem());
    let encrypted = files.private("key.pem", key.encrypted_pkcs8_pem("canary-71b3"));
    let right = files.private("right", "canary-71b3\n");
    let wrong = files.private("wrong", "canary-0000\n");
    let none = Variables::new();
    for (password, code, part) in [
        (Some(&right), 0, ""),
        (Some(&wrong), 10, "WA_DB_SSL_KEY_PASSWORD_FILE"),
        (None, 10, "WA_DB_SSL_KEY_PASSWORD_FILE is not set"),
    ] {
        let named = password.map_or("", |path| text(path));
        let variables = with(&none, [("WA_DB_SSL_KEY_PASSWORD_FILE", named)]);
        let outcome = wa_db(&["pins", "--from-key", text(&encrypted)], &variables);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stderr.contains(part), "{outcome:?}");
        let found = if code == 0 {
            pin_of_key(&plain)
        } else {
            String::new()
        };
        assert_eq!(outcome.stdout.trim_end(), found);
        assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
    }
}

#[test]
fn a_password_file_that_is_encrypted_itself_is_opened_by_the_identity() {
    let files = Files::new();
    let key = Key::generate(KeyKind::EcP256);
    let plain = files.private("plain.pem", key.pkcs8_pem());
    let encrypted = files.private("key.pem", key.encrypted_pkcs8_pem("canary-71b3"));
    let [right, wrong] = [(); 2].map(|()| Identity::generate());
    let password = encrypt(Form::Armored, &[&right], "canary-71b3\n");
    let password = files.open("password", password);
    let right = files.private("right", right.file());
    let wrong = files.private("wrong", wrong.file());
    for (identity, code) in [(Some(&right), 0), (Some(&wrong), 10), (None, 10)] {
        let named = identity.map_or("", |path| text(path));
        let variables = [
            ("WA_DB_SSL_KEY_PASSWORD_FILE", text(&password)),
            ("WA_DB_IDENTITY_FILE", named),
        ];
        let variables = with(&Variables::new(), variables);
        let outcome = wa_db(&["pins", "--from-key", text(&encrypted)], &variables);
        assert_eq!(outcome.code, code, "{outcome:?}");
        let named = outcome.stderr.contains("WA_DB_IDENTITY_FILE");
        assert_eq!(named, code == 10, "{outcome:?}");
        if code == 0 {
            assert_eq!(outcome.stdout.trim_end(), pin_of_key(&plain));
        }
    }
}

#[test]
fn a_key_that_others_can_read_is_warned_of_and_its_pin_printed() {
    let files = Files::new();
    let key = files.open("key.pem", Key::generate(KeyKind::EcP256).pkcs8_pem());
    let outcome = pins("--from-key", &key);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stdout.trim_end(), pin_of_key(&key));
    for part in ["warning: --from-key", "can be read by others", "chmod"] {
        assert!(outcome.stderr.contains(part), "{outcome:?}");
    }
}

#[test]
fn a_request_has_the_pin_of_its_key() {
    let files = Files::new();
    let key = files.private("key.pem", Key::generate(KeyKind::EcP384).pkcs8_pem());
    let pem = request(&key, "/CN=db.lab");
    let der = piped(&["req", "-outform", "der"], &pem);
    for form in [files.open("pem", pem), files.open("der", der)] {
        let outcome = pins("--from-csr", &form);
        let shown = (outcome.code, outcome.stdout.trim_end(), &*outcome.stderr);
        assert_eq!(shown, (0, &*pin_of_key(&key), ""));
    }
}

#[test]
fn each_certificate_of_a_file_has_its_pin_with_the_subject_where_there_are_several() {
    let files = Files::new();
    let ca = Ca::root("files root");
    let leaf = ca.issue(&Leaf::server().cn("db\u{1b}[31m.lab"));
    let alone = pin_of_certificate(leaf.cert_der());
    for form in [
        files.open("leaf.pem", leaf.cert_pem()),
        files.open("leaf.der", leaf.cert_der()),
    ] {
        assert_eq!(pins("--from-cert", &form).stdout, format!("{alone}\n"));
    }
    let bundle = files.open("both.pem", leaf.cert_pem() + &ca.cert_pem());
    let outcome = pins("--from-cert", &bundle);
    let root = pin_of_certificate(ca.cert_der());
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{outcome:?}");
    assert!(
        lines[0].starts_with(&format!("{alone}  CN=db")),
        "{lines:?}"
    );
    assert_eq!(lines[1], format!("{root}  CN=files root"));
    assert!(!outcome.stdout.contains('\u{1b}'), "{outcome:?}");
}

#[test]
fn a_file_of_another_kind_or_none_is_a_fault_of_the_settings() {
    let files = Files::new();
    let issued = Ca::root("files root").issue(&Leaf::server().cn("db.lab"));
    let certificate = files.open("certificate", issued.cert_pem());
    let key = files.private("key", issued.key_pem());
    let garbage = files.open("garbage", "garbage");
    let missing = files.0.path().join("missing");
    for flag in ["--from-key", "--from-csr", "--from-cert"] {
        for file in [&certificate, &key, &garbage, &missing] {
            let fits = (flag == "--from-key" && *file == key)
                || (flag == "--from-cert" && *file == certificate);
            if fits {
                continue;
            }
            let outcome = pins(flag, file);
            assert_eq!((outcome.code, &*outcome.stdout), (10, ""), "{outcome:?}");
            assert!(
                outcome.stderr.starts_with(&format!("error: {flag}: ")),
                "{outcome:?}"
            );
            assert!(outcome.stderr.contains("hint:"), "{outcome:?}");
        }
    }
}

#[test]
fn json_has_the_pins_or_the_error() {
    let files = Files::new();
    let issued = Ca::root("files root").issue(&Leaf::server().cn("db.lab"));
    let certificate = files.open("certificate", issued.cert_pem());
    let arguments = |file| ["pins", "--format", "json", "--from-cert", file];
    let outcome = wa_db(&arguments(text(&certificate)), &Variables::new());
    let pin = pin_of_certificate(issued.cert_der());
    let expected = json!({
        "version": 1, "ok": true, "exit_code": 0,
        "pins": [{"pin": pin, "subject": "CN=db.lab"}],
        "error": null,
    });
    assert_eq!(outcome.json(), expected);
    let missing = files.0.path().join("missing");
    let outcome = wa_db(&arguments(text(&missing)), &Variables::new());
    let found = outcome.json();
    assert_eq!((outcome.code, &*outcome.stderr), (10, ""));
    assert_eq!(found["exit_code"], 10);
    assert_eq!(found["error"]["code"], "file_missing");
    assert_eq!(found["pins"], json!([]));
}

#[test]
fn one_source_at_a_time_and_no_role_with_a_file() {
    for flags in [
        &["--from-key", "a", "--from-cert", "b"][..],
        &["--from-csr", "a", "--role", "webapp"],
    ] {
        let arguments: Vec<_> = ["pins"].iter().chain(flags).copied().collect();
        assert_eq!(wa_db(&arguments, &Variables::new()).code, 2, "{flags:?}");
    }
}
