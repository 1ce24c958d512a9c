//! What keeps a tunnel from starting, and how it ends.

use std::time::Instant;

use wa_db_lab::pki::{Ca, Leaf, write_file, write_private};

use super::running::{AT_ONCE, Tunnel};
use crate::support::{Variables, text, wa_db, with};

/// Settings of a server that nobody needs: nothing is dialled before a client comes.
pub(super) fn nowhere() -> Variables {
    [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", "1"),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", "canary-password-5a1c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[track_caller]
fn assert_refused(arguments: &[&str], variables: &Variables, code: i32, words: &[&str]) {
    let outcome = wa_db(&[&["tunnel"], arguments].concat(), variables);
    assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
    for word in words {
        assert!(
            outcome.stderr.contains(word),
            "{arguments:?}: no {word}: {outcome:?}"
        );
    }
    assert!(!outcome.stderr.contains("canary"), "{outcome:?}");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn tunnel_refuses_to_be_reached_from_elsewhere_without_tls_and_a_list_of_clients() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let arguments = ["--role", "webapp", "--listen", address];
        let words = ["--tls-cert", "--tls-key", "WA_DB_TUNNEL_ALLOWED_CLIENTS"];
        assert_refused(&arguments, &nowhere(), 10, &words);
    }
    let allowed = with(&nowhere(), [("WA_DB_TUNNEL_ALLOWED_CLIENTS", "10.0.0.0/8")]);
    assert_refused(
        &["--role", "webapp", "--listen", "0.0.0.0:0"],
        &allowed,
        10,
        &["--tls-cert"],
    );
    let admin = [
        "--role",
        "webapp",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "0.0.0.0:0",
    ];
    assert_refused(&admin, &nowhere(), 10, &["--admin"]);
}

#[test]
fn tunnel_refuses_to_inject_for_clients_that_it_does_not_know() {
    let arguments = ["--role", "webapp", "--listen", "127.0.0.1:0", "--inject"];
    assert_refused(&arguments, &nowhere(), 10, &["--inject", "unix:"]);
}

#[test]
fn tunnel_is_for_one_role() {
    assert_refused(&[], &nowhere(), 2, &["--role"]);
    assert_refused(&["--role", "both"], &nowhere(), 2, &["both"]);
    let both = with(&nowhere(), [("WA_DB_ROLE", "both")]);
    assert_refused(&[], &both, 2, &["--role"]);
}

#[test]
fn settings_and_files_that_cannot_be_used_are_said_at_the_start() {
    let none = Variables::new();
    assert_refused(
        &["--role", "webapp"],
        &none,
        10,
        &["WA_DB_ENGINE", "WA_DB_HOSTNAME"],
    );
    let missing = with(&nowhere(), [("WA_DB_SSL_CA", "/no/such/ca.pem")]);
    assert_refused(&["--role", "webapp"], &missing, 10, &["WA_DB_SSL_CA"]);
    let required = with(&nowhere(), [("WA_DB_CHANNEL_BINDING", "require")]);
    assert_refused(
        &["--role", "webapp"],
        &required,
        10,
        &["WA_DB_CHANNEL_BINDING", "--inject"],
    );
    let socket = with(&nowhere(), [("WA_DB_HOSTNAME", "/run/postgresql")]);
    assert_refused(&["--role", "webapp"], &socket, 10, &["WA_DB_HOSTNAME"]);
}

#[test]
fn listeners_certificate_files_are_held_to_the_same_rules() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::root("root of the listener");
    let issued = ca.issue(&Leaf::server().cn("tunnel").ip("127.0.0.1"));
    let path = |name: &str| directory.path().join(name);
    write_file(&path("cert.pem"), issued.chain_pem());
    write_private(&path("key.pem"), issued.key_pem());
    write_file(&path("open.pem"), issued.key_pem());
    write_private(
        &path("other.pem"),
        ca.issue(&Leaf::server().cn("other")).key_pem(),
    );
    write_file(&path("none.pem"), "nothing");
    let root_first = ca.cert_pem() + &issued.cert_pem();
    write_file(&path("root-first.pem"), root_first);
    for (cert, key, words) in [
        ("cert.pem", "missing.pem", &["--tls-key", "missing.pem"][..]),
        ("cert.pem", "open.pem", &["--tls-key", "chmod"]),
        (
            "cert.pem",
            "other.pem",
            &["--tls-key does not belong to the certificate in --tls-cert (CN=tunnel)"],
        ),
        (
            "root-first.pem",
            "key.pem",
            &["--tls-key belongs to another certificate of --tls-cert than the first"],
        ),
        ("none.pem", "none.pem", &["--tls-cert", "no certificate"]),
    ] {
        let [cert, key] = [path(cert), path(key)];
        let arguments = [
            "--role",
            "webapp",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            text(&cert),
            "--tls-key",
            text(&key),
        ];
        assert_refused(&arguments, &nowhere(), 10, words);
    }
    let cert = path("cert.pem");
    assert_refused(
        &["--role", "webapp", "--tls-cert", text(&cert)],
        &nowhere(),
        2,
        &["--tls-key"],
    );
}

#[test]
fn place_that_is_taken_is_named() {
    let mut tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &nowhere());
    let place = format!("127.0.0.1:{}", tunnel.port());
    assert_refused(
        &["--role", "webapp", "--listen", &place],
        &nowhere(),
        10,
        &["--listen", &place],
    );
    assert!(tunnel.ended().is_none());

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let place = format!("unix:{}", path.display());
    let mut living = Tunnel::start(&["--listen", &place], &nowhere());
    assert_refused(
        &["--role", "webapp", "--listen", &place],
        &nowhere(),
        10,
        &["another process"],
    );
    // Killed, it leaves its socket behind, and the next one takes it over.
    living.signal(rustix::process::Signal::KILL);
    living.wait();
    assert!(path.exists());
    let mut next = Tunnel::start(&["--listen", &place], &nowhere());
    next.signal(rustix::process::Signal::TERM);
    assert_eq!(next.wait().code(), Some(0));
    assert!(!path.exists(), "a socket is removed at the end");
}

#[test]
fn signal_ends_an_idle_tunnel_at_once_with_exit_code_0() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let mut tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &nowhere());
        let start = Instant::now();
        tunnel.signal(signal);
        assert_eq!(tunnel.wait().code(), Some(0), "{}", tunnel.log());
        assert!(start.elapsed() < AT_ONCE, "{}", tunnel.log());
    }
}

#[test]
fn hint_fits_what_is_wrong_with_a_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "content").unwrap();
    let in_file = format!("unix:{}/socket", file.display());
    let missing = format!("unix:{}/none/socket", directory.path().display());
    let file = format!("unix:{}", file.display());
    for (place, hint) in [
        (missing.as_str(), "make the directory"),
        (&file, "look at what is there"),
        (&in_file, "name another path"),
        ("192.0.2.1:0", "--tls-cert"),
    ] {
        let arguments = ["--role", "webapp", "--listen", place];
        assert_refused(&arguments, &nowhere(), 10, &[hint]);
    }
    let uid = ["--role", "webapp", "--client-uid", "33"];
    assert_refused(&uid, &nowhere(), 10, &["--listen unix:/path"]);
    for (flag, value, words) in [
        ("--client-uid", "www-data", "id -u www-data"),
        ("--admin", "9187", "127.0.0.1:9187"),
    ] {
        let arguments = ["--role", "webapp", flag, value];
        assert_refused(&arguments, &nowhere(), 2, &[words]);
    }
}
