//! What keeps a monitor from starting, and how it ends.

use rustix::process::Signal;

use super::access::nowhere;
use super::running::Monitor;
use crate::support::{Variables, wa_db, with};

#[track_caller]
fn refused(arguments: &[&str], variables: &Variables, code: i32, said: &[&str]) {
    let arguments = [&["monitor"], arguments].concat();
    let outcome = wa_db(&arguments, variables);
    assert_eq!(outcome.code, code, "{outcome:?}");
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    for word in said {
        assert!(outcome.stderr.contains(word), "{word}: {outcome:?}");
    }
    assert!(!outcome.stderr.contains("canary-password"), "{outcome:?}");
}

#[test]
fn what_cannot_be_used_keeps_it_from_starting_with_the_name_of_what_to_change() {
    let loopback = ["--admin", "127.0.0.1:0"];
    refused(&[], &nowhere(), 2, &["--admin"]);
    refused(
        &["--admin", "127.0.0.1:0", "--interval", "10ms"],
        &nowhere(),
        2,
        &["1s to 24h"],
    );
    let odd = with(&nowhere(), [("WA_DB_PORT", "http")]);
    refused(&loopback, &odd, 10, &["WA_DB_PORT"]);
    refused(
        &["--admin", "0.0.0.0:0"],
        &nowhere(),
        10,
        &["--tls-cert", "WA_DB_TUNNEL_ALLOWED_CLIENTS"],
    );
    refused(
        &[
            "--admin",
            "127.0.0.1:0",
            "--tls-cert",
            "/no",
            "--tls-key",
            "/no",
        ],
        &nowhere(),
        10,
        &["--tls-cert: ", "--tls-key: "],
    );
    refused(
        &["--admin", "127.0.0.1:0", "--suppressions", "/no/such/file"],
        &nowhere(),
        10,
        &["--suppressions"],
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    refused(&["--admin", &taken], &nowhere(), 10, &["--admin", "listen"]);
}

#[test]
fn fault_of_both_roles_is_told_once() {
    let odd = with(&nowhere(), [("WA_DB_PORT", "http")]);
    let outcome = wa_db(&["monitor", "--admin", "127.0.0.1:0"], &odd);
    assert_eq!(outcome.stderr.matches("error: ").count(), 1, "{outcome:?}");
}

#[test]
fn signal_ends_it_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut monitor = Monitor::start("both", &[], &nowhere());
        monitor.signal(signal);
        assert_eq!(monitor.wait().code(), Some(0));
        assert!(monitor.log().contains("ended"), "{}", monitor.log());
        assert!(!monitor.log().contains("canary-password"));
        let line = std::fs::read(format!("/proc/{}/cmdline", monitor.pid()));
        assert!(line.is_err(), "it is gone");
    }
}
