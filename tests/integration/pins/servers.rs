//! Pins of what real servers present.

use serde_json::Value;
use wa_db_lab::pki::{Ca, Leaf, self_signed};
use wa_db_lab::server::{Engine, TestServers};

use super::openssl::pin_of_certificate;
use crate::support::{Outcome, Variables, wa_db, with};
use crate::verdict::{NOT_REACHED, on_each, trusting};

fn pins(role: &str, variables: &Variables) -> Outcome {
    wa_db(&["pins", "--role", role], variables)
}

fn pins_json(role: &str, variables: &Variables) -> Value {
    let arguments = ["pins", "--role", role, "--format", "json"];
    wa_db(&arguments, variables).json()
}

/// The pins of a target's chain in their order, and whether each is said to verify.
fn chain(target: &Value) -> Vec<(String, bool)> {
    let chain = target["chain"].as_array().unwrap();
    let of = |seen: &Value| {
        let pin = seen["pin"].as_str().unwrap().to_owned();
        (pin, seen["verified"].as_bool().unwrap())
    };
    chain.iter().map(of).collect()
}

#[test]
fn chain_of_every_engine_is_printed_from_leaf_to_root_with_the_pins_that_openssl_computes() {
    let servers = TestServers::exclusive();
    let intermediate = servers.ca().intermediate("wa-db lab intermediate");
    let presented = intermediate.issue(&TestServers::leaf());
    on_each(servers.all(), |server| {
        server.present(&presented);
        let variables = trusting(server, servers.ca_file());
        let sent = server.served_chain().unwrap();
        assert_eq!(sent.len(), 2);
        let mut expected: Vec<_> = sent.iter().map(|der| pin_of_certificate(der)).collect();
        expected.push(pin_of_certificate(servers.ca().cert_der()));

        let outcome = pins("webapp", &variables);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let lines: Vec<_> = outcome.stdout.lines().collect();
        assert_eq!(lines.len(), 6, "{outcome:?}");
        assert!(lines[0].starts_with("webapp -> "), "{outcome:?}");
        for (line, pin) in lines[1..4].iter().zip(&expected) {
            assert!(line.starts_with(&format!("  {pin}  verified")), "{line}");
        }
        assert!(lines[3].contains("not sent"), "{outcome:?}");
        assert!(lines[3].ends_with("CN=wa-db lab root"), "{outcome:?}");
        assert_eq!(lines[5], format!("WA_DB_SSL_PINS={}", expected[0]));
        for part in ["note: ", "backup.key", "wa-db pins --from-key"] {
            assert!(outcome.stderr.contains(part), "{outcome:?}");
        }
        assert!(!outcome.stderr.contains("warning"), "{outcome:?}");

        let report = pins_json("webapp", &variables);
        let target = &report["targets"][0];
        assert_eq!(report["ok"], true);
        assert_eq!(target["error"], Value::Null);
        let expected: Vec<_> = expected.into_iter().map(|pin| (pin, true)).collect();
        assert_eq!(chain(target), expected);
    });
}

#[test]
fn line_that_is_printed_pins_the_server_when_it_is_put_into_the_environment() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let variables = trusting(servers.of(engine), servers.ca_file());
        let outcome = pins("webapp", &variables);
        let line = outcome.stdout.lines().last().unwrap();
        let (name, pin) = line.split_once('=').unwrap();
        assert_eq!(name, "WA_DB_SSL_PINS");
        let explained = wa_db(
            &["explain", "--role", "webapp"],
            &with(&variables, [(name, pin)]),
        );
        assert_eq!(explained.code, 0, "{explained:?}");
        assert!(explained.stdout.contains(pin), "{explained:?}");
    }
}

#[test]
fn pins_that_are_set_do_not_keep_the_new_ones_from_being_seen() {
    let servers = TestServers::shared();
    let variables = trusting(servers.of(Engine::Postgres), servers.ca_file());
    let other = Ca::root("another").as_issued().spki_sha256();
    let pinned = with(
        &variables,
        [("WA_DB_SSL_PINS", &*format!("sha256/{other}"))],
    );
    let outcome = pins("webapp", &pinned);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // It is kept: it may be that of a backup key.
    let unpinned = pins("webapp", &variables).stdout;
    let kept = format!("{};sha256/{other}\n", unpinned.trim_end());
    assert_eq!(outcome.stdout, kept);
    assert!(!outcome.stderr.contains("backup key now"), "{outcome:?}");

    let malformed = with(
        &variables,
        [
            ("WA_DB_SSL_PINS", "sha256/AAAA"),
            ("WA_DB_SSL_PINS_REPORT_ONLY", "none"),
        ],
    );
    let outcome = pins("webapp", &malformed);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.stdout, unpinned);
    for name in ["WA_DB_SSL_PINS:", "WA_DB_SSL_PINS_REPORT_ONLY:"] {
        let warned = format!("warning: {name} item 1 ");
        assert!(outcome.stderr.contains(&warned), "{outcome:?}");
    }
}

