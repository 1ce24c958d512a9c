//! The log for code hosts, held against what SARIF 2.1.0 requires.

use std::collections::HashSet;

use serde_json::Value;
use wa_db_lab::server::{Engine, TestServers};

use crate::contract::lab::Files;
use crate::support::{Variables, wa_db, with};
use crate::verdict::trusting;

/// A text that is there and says something.
#[track_caller]
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let text = value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default();
    assert!(!text.is_empty(), "{pointer} is missing: {value:#}");
    text
}

#[track_caller]
fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.unwrap_or_else(|| panic!("{pointer} is missing: {value:#}"))
}

/// The one run of a log, whose required fields are all there.
fn run(arguments: &[&str], variables: &Variables) -> (i32, Value) {
    let arguments = [&["audit", "--format", "sarif"], arguments].concat();
    let outcome = wa_db(&arguments, variables);
    let log = outcome.json();
    assert_eq!(log["version"], "2.1.0");
    assert!(text(&log, "/$schema").ends_with("sarif-schema-2.1.0.json"));
    let runs = list(&log, "/runs");
    assert_eq!(runs.len(), 1);
    let run = runs[0].clone();
    assert_eq!(text(&run, "/tool/driver/name"), "wa-db");
    assert_eq!(
        text(&run, "/tool/driver/version"),
        env!("CARGO_PKG_VERSION")
    );
    let mut ids = HashSet::new();
    let rules = list(&run, "/tool/driver/rules");
    for rule in rules {
        assert!(ids.insert(text(rule, "/id").to_owned()), "twice: {rule}");
        for pointer in [
            "/shortDescription/text",
            "/fullDescription/text",
            "/help/text",
        ] {
            text(rule, pointer);
        }
        has_level(text(rule, "/defaultConfiguration/level"), rule);
    }
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    assert_eq!(run["invocations"][0]["exitCode"], outcome.code);
    for result in list(&run, "/results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"], "{result:#}");
        text(result, "/message/text");
        has_level(text(result, "/level"), result);
        assert_eq!(list(result, "/locations").len(), 1);
        text(result, "/locations/0/logicalLocations/0/fullyQualifiedName");
        for suppression in list(result, "/suppressions") {
            assert_eq!(suppression["kind"], "external");
            text(suppression, "/justification");
        }
    }
    (outcome.code, run)
}

/// The level that goes with a number of CVSS.
#[track_caller]
fn has_level(level: &str, of: &Value) {
    let score: f64 = text(of, "/properties/security-severity").parse().unwrap();
    let expected = match score {
        7.0..=10.0 => "error",
        4.0..7.0 => "warning",
        _ => "note",
    };
    assert_eq!(level, expected, "{of:#}");
}

/// Fingerprint and rule of each result.
fn fingerprints(run: &Value) -> Vec<(String, String)> {
    let results = list(run, "/results").iter();
    let of = |result: &Value| {
        let print = text(result, "/partialFingerprints/waDbAudit~1v1").to_owned();
        (print, text(result, "/ruleId").to_owned())
    };
    results.map(of).collect()
}

#[test]
fn log_has_all_that_the_standard_requires_and_its_fingerprints_stay() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let variables = trusting(server, servers.ca_file());
        let (code, first) = run(&[], &variables);
        assert_eq!(code, 18);
        let prints = fingerprints(&first);
        let unique: HashSet<_> = prints.iter().map(|(print, _)| print).collect();
        assert_eq!(unique.len(), prints.len(), "{prints:?}");
        assert!(
            prints.iter().any(|(_, id)| id == "link-plaintext-logins"),
            "{prints:?}"
        );

        // Another finding changes nothing about the others.
        let (_, second) = run(
            &[],
            &with(&variables, [("WA_DB_SSL_SERVER_NAME", "db.lab")]),
        );
        let second = fingerprints(&second);
        for print in &prints {
            assert!(second.contains(print), "{print:?} is not in {second:?}");
        }
    }
}

#[test]
fn env_file_is_where_a_finding_is_and_a_suppression_says_why() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let files = Files::new();
    let variables = trusting(server, servers.ca_file());
    let lines = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"));
    let env_file = files.public("db.env", lines.collect::<String>());
    let entry = "[[suppress]]\nid = 'link-no-pins'\nreason = 'not yet'\nuntil = 2999-12-31\n";
    let suppressions = files.public("s.toml", entry);
    let arguments = ["--env-file", &*env_file, "--suppressions", &*suppressions];
    let (_, run) = run(&arguments, &Variables::new());
    let results = list(&run, "/results");
    assert!(results.len() > 1);
    for result in results {
        let uri = text(result, "/locations/0/physicalLocation/artifactLocation/uri");
        assert_eq!(uri, format!("file://{env_file}"));
        let is_suppressed = !list(result, "/suppressions").is_empty();
        assert_eq!(
            is_suppressed,
            result["ruleId"] == "link-no-pins",
            "{result:#}"
        );
    }
}

#[test]
fn server_that_is_not_looked_at_is_told_beside_the_results() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MySql);
    let variables = with(
        &trusting(server, servers.ca_file()),
        [("WA_DB_PASSWORD", "wrong")],
    );
    let (code, run) = run(&["--role", "webapp"], &variables);
    assert_eq!(code, 14);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let told = list(&run, "/invocations/0/toolExecutionNotifications");
    let errors: Vec<_> = told
        .iter()
        .filter(|told| told["level"] == "error")
        .collect();
    assert_eq!(errors.len(), 1, "{told:?}");
    assert!(
        text(errors[0], "/message/text").contains("authentication_failed"),
        "{told:?}"
    );
}
