//! What installations have today: official env-files, the legacy string, verification switched off.

use serde_json::Value;
use wa_db_lab::fake::{Persona, PostgresScript};
use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::lab::{Fake, Files, trusted};
use crate::support::{Outcome, Variables, check, text, wa_db, with};

const OPTION: &str = "WA_DB_CONNECTION_OPTION";

/// As the official installations ship it; only host and port are put in, and a CA where one is given.
fn official(engine: &str, server: &Server, more: &str) -> String {
    let (port, password) = (server.port(), server.password());
    format!(
        "WA_DB_ENGINE={engine}\nWA_DB_HOSTNAME=localhost\nWA_DB_PORT={port}\nWA_DB_USERNAME=app\n\
         WA_DB_PASSWORD={password}\nWA_DB_CONNECTION_IDLE_TIMEOUT=180000\n{more}"
    )
}

#[test]
fn official_env_file_works_as_it_is_and_says_what_the_servers_certificate_lacks() {
    let servers = TestServers::shared();
    for (engine, server) in [
        ("MYSQL", Engine::MySql),
        ("MYSQL", Engine::MariaDb),
        ("PGSQL", Engine::Postgres),
    ] {
        let server = servers.of(server);
        let files = Files::new();
        let file = files.public("db.env", official(engine, server, ""));
        // Nothing but what the system trusts is trusted.
        let outcome = check_file(&file);
        assert_eq!(outcome.code, 13, "{outcome:#?}");
        for target in outcome.json()["targets"].as_array().unwrap() {
            assert_eq!(
                target["stages"][3]["error"]["code"],
                "certificate_untrusted"
            );
        }
        let ca = format!("WA_DB_SSL_CA={}\n", servers.ca_file().display());
        let file = files.public("db-ca.env", official(engine, server, &ca));
        let outcome = check_file(&file);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        assert_eq!(
            outcome.json()["targets"].as_array().unwrap().len(),
            2,
            "both roles"
        );
    }
}

#[test]
fn official_env_file_meets_a_server_without_tls_with_a_clear_word() {
    for (engine, kind) in [
        ("MYSQL", Engine::MySql),
        ("MYSQL", Engine::MariaDb),
        ("PGSQL", Engine::Postgres),
    ] {
        let server = Server::start(kind, ServerOptions::tls_off());
        let files = Files::new();
        let outcome = check_file(&files.public("db.env", official(engine, &server, "")));
        assert_eq!(outcome.code, 13, "{outcome:#?}");
        for target in outcome.json()["targets"].as_array().unwrap() {
            assert_eq!(
                target["stages"][3]["error"]["code"], "tls_refused",
                "{target:#}"
            );
        }
    }
}

#[test]
fn legacy_string_with_a_ca_works_for_coreapp_on_every_engine() {
    let servers = TestServers::shared();
    let ca = text(servers.ca_file());
    for engine in Engine::ALL {
        for option in [
            format!("SSL_CA={ca};connect_timeout=15"),
            format!("sslrootcert={ca};connect_timeout=15"),
            format!("MYSQL_OPT_SSL_CA={ca};MYSQL_OPT_CONNECT_TIMEOUT=15"),
        ] {
            let variables = with(&servers.of(engine).env(), [(OPTION, &*option)]);
            let outcome = check("coreapp", &variables);
            assert_eq!(
                outcome.verdict(),
                (0, String::new()),
                "{option}: {outcome:#?}"
            );
            let target = outcome.target();
            assert_eq!(target["tls"]["verified"], true);
            let warnings = target["stages"][0]["warnings"].to_string();
            assert!(warnings.contains(OPTION), "deprecated: {warnings}");
            // The webapp never had that string: without it the CA is not known.
            let outcome = check("webapp", &variables);
            assert_eq!(outcome.verdict(), (13, "certificate_untrusted".into()));
        }
    }
}