#[test]
fn chain_that_does_not_verify_is_printed_and_marked_and_ends_with_13() {
    let servers = TestServers::exclusive();
    let impostor = servers.ca().impostor().issue(&TestServers::leaf());
    let alone = self_signed(&TestServers::leaf());
    let expired = servers.ca().issue(&TestServers::leaf().expired());
    let misnamed = servers.ca().issue(&Leaf::server().dns("other.lab"));
    on_each(servers.all(), |server| {
        for (presented, code) in [
            (&impostor, "certificate_untrusted"),
            (&alone, "certificate_self_signed"),
            (&expired, "certificate_expired"),
            (&misnamed, "hostname_mismatch"),
        ] {
            server.present(presented);
            let variables = trusting(server, servers.ca_file());
            let leaf = pin_of_certificate(presented.cert_der());
            for (what, variables) in [
                ("on", variables.clone()),
                ("off", with(&variables, [("WA_DB_SSL_VERIFY", "off")])),
            ] {
                let outcome = pins("webapp", &variables);
                assert_eq!(outcome.code, 13, "{code}, {what}: {outcome:?}");
                let marked = format!("  {leaf}  not verified");
                let row = outcome.stdout.lines().nth(1).unwrap();
                assert!(row.starts_with(&marked), "{code}, {what}: {outcome:?}");
                let shown = &outcome.stdout;
                assert!(
                    !shown.replace("not verified", "").contains("verified"),
                    "{shown}"
                );
                assert!(
                    shown.ends_with(&format!("\n# not verified: WA_DB_SSL_PINS={leaf}\n")),
                    "{shown}"
                );
                assert!(outcome.stderr.contains("error: webapp "), "{outcome:?}");
                assert!(outcome.stderr.contains("warning: "), "{outcome:?}");
                let report = pins_json("webapp", &variables);
                assert_eq!(report["exit_code"], 13);
                assert!(report["line"].is_null(), "{report}");
                assert_eq!(report["targets"][0]["error"]["code"], code, "{what}");
                assert_eq!(chain(&report["targets"][0])[0], (leaf.clone(), false));
            }
        }
    });
}

#[test]
fn certificate_text_of_a_server_cannot_steer_the_terminal() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::Postgres);
    let leaf = Leaf::server().cn("db\u{1b}[2J\u{7}\u{202e}.lab");
    server.present(&self_signed(&leaf));
    let outcome = pins("webapp", &trusting(server, servers.ca_file()));
    assert_eq!(outcome.code, 13);
    for shown in [&outcome.stdout, &outcome.stderr] {
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(steers), "{shown:?}");
    }
}

#[test]
fn both_roles_and_several_hosts_give_one_block_each_and_one_line() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::MySql);
    let port = server.port().to_string();
    let hosts = format!("127.0.0.1:{port},localhost:{port}");
    let variables = with(
        &trusting(server, servers.ca_file()),
        [("WA_DB_HOSTNAME", &*hosts), ("WA_DB_PORT", "")],
    );
    let outcome = wa_db(&["pins"], &variables);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for host in ["127.0.0.1", "localhost"] {
        let heading = format!("webapp, coreapp -> mysql {host}:{port}\n");
        assert_eq!(outcome.stdout.matches(&heading).count(), 1, "{outcome:?}");
    }
    let leaf = pin_of_certificate(servers.certificate().cert_der());
    assert!(
        outcome
            .stdout
            .ends_with(&format!("\nWA_DB_SSL_PINS={leaf}\n"))
    );
}

#[test]
fn server_that_is_not_reached_ends_with_the_code_of_its_stage_and_prints_no_line() {
    let servers = TestServers::shared();
    let variables = trusting(servers.of(Engine::Postgres), servers.ca_file());
    let plain = (("WA_DB_HOSTNAME", "/tmp"), 13, "tls_refused");
    for (change, code, error) in NOT_REACHED.into_iter().chain([plain]) {
        let changed = with(&variables, [change]);
        let outcome = pins("webapp", &changed);
        assert_eq!((outcome.code, &*outcome.stdout), (code, ""), "{outcome:?}");
        assert!(outcome.stderr.starts_with("error: webapp"), "{outcome:?}");
        let report = pins_json("webapp", &changed);
        assert_eq!(report["exit_code"], code);
        assert_eq!(report["targets"][0]["error"]["code"], error);
        assert_eq!(report["line"], Value::Null);
    }
}

#[test]
fn no_password_is_needed_or_sent() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let server = servers.of(engine);
        let before = server.log().len();
        let variables = with(
            &trusting(server, servers.ca_file()),
            [
                ("WA_DB_PASSWORD", "canary-2f6e"),
                ("WA_DB_USERNAME", "nobody-there"),
            ],
        );
        let outcome = pins("webapp", &variables);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        let log = server.log().split_off(before);
        assert!(!log.contains("nobody-there"), "{engine:?}: {log}");
    }
}
