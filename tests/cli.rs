//! The `wa-db` command as a process: exit codes, streams, and what must never be printed.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SECRET: &str = "canary-5f1c9a";

/// The command with nothing in its environment but these variables.
fn wa_db(words: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wa-db"));
    command
        .args(words.split_whitespace())
        .env_clear()
        .stdin(Stdio::null());
    command.envs(variables.iter().copied());
    command
}

fn run(words: &str, variables: &[(&str, &str)]) -> Output {
    wa_db(words, variables).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "db.lab"),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", SECRET),
    ]
}

#[test]
fn usage_errors_go_to_stderr_with_exit_code_2() {
    for words in [
        "",
        "check --role admin",
        "check --connections 0",
        "inspect",
        "certs",
        "certs issue",
        "certs issue server",
        "certs issue server --name db:5432",
        "certs renew",
        "certs show db.lab --engine oracle",
        "monitor",
        "audit --fail-on none",
        "audit --explain no-such-rule",
        "audit --list --format sarif",
        "audit --list --role webapp",
        "audit --env-file a --env-file b --env-file c",
    ] {
        let output = run(words, &good());
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{words}"
        );
    }
}

#[test]
fn help_version_and_completions_are_data_and_go_to_stdout() {
    for words in [
        "--help",
        "check --help",
        "certs --help",
        "certs issue server --help",
        "monitor --help",
        "audit --help",
        "audit --list",
        "audit --list --format json",
        "audit --explain link-verification-off",
        "--version",
        "completions bash",
        "completions zsh",
    ] {
        let output = run(words, &[]);
        assert_eq!(output.status.code(), Some(0), "{words}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{words}"
        );
    }
}

#[test]
fn faulty_settings_are_one_json_object_with_exit_code_10() {
    let variables = [
        ("WA_DB_ENGINE", "ORACLE"),
        ("WA_DB_PORT", "http"),
        ("WA_DB_PASSWORD", SECRET),
    ];
    let output = run("check --format json --role webapp", &variables);
    assert_eq!(output.status.code(), Some(10), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["ok"], &report["exit_code"]),
        (&false.into(), &10.into())
    );
    assert_eq!(report["targets"].as_array().unwrap().len(), 1);
    let message = report["targets"][0]["stages"][0]["error"]["message"]
        .as_str()
        .unwrap();
    for variable in [
        "WA_DB_ENGINE",
        "WA_DB_PORT",
        "WA_DB_HOSTNAME",
        "WA_DB_USERNAME",
    ] {
        assert!(message.contains(variable), "{message}");
    }
    assert!(!stdout(&output).contains(SECRET) && !stderr(&output).contains(SECRET));
}

#[test]
fn env_file_that_is_missing_fails_the_settings_of_both_roles() {
    let output = run("check --format json --env-file /does/not/exist", &good());
    assert_eq!(output.status.code(), Some(10));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let roles: Vec<_> = report["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["role"])
        .collect();
    assert_eq!(roles, ["webapp", "coreapp"]);
    assert_eq!(
        report["targets"][0]["stages"][0]["error"]["code"],
        "file_missing"
    );
    let text = stdout(&run("check --env-file /does/not/exist", &good()));
    assert_eq!(text.matches("error:").count(), 1, "{text}");
    assert!(text.starts_with("webapp, coreapp\n"), "{text}");
    assert!(text.contains("2 targets failed (exit code 10)"), "{text}");
}

#[test]
fn role_comes_from_the_flag_then_from_the_variable_then_it_is_both() {
    for (flag, variable, expected) in [
        ("--role coreapp", "webapp", &["coreapp"][..]),
        ("", "coreapp", &["coreapp"]),
        ("", "", &["webapp", "coreapp"]),
        ("--role both", "coreapp", &["webapp", "coreapp"]),
    ] {
        let mut variables = good();
        variables.push(("WA_DB_ROLE", variable));
        let output = run(&format!("explain --format json {flag}"), &variables);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
        let roles = explained["roles"].as_array().unwrap();
        assert!(
            roles.iter().map(|role| &role["role"]).eq(expected),
            "{flag} {variable}"
        );
    }
}

#[test]
fn explain_shows_sources_and_hides_secrets() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "WA_DB_HOSTNAME=other.lab\nWA_DB_SLL_CA=/ca.pem\n",
    )
    .unwrap();
    let words = format!("explain --env-file {}", file.path().display());
    let output = run(&words, &good());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let line = |name: &str| {
        let mut lines = text.lines().map(str::trim_start);
        lines
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap()
            .to_owned()
    };
    assert!(line("WA_DB_HOSTNAME").contains("other.lab"), "{text}");
    assert!(line("WA_DB_HOSTNAME").contains("env-file"), "{text}");
    assert!(line("WA_DB_ENGINE").contains("environment"), "{text}");
    assert!(
        line("WA_DB_PORT").contains("5432") && line("WA_DB_PORT").contains("default"),
        "{text}"
    );
    assert!(line("WA_DB_PASSWORD").contains("(hidden)"), "{text}");
    assert!(!text.contains(SECRET) && !stderr(&output).contains(SECRET));
    // What holds for both roles is said once, and not between the data.
    assert_eq!(
        stderr(&output).matches("WA_DB_SLL_CA").count(),
        1,
        "{}",
        stderr(&output)
    );
    assert!(!text.contains("WA_DB_SLL_CA"));
}