#[test]
fn lines_of_migrate_do_what_the_legacy_string_did() {
    let servers = TestServers::shared();
    let ca = text(servers.ca_file());
    for engine in Engine::ALL {
        let option = format!("SSL_CA={ca};connect_timeout=15");
        let old = with(&servers.of(engine).env(), [(OPTION, &*option)]);
        let migrated = wa_db(&["migrate"], &old);
        assert_eq!(migrated.code, 0, "{migrated:?}");
        let lines = format!("WA_DB_SSL_CA={ca}\nWA_DB_CONNECT_TIMEOUT=15\n");
        assert_eq!(migrated.stdout, lines);
        let files = Files::new();
        let file = files.public("new.env", migrated.stdout);
        let flags = [
            "check",
            "--role",
            "both",
            "--format",
            "json",
            "--env-file",
            &file,
        ];
        let outcome = wa_db(&flags, &servers.of(engine).env());
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let report = outcome.json();
        for target in report["targets"].as_array().unwrap() {
            assert_eq!(
                target["stages"][0]["status"], "ok",
                "nothing deprecated is left"
            );
        }
    }
}

#[test]
fn new_variables_win_over_the_legacy_string_with_a_warning() {
    let servers = TestServers::shared();
    let option = [(OPTION, "SSL_CA=/missing/ca.pem")];
    for engine in Engine::ALL {
        let outcome = check("coreapp", &with(&trusted(&servers, engine), option));
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:#?}");
        let warnings = outcome.target()["stages"][0]["warnings"].to_string();
        assert!(
            warnings.contains("SSL_CA") && warnings.contains(OPTION),
            "{warnings}"
        );
    }
}

#[test]
fn legacy_string_that_would_weaken_is_refused() {
    let servers = TestServers::shared();
    for option in [
        "sslmode=disable",
        "sslmode=allow",
        "sslmode=prefer",
        "MYSQL_OPT_SSL_MODE=SSL_MODE_DISABLED",
        "MYSQL_OPT_LOCAL_INFILE=1",
        "requiressl=0",
    ] {
        let variables = with(&trusted(&servers, Engine::Postgres), [(OPTION, option)]);
        let outcome = check("coreapp", &variables);
        assert_eq!(
            outcome.verdict(),
            (10, "variable_invalid".into()),
            "{option}: {outcome:#?}"
        );
        assert_eq!(
            check("webapp", &variables).code,
            0,
            "the webapp knows no such string"
        );
    }
}

#[test]
fn weaker_legacy_modes_are_honoured_for_coreapp_alone_and_said() {
    let root = Ca::root("root");
    let other_name = root.issue(&Leaf::server().cn("other.lab").dns("other.lab"));
    let files = Files::new();
    let ca = files.public("ca.pem", root.cert_pem());
    let impostor = files.public("impostor.pem", root.impostor().cert_pem());
    for server in &Server::start_all(&ServerOptions::tls(&other_name)) {
        for (option, trusted, expected) in [
            // The chain alone: another name passes, another CA does not.
            ("sslmode=verify-ca", &*ca, (0, "")),
            (
                "sslmode=verify-ca",
                &impostor,
                (13, "certificate_untrusted"),
            ),
            ("sslmode=verify-full", &ca, (13, "hostname_mismatch")),
            ("SSL_MODE=VERIFY_CA", &ca, (0, "")),
            ("MYSQL_OPT_SSL_MODE=SSL_MODE_VERIFY_CA", &ca, (0, "")),
            (
                "MYSQL_OPT_SSL_MODE=SSL_MODE_VERIFY_IDENTITY",
                &ca,
                (13, "hostname_mismatch"),
            ),
            ("MYSQL_OPT_SSL_MODE=SSL_MODE_REQUIRED", "", (0, "")),
            ("sslmode=require", "", (0, "")),
        ] {
            let changes = [(OPTION, option), ("WA_DB_SSL_CA", trusted)];
            let variables = with(&server.env(), changes);
            let outcome = check("coreapp", &variables);
            let (code, error) = outcome.verdict();
            assert_eq!(
                (code, &*error),
                expected,
                "{option} {trusted}: {outcome:#?}"
            );
            let target = outcome.target();
            let warnings = target["stages"][0]["warnings"].to_string();
            assert!(warnings.contains(OPTION), "{warnings}");
            if code == 0 {
                assert_eq!(target["tls"]["verified"], false, "{option}");
                assert_eq!(target["stages"][3]["status"], "warn", "{option}");
                assert!(
                    target["tls"]["would_fail"].is_string(),
                    "{option}: {target:#}"
                );
                assert_eq!(target["server"]["encrypted"], true, "{option}");
            }
        }
        let changes = [(OPTION, "sslmode=require"), ("WA_DB_SSL_CA", &*ca)];
        let outcome = check("webapp", &with(&server.env(), changes));
        assert_eq!(
            outcome.verdict(),
            (13, "hostname_mismatch".into()),
            "{outcome:#?}"
        );
    }
}

