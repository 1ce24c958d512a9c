//! What the other flags and commands do with a real server at hand.

use wa_db_lab::server::{Engine, TestServers};

use super::lab::{Files, trusted};
use crate::support::{STAGES, Variables, text, wa_db, with};

#[test]
fn text_of_a_check_names_every_stage_and_stays_free_of_escapes() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let variables = trusted(&servers, engine);
        let outcome = wa_db(&["check", "--role", "webapp"], &variables);
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:#?}");
        for stage in STAGES {
            assert!(outcome.stdout.contains(stage), "{}", outcome.stdout);
        }
        assert!(outcome.stdout.contains("TLSv1.3"), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains('\u{1b}'), "{:?}", outcome.stdout);
    }
}

#[test]
fn quiet_prints_a_line_of_summary_and_what_failed() {
    let servers = TestServers::shared();
    let variables = trusted(&servers, Engine::MariaDb);
    let outcome = wa_db(&["check", "-q"], &variables);
    assert_eq!(
        (outcome.code, outcome.stdout.trim().lines().count()),
        (0, 1),
        "{outcome:#?}"
    );
    let failing = with(&variables, [("WA_DB_SSL_SERVER_NAME", "other.lab")]);
    let outcome = wa_db(&["check", "-q"], &failing);
    assert_eq!(outcome.code, 13);
    assert!(outcome.stdout.contains("hostname_mismatch"), "{outcome:#?}");
    assert!(outcome.stdout.contains("hint"), "{outcome:#?}");
    assert!(!outcome.stdout.contains("resolve"), "{outcome:#?}");
}

#[test]
fn verbose_prints_more_and_logs_to_stderr() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let variables = trusted(&servers, engine);
        let plain = wa_db(&["check", "--role", "coreapp"], &variables);
        let verbose = wa_db(&["check", "--role", "coreapp", "-v"], &variables);
        assert_eq!((plain.code, verbose.code), (0, 0));
        assert!(verbose.stdout.lines().count() > plain.stdout.lines().count());
        assert!(
            verbose
                .stdout
                .contains(&servers.certificate().spki_sha256()),
            "{verbose:#?}"
        );
        assert!(!verbose.stderr.is_empty(), "nothing logged");
    }
}

#[test]
fn strict_fails_on_a_warning_of_the_settings() {
    let servers = TestServers::shared();
    let variables = trusted(&servers, Engine::Postgres);
    let unknown = with(&variables, [("WA_DB_SLL_CA", "/ca.pem")]);
    for (variables, flags, code) in [
        (&variables, &["--strict"][..], 0),
        (&unknown, &[], 0),
        (&unknown, &["--strict"], 17),
    ] {
        let check = ["check", "--format", "json"];
        let outcome = wa_db(&[&check, flags].concat(), variables);
        assert_eq!(outcome.code, code, "{outcome:#?}");
        assert_eq!(outcome.json()["ok"], code == 0);
    }
    let outcome = wa_db(&["check"], &unknown);
    assert!(
        outcome.stdout.contains("WA_DB_SSL_CA"),
        "the nearest name: {outcome:#?}"
    );
    // A failure is worse than a warning.
    let worse = with(&unknown, [("WA_DB_PASSWORD", "wrong")]);
    assert_eq!(wa_db(&["check", "--strict"], &worse).code, 14);
}

#[test]
fn role_of_the_check_comes_from_flag_variable_or_both() {
    let servers = TestServers::shared();
    let variables = trusted(&servers, Engine::Postgres);
    for (flags, variable, expected) in [
        (
            &["--role", "both"][..],
            "webapp",
            &["webapp", "coreapp"][..],
        ),
        (&[], "coreapp", &["coreapp"]),
        (&[], "WebApp", &["webapp"]),
        (&["--role", "webapp"], "coreapp", &["webapp"]),
        (&[], "", &["webapp", "coreapp"]),
    ] {
        let variables = with(&variables, [("WA_DB_ROLE", variable)]);
        let check = ["check", "--format", "json"];
        let outcome = wa_db(&[&check, flags].concat(), &variables);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let report = outcome.json();
        let targets = report["targets"].as_array().unwrap();
        assert!(
            targets.iter().map(|target| &target["role"]).eq(expected),
            "{report:#}"
        );
    }
    let nobody = with(&variables, [("WA_DB_ROLE", "king")]);
    assert_eq!(wa_db(&["check"], &nobody).code, 10);
}

