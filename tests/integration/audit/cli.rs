//! What `wa-db audit` prints, and how it ends.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use wa_db_lab::server::{Engine, TestServers};

use super::support::{Report, audit_as};
use crate::support::{Variables, text, wa_db, with};
use crate::verdict::{NOT_REACHED, trusting};

#[test]
fn exit_code_is_18_from_the_threshold_on() {
    let servers = TestServers::shared();
    let variables = trusting(servers.of(Engine::Postgres), servers.ca_file());
    let off = with(&variables, [("WA_DB_SSL_VERIFY", "off")]);
    for threshold in ["low", "medium", "high", "critical"] {
        let report = audit_as("webapp", &off, &["--fail-on", threshold]);
        assert_eq!(report.code, 18, "{threshold}: {:#}", report.json);
        assert_eq!(report.json["fail_on"], threshold);
    }
    let report = audit_as("webapp", &variables, &["--fail-on", "critical"]);
    assert_eq!(report.code, 0, "{:#}", report.json);
}

#[test]
fn server_that_is_not_looked_at_ends_with_the_code_of_its_stage() {
    let servers = TestServers::shared();
    let variables = trusting(servers.of(Engine::Postgres), servers.ca_file());
    let further = [
        (
            ("WA_DB_SSL_SERVER_NAME", "other.lab"),
            13,
            "hostname_mismatch",
        ),
        (("WA_DB_PASSWORD", "wrong"), 14, "authentication_failed"),
        (("WA_DB_NAME", "missing"), 15, "database_missing"),
        (
            ("WA_DB_HOSTNAME", "/no/such/socket"),
            12,
            "connection_refused",
        ),
    ];
    for (change, code, error) in NOT_REACHED.into_iter().chain(further) {
        let changed = with(&variables, [change]);
        let report = audit_as("webapp", &changed, &["--fail-on", "critical"]);
        assert_eq!(report.code, code, "{:#}", report.json);
        let told = &report.json["targets"][0]["error"];
        assert_eq!(told["code"], error, "{told}");
        let text = wa_db(&["audit", "--role", "webapp"], &changed);
        assert_eq!(text.code, code, "{text:?}");
        assert!(text.stdout.contains("  error: "), "{text:?}");
    }
}

#[test]
fn quiet_audit_keeps_warnings_off_stdout_and_tells_them_all_the_same() {
    let servers = TestServers::shared();
    let variables = trusting(servers.of(Engine::Postgres), servers.ca_file());
    let variables = with(&variables, [("WA_DB_SLL_CA", "x")]);
    let arguments = [
        "audit",
        "--role",
        "both",
        "--fail-on",
        "critical",
        "--quiet",
    ];
    let quiet = wa_db(&arguments, &variables);
    assert_eq!(quiet.code, 0, "{quiet:?}");
    assert_eq!(quiet.stdout.lines().count(), 1, "{quiet:?}");
    assert_eq!(quiet.stderr.matches("WA_DB_SLL_CA").count(), 1, "{quiet:?}");
    let is_warning = |line: &str| line.starts_with("warning: ");
    assert!(quiet.stderr.lines().all(is_warning), "{quiet:?}");

    let loud = wa_db(&arguments[..arguments.len() - 1], &variables);
    assert!(loud.stdout.contains("  warning: WA_DB_SLL_CA"), "{loud:?}");
    assert_eq!(loud.stderr, "");
    let json = wa_db(
        &[&arguments[..], &["--format", "json"]].concat(),
        &variables,
    );
    assert_eq!(json.stderr, "", "they are in the object");
}

#[test]
fn password_file_that_others_can_read_is_a_finding() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let file = server.file("password", server.password());
    let variables = trusting(server, servers.ca_file());
    let changes = [("WA_DB_PASSWORD", ""), ("WA_DB_PASSWORD_FILE", text(&file))];
    let variables = with(&variables, changes);
    let id = "account-password-file-readable";
    for (mode, severity) in [(0o600, None), (0o644, Some("high"))] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let report = audit_as("webapp", &variables, &[]);
        match severity {
            None => report.lacks(id),
            Some(severity) => assert_eq!(report.finding(id).0, severity),
        }
    }
}

#[test]
fn rules_are_listed_and_explained_without_a_server() {
    let nothing = Variables::new();
    let listed = wa_db(&["audit", "--list", "--format", "json"], &nothing);
    assert_eq!(listed.code, 0, "{listed:?}");
    let rules = listed.json()["rules"].as_array().cloned().unwrap();
    assert!(!rules.is_empty(), "{listed:?}");
    let lines = wa_db(&["audit", "--list"], &nothing).stdout;
    assert_eq!(lines.lines().count(), rules.len());
    for (rule, line) in rules.iter().zip(lines.lines()) {
        let text = |field: &str| rule[field].as_str().unwrap();
        assert!(line.starts_with(text("id")), "{line}");
        let severities = rule["severities"].as_array().unwrap().iter();
        let severities: Vec<_> = severities.map(|one| one.as_str().unwrap()).collect();
        assert!(severities.contains(&text("severity")), "{rule}");
        let range = match severities[..] {
            [only] => only.to_owned(),
            [least, .., worst] => format!("{least} to {worst}"),
            [] => panic!("{rule}"),
        };
        assert!(
            line.contains(&format!("  {range}  ")) && line.ends_with(text("title")),
            "{line}"
        );
        let page = wa_db(&["audit", "--explain", text("id")], &nothing);
        assert_eq!(page.code, 0, "{page:?}");
        for part in [text("id"), text("title"), &range, text("why"), text("fix")] {
            assert!(page.stdout.contains(part), "{page:?}");
        }
    }
    let unknown = wa_db(&["audit", "--explain", "link-verification-of"], &nothing);
    assert_eq!((unknown.code, &*unknown.stdout), (2, ""));
    assert!(
        unknown
            .stderr
            .contains("did you mean link-verification-off?")
    );
}

#[test]
fn two_env_files_are_the_webapps_and_the_coreapps() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MySql);
    let variables = trusting(server, servers.ca_file());
    let lines = |variables: &Variables| {
        let lines = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"));
        lines.collect::<String>()
    };
    let weak = with(&variables, [("WA_DB_SSL_VERIFY", "off")]);
    let webapp = server.file("two.webapp.env", lines(&weak));
    let coreapp = server.file("two.coreapp.env", lines(&variables));
    let both = |first: &std::path::Path, second: &std::path::Path| {
        let files = [
            "--env-file",
            first.to_str().unwrap(),
            "--env-file",
            second.to_str().unwrap(),
        ];
        let arguments = [&["audit", "--format", "json"], &files[..]].concat();
        Report::of(&wa_db(&arguments, &Variables::new()))
    };
    let report = both(&webapp, &coreapp);
    let targets = report.json["targets"].as_array().unwrap();
    let roles: Vec<_> = targets.iter().map(|target| &target["role"]).collect();
    assert_eq!(roles, ["webapp", "coreapp"]);
    assert_eq!(report.finding("link-verification-off").0, "critical");
    // The coreapp ignores the variable, so that nothing is off the other way round.
    assert!(
        both(&coreapp, &webapp)
            .found("link-verification-off")
            .is_none()
    );
}