#[test]
fn webapp_goes_on_unverified_where_it_is_told_to_and_says_what_would_have_failed() {
    let servers = TestServers::shared();
    let files = Files::new();
    let impostor = files.public("ca.pem", servers.ca().impostor().cert_pem());
    let ca = text(servers.ca_file());
    for engine in Engine::ALL {
        for (off, trusted, name, would_fail) in [
            ("false", ca, "", Value::Null),
            ("0", &impostor, "", "certificate_untrusted".into()),
            ("OFF", ca, "other.lab", "hostname_mismatch".into()),
            ("No", "", "", "certificate_untrusted".into()),
        ] {
            let changes = [
                ("WA_DB_SSL_VERIFY", off),
                ("WA_DB_SSL_CA", trusted),
                ("WA_DB_SSL_SERVER_NAME", name),
            ];
            let variables = with(&servers.of(engine).env(), changes);
            let outcome = check("webapp", &variables);
            assert_eq!(
                outcome.verdict(),
                (0, String::new()),
                "{engine:?} {off}: {outcome:#?}"
            );
            let target = outcome.target();
            let tls = &target["tls"];
            assert_eq!(tls["verified"], false);
            assert_eq!(tls["would_fail"], would_fail, "{engine:?} {trusted} {name}");
            assert!(tls["protocol"].is_string() && tls["certificate"].is_object());
            assert_eq!(target["stages"][3]["status"], "warn");
            assert_eq!(
                target["server"]["encrypted"], true,
                "off never means plaintext"
            );
            if name.is_empty() && trusted == ca {
                strict(&variables);
            }
            // The coreapp takes no notice, and says so.
            let outcome = check("coreapp", &variables);
            let expected = would_fail.as_str().unwrap_or_default();
            let code = if expected.is_empty() { 0 } else { 13 };
            assert_eq!(
                outcome.verdict(),
                (code, expected.to_owned()),
                "{outcome:#?}"
            );
            let warnings = outcome.target()["stages"][0]["warnings"].to_string();
            assert!(warnings.contains("WA_DB_SSL_VERIFY"), "{warnings}");
        }
    }
}

fn strict(variables: &Variables) {
    let flags = ["check", "--role", "webapp", "--format", "json", "--strict"];
    let outcome = wa_db(&flags, variables);
    assert_eq!(outcome.code, 17, "{outcome:#?}");
    assert_eq!(outcome.json()["ok"], false);
    assert_eq!(outcome.json()["exit_code"], 17);
}

#[test]
fn verification_switched_off_by_a_word_nobody_knows_is_a_fault() {
    let fake = Fake::presenting(
        &TestServers::leaf(),
        Persona::healthy_postgres(),
        PostgresScript::Honest,
    );
    for word in ["maybe", "disabled", "2", "-1", "falsee"] {
        let outcome = check(
            "webapp",
            &with(&fake.variables, [("WA_DB_SSL_VERIFY", word)]),
        );
        assert_eq!(
            outcome.verdict(),
            (10, "variable_invalid".into()),
            "{word}: {outcome:#?}"
        );
    }
    for word in ["1", "true", "ON", "Yes", ""] {
        let outcome = check(
            "webapp",
            &with(&fake.variables, [("WA_DB_SSL_VERIFY", word)]),
        );
        assert_eq!(outcome.code, 0, "{word}: {outcome:#?}");
        assert_eq!(outcome.target()["tls"]["verified"], true);
    }
}

fn check_file(file: &str) -> Outcome {
    let flags = ["check", "--format", "json", "--env-file", file];
    wa_db(&flags, &Variables::new())
}
