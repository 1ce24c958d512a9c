//! Who can read what is written, and what happens to what is there.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wa_db_lab::run::{Finished, finish};

use super::place::Place;
use crate::support::text;

/// Runs `wa-db certs` in a shell that prepares the process in some way.
fn prepared(preparation: &str, words: &[&str]) -> Finished {
    let script = format!("{preparation}; exec \"$0\" certs \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_wa-db")])
        .args(words)
        .env_clear();
    finish(&mut command, "", Duration::from_secs(60)).unwrap()
}

#[test]
fn keys_are_their_owner_s_alone_and_certificates_everyone_s_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let place = Place::empty();
        let dir = place.path("made/certs");
        let dir = text(&dir);
        let umask = format!("umask {umask}");
        for words in [
            &["init", "--dir", dir][..],
            &["issue", "server", "--dir", dir, "--name", "db.lab"],
            &[
                "issue",
                "client",
                "--dir",
                dir,
                "--name",
                "app",
                "--out",
                &format!("{dir}/clients/app"),
            ],
            &["renew", "--new-key", &format!("{dir}/db.lab.pem")],
        ] {
            let finished = prepared(&umask, words);
            assert_eq!(finished.code, Some(0), "{umask}: {finished:?}");
        }
        for (name, mode) in [
            ("made/certs", 0o700),
            ("made/certs/clients", 0o700),
            ("made/certs/ca.key", 0o600),
            ("made/certs/ca.pem", 0o644),
            ("made/certs/db.lab.key", 0o600),
            ("made/certs/db.lab.pem", 0o644),
            ("made/certs/clients/app.key", 0o600),
            ("made/certs/clients/app.pem", 0o644),
        ] {
            assert_eq!(
                place.mode(name),
                mode,
                "{umask}: {name} {:o}",
                place.mode(name)
            );
        }
    }
}

#[test]
fn nothing_is_overwritten_unless_that_is_asked_for() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab"]);
    place.make("issue client", &["--name", "app"]);
    let before = place.content();
    let commands = [
        ("init", &[][..]),
        ("issue server", &["--name", "db.lab"]),
        ("issue client", &["--name", "app"]),
    ];
    for (command, words) in commands {
        let outcome = place.certs(command, words);
        assert_eq!((outcome.code, &*outcome.stdout), (10, ""), "{outcome:?}");
        for part in ["error: ", "already", "\nhint:  ", "--force"] {
            assert!(outcome.stderr.contains(part), "{part}: {outcome:?}");
        }
        assert_eq!(place.content(), before, "{command}");
    }
    // Half of a pair is not overwritten either, and its other half not written.
    for name in ["db.lab.key", "db.lab.pem", "ca.pem"] {
        let kept = fs::read(place.path(name)).unwrap();
        fs::remove_file(place.path(name)).unwrap();
        let command = if name == "ca.pem" {
            &commands[0]
        } else {
            &commands[1]
        };
        let outcome = place.certs(command.0, command.1);
        assert_eq!(outcome.code, 10, "{outcome:?}");
        assert!(!place.path(name).exists(), "{name}");
        fs::write(place.path(name), kept).unwrap();
    }
    fs::set_permissions(
        place.path("db.lab.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    for (command, words) in commands {
        let outcome = place.make(command, &[words, &["--force"]].concat());
        assert!(!outcome.stdout.is_empty(), "{outcome:?}");
        // They belong to whom they belonged.
        assert!(!outcome.stderr.contains("chown"), "{outcome:?}");
    }
    assert_eq!(
        place.names(),
        [
            "app.key",
            "app.pem",
            "ca.key",
            "ca.pem",
            "db.lab.key",
            "db.lab.pem"
        ]
    );
    for (name, old) in before {
        assert_ne!(fs::read(place.path(&name)).unwrap(), old, "{name}");
    }
    // Issued after it, they are of the new CA.
    for name in ["app", "db.lab"] {
        assert!(place.verifies(&format!("{name}.pem"), &[]), "{name}");
        assert!(
            place.belong_together(&format!("{name}.pem"), &format!("{name}.key")),
            "{name}"
        );
    }
}

