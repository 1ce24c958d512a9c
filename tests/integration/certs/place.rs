//! A directory of certificates, and the `openssl` program to look at them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wa_db_lab::pki::{Issued, write_file, write_private};
use wa_db_lab::run::{Finished, finish};

use crate::support::{Outcome, Variables, text, wa_db};

/// A directory for a CA and what it issues, gone when dropped.
pub(super) struct Place(TempDir);

impl Place {
    /// One with nothing in it.
    pub(super) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with a CA in it that was made by these further words.
    pub(super) fn with_ca(words: &[&str]) -> Self {
        let place = Self::empty();
        let outcome = place.certs("init", words);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        place
    }

    /// One with the CA of the lab in it.
    pub(super) fn of(ca: &Issued) -> Self {
        let place = Self::empty();
        write_file(&place.path("ca.pem"), ca.chain_pem());
        write_private(&place.path("ca.key"), ca.key_pem());
        place
    }

    pub(super) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `wa-db certs COMMAND --dir DIR` with further words.
    pub(super) fn certs(&self, command: &str, words: &[&str]) -> Outcome {
        let mut arguments = vec!["certs"];
        arguments.extend(command.split(' '));
        arguments.extend(["--dir", text(self.dir())]);
        arguments.extend(words);
        wa_db(&arguments, &Variables::new())
    }

    /// The same where it must succeed.
    pub(super) fn make(&self, command: &str, words: &[&str]) -> Outcome {
        let outcome = self.certs(command, words);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome
    }

    /// `wa-db certs check` of it.
    pub(super) fn check(&self, words: &[&str]) -> Outcome {
        let mut arguments = vec!["certs", "check", text(self.dir())];
        arguments.extend(words);
        wa_db(&arguments, &Variables::new())
    }

    /// What `wa-db certs show` says of the first certificate of a file.
    pub(super) fn shown(&self, name: &str) -> Value {
        let path = self.path(name);
        let outcome = wa_db(
            &["certs", "show", "--format", "json", text(&path)],
            &Variables::new(),
        );
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.json()["files"][0]["certificates"][0].clone()
    }

    /// The days that a certificate has left. The last second of a day may pass while a test runs.
    pub(super) fn has_days_left(&self, name: &str, days: i64) -> bool {
        let left = self.shown(name)["days_left"].as_i64().unwrap();
        left == days || left == days - 1
    }

    /// The names of its files.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What its files hold.
    pub(super) fn content(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.names().into_iter();
        names
            .map(|name| (name.clone(), fs::read(self.path(&name)).unwrap()))
            .collect()
    }

    pub(super) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().mode() & 0o777
    }

    /// Whether `openssl verify` takes a certificate of this place by its CA, held to these words.
    pub(super) fn verifies(&self, name: &str, words: &[&str]) -> bool {
        let (ca, leaf) = (self.path("ca.pem"), self.path(name));
        let mut arguments = vec!["verify", "-x509_strict", "-CAfile", text(&ca)];
        arguments.extend(words);
        arguments.push(text(&leaf));
        openssl(&arguments).code == Some(0)
    }

    /// Whether `openssl verify` takes a certificate for a name that `openssl` signs with the CA's key,
    /// which asks nobody whether it may.
    pub(super) fn verifies_signed_elsewhere(&self, name: &str) -> bool {
        let elsewhere = tempfile::tempdir().unwrap();
        let in_it = |name: &str| elsewhere.path().join(name);
        let (config, leaf, leaf_key) = (in_it("config"), in_it("leaf.pem"), in_it("leaf.key"));
        let kind = if name.parse::<std::net::IpAddr>().is_ok() {
            "IP"
        } else {
            "DNS"
        };
        let content = format!(
            "[req]\nprompt=no\ndistinguished_name=subject\nx509_extensions=leaf\n[subject]\nO=elsewhere\n\
             [leaf]\nsubjectAltName={kind}:{name}\n"
        );
        write_file(&config, content);
        let (ca, key) = (self.path("ca.pem"), self.path("ca.key"));
        let mut arguments = vec!["req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"];
        arguments.extend([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-config",
            text(&config),
        ]);
        arguments.extend(["-CA", text(&ca), "-CAkey", text(&key)]);
        arguments.extend(["-keyout", text(&leaf_key), "-out", text(&leaf)]);
        let signed = openssl(&arguments);
        assert_eq!(signed.code, Some(0), "{signed:?}");
        openssl(&["verify", "-CAfile", text(&ca), text(&leaf)]).code == Some(0)
    }

    /// `openssl x509 -text` of a certificate.
    pub(super) fn text(&self, name: &str) -> String {
        let path = self.path(name);
        let finished = openssl(&["x509", "-in", text(&path), "-noout", "-text"]);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.stdout
    }

    /// Whether `openssl` finds the same public key in a certificate and a key.
    pub(super) fn belong_together(&self, certificate: &str, key: &str) -> bool {
        let (certificate, key) = (self.path(certificate), self.path(key));
        let of_certificate = openssl(&["x509", "-in", text(&certificate), "-noout", "-pubkey"]);
        let of_key = openssl(&["pkey", "-in", text(&key), "-pubout"]);
        assert!(of_key.stdout.contains("PUBLIC KEY"), "{of_key:?}");
        of_certificate.stdout == of_key.stdout
    }
}

pub(super) fn openssl(arguments: &[&str]) -> Finished {
    let mut command = Command::new("openssl");
    finish(command.args(arguments), "", Duration::from_secs(30)).unwrap()
}