#[test]
fn env_file_wins_over_the_environment() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MySql);
    let files = Files::new();
    let content = format!(
        "# written by hand\r\nexport WA_DB_ENGINE='mysql'\r\nWA_DB_HOSTNAME=\"127.0.0.1\"  # here\r\n\
         WA_DB_PORT={}\r\nWA_DB_USERNAME=app\r\nWA_DB_PASSWORD={}\r\nWA_DB_SSL_CA={}\r\n",
        server.port(),
        server.password(),
        text(servers.ca_file()),
    );
    let file = files.public("db.env", content);
    let wrong = [
        ("WA_DB_PASSWORD", "wrong"),
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_PORT", "1"),
    ];
    let outcome = wa_db(
        &["check", "--env-file", &file],
        &with(&Variables::new(), wrong),
    );
    assert_eq!(outcome.code, 0, "{outcome:#?}");
}

#[test]
fn empty_variable_of_an_env_file_unsets_that_of_the_environment() {
    let servers = TestServers::shared();
    let files = Files::new();
    let file = files.public("db.env", "WA_DB_NAME=\n");
    let variables = with(
        &trusted(&servers, Engine::Postgres),
        [("WA_DB_NAME", "missing_one")],
    );
    assert_eq!(wa_db(&["check"], &variables).code, 15);
    let outcome = wa_db(&["check", "--env-file", &file], &variables);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
}

#[test]
fn later_env_files_win_over_earlier_ones_in_every_command() {
    let servers = TestServers::shared();
    let files = Files::new();
    let server = servers.of(Engine::Postgres);
    let lines = with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"));
    let good = files.public("good.env", lines.collect::<String>());
    let bad = files.public("bad.env", "WA_DB_PORT=0\n");
    let one = files.public("one.env", "WA_DB_CONNECTION_OPTION=SSL_CA=/one.pem\n");
    let two = files.public("two.env", "WA_DB_CONNECTION_OPTION=SSL_CA=/two.pem\n");
    for (command, first, second, code, part) in [
        (&["check"][..], &*bad, &*good, 0, "2 targets passed"),
        (&["check"], &good, &bad, 10, "WA_DB_PORT"),
        (&["explain"], &bad, &good, 0, "WA_DB_PORT"),
        (&["explain"], &good, &bad, 10, "WA_DB_PORT"),
        (&["pins"], &bad, &good, 0, "WA_DB_SSL_PINS="),
        (&["pins"], &good, &bad, 10, "WA_DB_PORT"),
        (
            &["tunnel", "--role", "webapp"],
            &good,
            &bad,
            10,
            "WA_DB_PORT",
        ),
        (&["migrate"], &one, &two, 0, "WA_DB_SSL_CA=/two.pem"),
        (&["migrate"], &two, &one, 0, "WA_DB_SSL_CA=/one.pem"),
    ] {
        let given = ["--env-file", first, "--env-file", second];
        let outcome = wa_db(&[command, &given].concat(), &Variables::new());
        assert_eq!(outcome.code, code, "{command:?}: {outcome:#?}");
        let said = outcome.stdout + &outcome.stderr;
        assert!(said.contains(part), "{command:?}: {said}");
    }
    let missing = ["--env-file", "/no/one.env", "--env-file", "/no/two.env"];
    let outcome = wa_db(&[&["explain"], &missing[..]].concat(), &Variables::new());
    assert_eq!(outcome.code, 10);
    for file in ["/no/one.env", "/no/two.env"] {
        assert!(outcome.stderr.contains(file), "{outcome:#?}");
    }
}

#[test]
fn what_an_env_file_overrides_in_the_environment_is_warned_of_by_name_alone() {
    let servers = TestServers::shared();
    let files = Files::new();
    let variables = trusted(&servers, Engine::Postgres);
    let password = &variables["WA_DB_PASSWORD"];
    let same = files.public("same.env", format!("WA_DB_PASSWORD={password}\n"));
    let same = wa_db(&["check", "--strict", "--env-file", &same], &variables);
    assert_eq!((same.code, &*same.stderr), (0, ""), "{same:#?}");
    let file = files.public("other.env", format!("WA_DB_PASSWORD={password}\n"));
    let variables = with(&variables, [("WA_DB_PASSWORD", "overridden-word")]);
    for command in ["check", "explain"] {
        let outcome = wa_db(&[command, "--env-file", &file], &variables);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let said = outcome.stdout + &outcome.stderr;
        let mut lines = said
            .lines()
            .filter(|line| line.contains("process environment"));
        let line = lines.next().unwrap_or_default();
        assert!(
            line.contains("WA_DB_PASSWORD") && line.contains(&file),
            "{said}"
        );
        assert!(
            !said.contains("overridden-word") && !said.contains(&**password),
            "{said}"
        );
    }
}

