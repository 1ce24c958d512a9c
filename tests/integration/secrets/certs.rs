//! What `wa-db certs` prints of the keys it makes and reads.

use std::fs;
use std::path::Path;

use wa_db_lab::pki::{Ca, Leaf, write_file};

use super::canary::Canaries;
use crate::support::{Variables, text, wa_db, with};

/// The body of every key in a directory, as canaries.
fn keys_of(directory: &Path, mut canaries: Canaries) -> Canaries {
    let mut seen = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "key") {
            continue;
        }
        seen += 1;
        let pem = fs::read_to_string(&path).unwrap();
        // The first line says only what kind of key it is, and the last holds the public half.
        let body: Vec<_> = pem.lines().filter(|line| !line.contains("-----")).collect();
        canaries = canaries.text("a private key", &body[0][body[0].len() - 16..]);
    }
    assert!(seen > 0, "no key in {}", directory.display());
    canaries
}

#[test]
fn no_key_is_printed_however_loud_the_command_is_and_whether_it_succeeds_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let dir = text(directory.path());
    let path = |name: &str| text(&directory.path().join(name)).to_owned();
    let (db, app, key) = (path("db.lab.pem"), path("app.pem"), path("app.key"));
    let loud = with(
        &Variables::new(),
        [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")],
    );
    let mut printed = String::new();
    let mut canaries = Canaries::default();
    for (words, code) in [
        (&["init", "--dir", dir][..], 0),
        (&["init", "--dir", dir], 10),
        (&["issue", "server", "--dir", dir, "--name", "db.lab"], 0),
        (&["issue", "server", "--dir", dir, "--name", "db.lab"], 10),
        (
            &[
                "issue",
                "client",
                "--dir",
                dir,
                "--name",
                "app",
                "--key-type",
                "rsa-3072",
            ],
            0,
        ),
        (&["show", &db, &app, &key], 0),
        (&["show", "--format", "json", &db, &key], 0),
        (&["check", dir], 0),
        (&["check", dir, "--format", "json"], 0),
        (&["renew", "--dir", dir, &db], 0),
        (&["renew", "--dir", dir, "--new-key", &app], 0),
        (&["renew", "--dir", dir, &key], 10),
        (&["show", &key, "/no/such/file"], 10),
        (&["init", "--dir", dir, "--force"], 0),
        (&["check", dir], 10),
        (&["renew", "--dir", dir, "--new-key", &app], 10),
        (
            &["issue", "client", "--dir", dir, "--name", "app", "--force"],
            0,
        ),
    ] {
        let arguments: Vec<_> = ["certs"].iter().chain(words).copied().collect();
        let outcome = wa_db(&arguments, &loud);
        assert_eq!(outcome.code, code, "{words:?}: {outcome:?}");
        printed += &(outcome.stdout + &outcome.stderr);
        // Keys come and go: each is looked for in all that was and will be printed.
        canaries = keys_of(directory.path(), canaries);
    }
    canaries.absent_from("wa-db certs", printed.as_bytes());
}

#[test]
fn no_key_is_printed_that_stands_where_something_else_should() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::root("root");
    let leaf = ca.issue(&Leaf::client().cn("app"));
    let canaries = Canaries::default().key(leaf.key()).key(ca.key());
    for (name, content) in [
        ("ca.pem", leaf.key_pem()),
        ("ca.key", ca.as_issued().key_pem()),
        (
            "app.pem",
            leaf.key_pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
        (
            "half.key",
            leaf.key_pem()[..leaf.key_pem().len() / 2].to_owned(),
        ),
    ] {
        write_file(&directory.path().join(name), content);
    }
    let dir = text(directory.path());
    let path = |name: &str| text(&directory.path().join(name)).to_owned();
    for words in [
        &["check", dir][..],
        &["check", dir, "--format", "json"],
        &[
            "show",
            &path("ca.pem"),
            &path("app.pem"),
            &path("half.key"),
            "--format",
            "json",
        ],
        &["show", &path("ca.pem"), &path("app.pem"), &path("half.key")],
        &["issue", "client", "--dir", dir, "--name", "app", "--force"],
        &["renew", "--dir", dir, "--new-key", &path("app.pem")],
    ] {
        let arguments: Vec<_> = ["certs"].iter().chain(words).copied().collect();
        let outcome = wa_db(
            &arguments,
            &with(&Variables::new(), [("RUST_LOG", "trace")]),
        );
        assert_eq!(outcome.code, 10, "{words:?}: {outcome:?}");
        canaries.absent_from(
            &format!("{words:?}"),
            (outcome.stdout + &outcome.stderr).as_bytes(),
        );
    }
}