/// It is kept so that an audit can compare it, and is none of our variables.
#[test]
fn services_own_secret_is_neither_shown_nor_warned_of() {
    let mut variables = good();
    variables.push(("WA_SECRET", SECRET));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("WA_SECRET={SECRET}$x\n")).unwrap();
    let file = file.path().display();
    for words in [
        "explain".to_owned(),
        "explain --format json".to_owned(),
        format!("explain --env-file {file}"),
        format!("migrate --env-file {file}"),
    ] {
        let output = run(&words, &variables);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{words}: {}",
            stderr(&output)
        );
        let told = stdout(&output) + &stderr(&output);
        assert!(
            !told.contains("WA_SECRET") && !told.contains(SECRET),
            "{words}: {told}"
        );
    }
}

#[test]
fn explain_of_faulty_settings_tells_each_fault_on_stderr_with_exit_code_10() {
    let output = run(
        "explain",
        &[("WA_DB_ENGINE", "ORACLE"), ("WA_DB_ROLE", "king")],
    );
    assert_eq!(output.status.code(), Some(10));
    assert!(output.stdout.is_empty(), "{}", stdout(&output));
    let text = stderr(&output);
    for variable in ["WA_DB_ENGINE", "WA_DB_ROLE", "WA_DB_HOSTNAME"] {
        let told = |line: &&str| line.starts_with("error: ") && line.contains(variable);
        assert_eq!(text.lines().filter(told).count(), 1, "{text}");
    }
    assert!(text.contains("\nhint:  "), "{text}");
}

#[test]
fn env_file_that_makes_no_sense_is_a_fault_with_its_line_and_without_its_value() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let content = format!("WA_DB_HOSTNAME=db\nWA_DB_PASSWORD='{SECRET}\n");
    std::fs::write(file.path(), content).unwrap();
    for command in [
        "check --format json",
        "audit",
        "audit --format json",
        "audit --format sarif",
        "explain --format json",
        "migrate",
    ] {
        let words = format!("{command} --env-file {}", file.path().display());
        let output = run(&words, &good());
        assert_eq!(output.status.code(), Some(10), "{command}");
        let told = stdout(&output) + &stderr(&output);
        assert!(told.contains("line 2"), "{command}: {told}");
        assert!(!told.contains(SECRET), "{command}: {told}");
    }
}

#[test]
fn empty_environment_leads_to_the_env_file() {
    for (words, text) in [
        ("check", stdout as fn(&Output) -> String),
        ("audit", stdout),
        ("explain", stderr),
    ] {
        let output = run(words, &[("PATH", "/bin")]);
        assert_eq!(output.status.code(), Some(10));
        let text = text(&output);
        assert!(
            text.contains("no WA_DB_* variable is set: use --env-file FILE"),
            "{text}"
        );
    }
}

#[test]
fn misspelt_name_is_told_also_where_it_leaves_another_missing() {
    let variables = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOST", "localhost"),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_SLL_CA", "/ca.pem"),
    ];
    let output = run("check --format json --role webapp", &variables);
    assert_eq!(output.status.code(), Some(10));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let stage = &report["targets"][0]["stages"][0];
    let warnings = stage["warnings"].to_string();
    assert!(
        warnings.contains("did you mean WA_DB_HOSTNAME?")
            && warnings.contains("did you mean WA_DB_SSL_CA?"),
        "{warnings}"
    );
    assert_eq!(
        stage["error"]["hint"],
        "WA_DB_HOST is set and not known; did you mean WA_DB_HOSTNAME?"
    );
    for (words, text) in [
        ("check --role webapp", stdout as fn(&Output) -> String),
        ("audit --role webapp", stdout),
        ("explain --role webapp", stderr),
    ] {
        let text = text(&run(words, &variables));
        assert!(
            text.contains("warning: WA_DB_SLL_CA is not known and has no effect"),
            "{text}"
        );
    }
}