#[test]
fn the_ca_s_own_files_are_never_those_of_a_leaf() {
    let place = Place::with_ca(&[]);
    let before = place.content();
    let elsewhere = place.path("sub/../ca");
    fs::create_dir(place.path("sub")).unwrap();
    for words in [
        &["--name", "ca", "--force"][..],
        &["--name", "app", "--force", "--out", text(&place.path("ca"))],
        &[
            "--name",
            "app",
            "--force",
            "--out",
            text(&place.path("ca.pem")),
        ],
        &["--name", "app", "--force", "--out", text(&elsewhere)],
    ] {
        let outcome = place.certs("issue client", words);
        assert_eq!(outcome.code, 10, "{outcome:?}");
        assert!(outcome.stderr.contains("is the CA's own"), "{outcome:?}");
    }
    fs::remove_dir(place.path("sub")).unwrap();
    assert_eq!(place.content(), before);
}

#[test]
fn out_is_a_directory_or_a_name_without_its_ending() {
    let place = Place::with_ca(&[]);
    fs::create_dir(place.path("there")).unwrap();
    for (out, base) in [
        ("there", "there/db.lab"),
        ("new/", "new/db.lab"),
        ("new/server", "new/server"),
        ("other/server.pem", "other/server"),
        ("dotted.name", "dotted.name"),
    ] {
        let out = format!("{}/{out}", text(place.dir()));
        place.make("issue server", &["--name", "db.lab", "--out", &out]);
        for ending in ["pem", "key"] {
            let path = place.path(&format!("{base}.{ending}"));
            assert!(path.is_file(), "{out}: {}", path.display());
        }
    }
}

/// What the disk refuses is told, and leaves everything as it was.
#[test]
fn a_write_that_fails_leaves_the_old_files_and_nothing_else() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab"]);
    let before = place.content();
    let (dir, file) = (text(place.dir()).to_owned(), place.path("db.lab.pem"));
    for words in [
        &["renew", text(&file)][..],
        &["renew", "--new-key", text(&file)],
        &[
            "issue", "server", "--dir", &dir, "--name", "db.lab", "--force",
        ],
        &["init", "--dir", &dir, "--force"],
        &["issue", "client", "--dir", &dir, "--name", "app"],
    ] {
        // No file may grow: each write fails.
        let finished = prepared("trap '' XFSZ; ulimit -f 0", words);
        assert_eq!(finished.code, Some(10), "{words:?}: {finished:?}");
        assert_eq!(place.content(), before, "{words:?}");
    }
}

/// The same where the process has no time to say a word.
#[test]
fn a_write_that_is_cut_off_leaves_the_old_files_and_what_is_left_behind_is_found() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab"]);
    let before = place.content();
    let file = place.path("db.lab.pem");
    let finished = prepared(
        "ulimit -c 0; ulimit -f 0",
        &["renew", "--new-key", text(&file)],
    );
    assert_eq!(finished.code, None, "a signal ends it: {finished:?}");
    let (left, kept): (Vec<_>, Vec<_>) = place
        .content()
        .into_iter()
        .partition(|(name, _)| name.starts_with('.'));
    assert_eq!(kept, before);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(place.mode(&left[0].0), 0o600);
    let outcome = place.check(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for part in ["warning: ", &left[0].0, "left behind", "run: rm "] {
        assert!(outcome.stdout.contains(part), "{part}: {outcome:?}");
    }
}

#[test]
fn what_cannot_be_written_is_told_with_its_reason() {
    for dir in ["/proc/no-such/certs", "/dev/null"] {
        let finished = prepared(":", &["init", "--dir", dir]);
        assert_eq!(finished.code, Some(10), "{finished:?}");
        assert!(
            finished.stderr.contains(" cannot be written: "),
            "{finished:?}"
        );
        assert!(Path::new(dir).join("ca.key").metadata().is_err());
    }
}
