//! The alert rules and the dashboard under `docker/monitoring` fit what a monitor tells.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wa_db_lab::run::finish;
use wa_db_lab::server::Engine;

use super::lab::lab;
use super::running::Monitor;

fn shipped(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("docker/monitoring").join(name)
}

/// Every metric of ours that a text names, without what a histogram adds to it.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("wa_db_"));
    ours.map(|word| word.trim_end_matches("_bucket").to_owned())
        .collect()
}

/// The expressions of a dashboard's panels.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value
                    .as_str()
                    .filter(|_| matches!(name.as_str(), "expr" | "query" | "definition"))
                {
                    Some(expression) => found.push(expression.to_owned()),
                    None => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn prometheus_accepts_the_rules_and_they_fire_as_their_tests_say() {
    for arguments in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts-test.yml"],
    ] {
        let mut promtool = Command::new("promtool");
        promtool.args(arguments).current_dir(shipped(""));
        let outcome = finish(&mut promtool, "", Duration::from_secs(60));
        let outcome = outcome.expect("promtool runs; tests/lab/install.sh installs it");
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn every_metric_that_rules_and_dashboard_name_is_told_by_a_live_monitor() {
    let rules = std::fs::read_to_string(shipped("alerts.yml")).unwrap();
    let dashboard = std::fs::read_to_string(shipped("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() >= 8, "{asked:?}");
    let mut wanted = named(&rules);
    wanted.extend(named(&asked.join("\n")));
    assert!(wanted.len() >= 8, "{wanted:?}");

    let variables = lab().variables(Engine::MariaDb);
    let mut monitor = Monitor::start("both", &["--interval", "1s"], &variables);
    monitor.wait_until("healthy");
    monitor.wait_for("an audit", |monitor| {
        monitor
            .ask("/metrics")
            .body
            .contains("wa_db_monitor_findings{")
    });
    let metrics = monitor.ask("/metrics").body;
    for name in wanted {
        assert!(
            metrics.contains(&format!("# TYPE {name} ")),
            "{name} is not told"
        );
        assert!(
            metrics.contains(&format!("# HELP {name} ")),
            "{name} has no words"
        );
    }
    // Prometheus itself can read it.
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    let outcome = finish(&mut promtool, &metrics, Duration::from_secs(60)).unwrap();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