#[test]
fn unknown_variable_is_a_warning_with_the_nearest_known_name() {
    for (written, meant) in [
        ("WA_DB_SLL_CA", "WA_DB_SSL_CA"),
        ("WA_DB_PASWORD_FILE", "WA_DB_PASSWORD_FILE"),
        ("WA_DB_HOST", "WA_DB_HOSTNAME"),
        ("WA_DB_USER", "WA_DB_USERNAME"),
    ] {
        let mut variables = good();
        variables.push((written, "x"));
        let output = run("explain --role webapp", &variables);
        assert_eq!(output.status.code(), Some(0));
        let text = stderr(&output);
        assert!(text.contains(written) && text.contains(meant), "{text}");
    }
}

#[test]
fn completions_are_there_for_every_shell_and_name_every_flag() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&format!("completions {shell}"), &[]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for flag in [
            "env-file",
            "wait",
            "timeout",
            "connections",
            "strict",
            "format",
            "role",
            "permit-dns",
            "min-days",
            "fail-on",
            "suppressions",
        ] {
            assert!(stdout(&output).contains(flag), "{shell}: {flag}");
        }
    }
}

#[test]
fn reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = wa_db("explain", &good()).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}

#[test]
fn data_that_cannot_be_written_is_an_internal_error_and_said() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = wa_db("explain", &good()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("error: cannot write to stdout"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn migrate_prints_lines_of_an_env_file_on_stdout_and_notes_on_stderr() {
    let legacy = "SSL_CA=/usr/local/waent/data/certs/ca.pem;connect_timeout=15";
    let mut variables = good();
    variables.push(("WA_DB_CONNECTION_OPTION", legacy));
    let output = run("migrate", &variables);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = "WA_DB_SSL_CA=/usr/local/waent/data/certs/ca.pem\nWA_DB_CONNECT_TIMEOUT=15\n";
    assert_eq!(stdout(&output), lines);
    assert!(
        stderr(&output)
            .lines()
            .all(|line| line.starts_with("note: "))
    );

    // What is printed means the same as what it replaces, also when it is read back.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let words = format!(
        "explain --role coreapp --format json --env-file {}",
        file.path().display()
    );
    let value = |output: &Output, name: &str| {
        let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
        let variables = explained["roles"][0]["variables"]
            .as_array()
            .unwrap()
            .clone();
        variables
            .into_iter()
            .find(|variable| variable["variable"] == name)
            .unwrap()["value"]
            .clone()
    };
    let before = run("explain --role coreapp --format json", &variables);
    let after = run(&words, &good());
    for name in ["WA_DB_SSL_CA", "WA_DB_CONNECT_TIMEOUT", "WA_DB_SSL_VERIFY"] {
        assert_eq!(value(&before, name), value(&after, name), "{name}");
    }
}

#[test]
fn migrate_refuses_what_would_weaken_with_exit_code_10_and_prints_no_lines() {
    let mut variables = good();
    variables.push((
        "WA_DB_CONNECTION_OPTION",
        "sslmode=disable;sslrootcert=/ca.pem",
    ));
    let output = run("migrate", &variables);
    assert_eq!(output.status.code(), Some(10), "{}", stderr(&output));
    assert!(output.stdout.is_empty(), "{}", stdout(&output));
    assert!(
        stderr(&output).starts_with("error: "),
        "{}",
        stderr(&output)
    );
}

/// Where no role trusts the system's store, the settings are looked at once more before the check: nothing may get lost.
#[test]
fn check_with_a_ca_keeps_its_words_and_reads_a_piped_env_file_only_once() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, wa_db_lab::pki::Ca::root("cli root").cert_pem()).unwrap();
    // Bound all the while, and never listened on.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = closed.local_addr().unwrap().port();
    let content = format!(
        "WA_DB_ENGINE=PGSQL\nWA_DB_HOSTNAME=127.0.0.1\nWA_DB_PORT={port}\nWA_DB_USERNAME=app\n\
         WA_DB_SSL_CA={}\n",
        ca.display()
    );
    let file = directory.path().join("db.env");
    std::fs::write(&file, &content).unwrap();
    for env_file in ["/dev/stdin", file.to_str().unwrap()] {
        let words = format!("check --role coreapp --format json --env-file {env_file}");
        let mut check = wa_db(&words, &[])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A check that reads only the file may be gone before it is given this.
        let _ = check.stdin.take().unwrap().write_all(content.as_bytes());
        let output = check.wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(12), "{env_file}: {report}");
        assert_eq!(report["targets"][0]["role"], "coreapp", "{env_file}");
        assert_eq!(report["targets"].as_array().unwrap().len(), 1, "{env_file}");
    }
}
