//! The file that reports are appended to.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use wa_db_lab::server::{Engine, Server, TestServers};

use super::content::{report_file, reports};
use crate::support::{Outcome, Variables, text, wa_db, with};
use crate::verdict::trusting;

/// Variables with a host that the ordinary certificate is not for, so that there is something to
/// report without a change of the server.
fn misnamed(servers: &TestServers, server: &Server, file: &str) -> Variables {
    with(
        &trusting(server, servers.ca_file()),
        [
            ("WA_DB_SSL_SERVER_NAME", "other.lab"),
            ("WA_DB_SSL_REPORT_FILE", file),
        ],
    )
}

fn verbose(variables: &Variables) -> Outcome {
    wa_db(&["check", "--role", "webapp", "-v"], variables)
}

#[test]
fn it_is_made_for_nobody_else_and_every_run_adds_a_line() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let file = report_file(server, "mode.jsonl");
    let variables = misnamed(&servers, server, text(&file));
    for runs in 1..=2 {
        assert_eq!(verbose(&variables).code, 13);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        let reports = reports(&file);
        assert_eq!(reports.len(), runs);
        let last = &reports[runs - 1];
        assert_eq!(last["code"], "hostname_mismatch");
        assert_eq!(last["noted-hostname"], "other.lab");
        assert_eq!(last["hostname"], "127.0.0.1");
    }
}

#[test]
fn both_roles_report_each_for_itself() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let file = report_file(server, "roles.jsonl");
    let variables = misnamed(&servers, server, text(&file));
    assert_eq!(wa_db(&["check"], &variables).code, 13);
    let roles: Vec<_> = reports(&file)
        .iter()
        .map(|report| report["role"].clone())
        .collect();
    assert_eq!(roles, ["webapp", "coreapp"]);
}

#[test]
fn report_that_came_nowhere_is_warned_of_in_one_line_and_the_verdict_stands() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let good = report_file(server, "delivered.jsonl");
    let full = server.file("full.jsonl", "");
    fs::set_permissions(&full, Permissions::from_mode(0o600)).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&full)
        .and_then(|file| file.set_len(16 * 1024 * 1024))
        .unwrap();
    let file = "WA_DB_SSL_REPORT_FILE";
    for (path, role, flags, words) in [
        (text(&good), "webapp", &[][..], None),
        (
            text(&full),
            "webapp",
            &[],
            Some("a report was not delivered"),
        ),
        (
            text(&full),
            "both",
            &["-q"],
            Some("2 reports were not delivered, the last one because"),
        ),
        (
            "/no/such/directory/reports",
            "webapp",
            &["--format", "json"],
            Some("a report was not delivered"),
        ),
    ] {
        let variables = misnamed(&servers, server, path);
        let outcome = wa_db(&[&["check", "--role", role], flags].concat(), &variables);
        assert_eq!(outcome.code, 13, "{outcome:#?}");
        let lines: Vec<_> = outcome.stderr.lines().collect();
        match words {
            None => assert_eq!(lines, [""; 0]),
            Some(words) => {
                assert_eq!(lines.len(), 1, "{outcome:#?}");
                for part in ["warning:", file, words, path] {
                    assert!(lines[0].contains(part), "{outcome:#?}");
                }
            }
        }
    }
    assert_eq!(fs::metadata(&full).unwrap().len(), 16 * 1024 * 1024);
}

#[test]
fn one_that_others_can_use_or_that_is_a_link_is_left_alone_and_the_verdict_stands() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let open = server.file("open.jsonl", "kept");
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let target = server.file("target.jsonl", "kept");
    fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
    let link = report_file(server, "link.jsonl");
    symlink(&target, &link).unwrap();
    for (file, part) in [
        (text(&open), "can be read or written by others"),
        (text(&link), "cannot be written"),
        ("/no/such/directory/reports", "cannot be written"),
    ] {
        let outcome = verbose(&misnamed(&servers, server, file));
        assert_eq!(outcome.code, 13, "{outcome:?}");
        assert!(outcome.stdout.contains("hostname_mismatch"), "{outcome:?}");
        assert!(outcome.stderr.contains(part), "{file}: {outcome:?}");
    }
    for file in [&open, &target] {
        assert_eq!(fs::read_to_string(file).unwrap(), "kept");
    }
}