#[test]
fn password_file_takes_the_place_of_the_password() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let files = Files::new();
        let server = servers.of(engine);
        let file = files.private("password", format!("{}\n", server.password()));
        let changes = [("WA_DB_PASSWORD", ""), ("WA_DB_PASSWORD_FILE", &*file)];
        let variables = with(&trusted(&servers, engine), changes);
        let outcome = wa_db(&["check"], &variables);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let both = with(&variables, [("WA_DB_PASSWORD", "x")]);
        assert_eq!(wa_db(&["check"], &both).code, 10, "both are set");
    }
}

#[test]
fn prefix_and_name_are_put_together() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let parts = [("WA_DB_NAME_PREFIX", "app"), ("WA_DB_NAME", "db")];
        let variables = with(&trusted(&servers, engine), parts);
        let outcome = wa_db(&["check"], &variables);
        assert_eq!(outcome.code, 0, "appdb is there: {outcome:#?}");
    }
}

#[test]
fn explain_tells_each_variable_with_its_source() {
    let servers = TestServers::shared();
    let variables = trusted(&servers, Engine::Postgres);
    let outcome = wa_db(&["explain", "--format", "json"], &variables);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    let explained = outcome.json();
    for role in explained["roles"].as_array().unwrap() {
        let list = role["variables"].as_array().unwrap();
        let find = |name: &str| list.iter().find(|line| line["variable"] == name).unwrap();
        assert_eq!(find("WA_DB_SSL_CA")["value"], text(servers.ca_file()));
        assert_eq!(find("WA_DB_SSL_CA")["source"], "environment");
        assert_eq!(find("WA_DB_PASSWORD")["value"], "(hidden)");
        assert_eq!(find("WA_DB_POOL_MAX_SIZE")["value"], "16");
        assert_eq!(find("WA_DB_POOL_MAX_SIZE")["source"], "default");
        assert_eq!(find("WA_DB_CONNECT_TIMEOUT")["value"], "10s");
    }
    let text = wa_db(&["explain", "--role", "webapp"], &variables);
    assert_eq!(text.code, 0);
    for name in CONTRACT.split_whitespace() {
        assert!(
            text.stdout.contains(name),
            "{name} is not told: {}",
            text.stdout
        );
    }
}

/// Every variable of the contract.
const CONTRACT: &str = "
    WA_DB_ENGINE WA_DB_HOSTNAME WA_DB_PORT WA_DB_USERNAME WA_DB_PASSWORD WA_DB_PASSWORD_FILE WA_DB_IDENTITY_FILE
    WA_DB_NAME WA_DB_NAME_PREFIX WA_DB_SSL_CA WA_DB_SSL_CERT WA_DB_SSL_KEY
    WA_DB_SSL_KEY_PASSWORD_FILE WA_DB_SSL_VERIFY WA_DB_SSL_SERVER_NAME WA_DB_CONNECTION_OPTION
    WA_DB_CHANNEL_BINDING WA_DB_TARGET WA_DB_ALLOWED_NETWORKS WA_DB_CONNECT_TIMEOUT
    WA_DB_READ_TIMEOUT WA_DB_CONNECTION_IDLE_TIMEOUT WA_DB_POOL_MAX_SIZE WA_DB_POOL_MIN_IDLE
    WA_DB_POOL_WAIT_TIMEOUT WA_DB_POOL_MAX_LIFETIME WA_DB_POOL_RECYCLE WA_DB_PERSISTENT WA_DB_ROLE";

#[test]
fn json_stays_one_object_on_stdout_however_much_is_logged() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let variables = with(&trusted(&servers, engine), [("RUST_LOG", "trace")]);
        for flags in [&["-v"][..], &["--strict", "-q"], &[]] {
            let check = ["check", "--format", "json"];
            let outcome = wa_db(&[&check, flags].concat(), &variables);
            assert_eq!(outcome.code, 0, "{outcome:#?}");
            assert_eq!(outcome.json()["version"], 1);
            assert!(
                !outcome.stderr.is_empty(),
                "{engine:?} {flags:?}: nothing logged"
            );
            assert!(!outcome.stderr.contains('\u{1b}'), "{engine:?}");
        }
    }
}

#[test]
fn one_connection_is_made_for_the_examination_and_the_others_are_the_pools() {
    let servers = TestServers::exclusive();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        let made = || -> u64 {
            let row = server.sql("SHOW GLOBAL STATUS LIKE 'Connections'");
            row.split_whitespace().next_back().unwrap().parse().unwrap()
        };
        for pool in [1, 3] {
            let before = made();
            let outcome = wa_db(
                &[
                    "check",
                    "--role",
                    "webapp",
                    "--connections",
                    &pool.to_string(),
                ],
                &trusted(&servers, engine),
            );
            assert_eq!(outcome.code, 0, "{outcome:#?}");
            // Who asks how many there were is one of them.
            assert_eq!(made() - before - 1, 1 + pool, "{engine:?}");
        }
    }
}
