//! Findings that a file lets stand.

use std::fmt::Write as _;

use time::{Duration, OffsetDateTime};
use wa_db_lab::server::{Engine, TestServers};

use super::support::{Report, audit_as};
use crate::contract::lab::Files;
use crate::support::{Variables, wa_db};
use crate::verdict::trusting;

/// The day so many days from now.
fn day(from_now: i64) -> String {
    (OffsetDateTime::now_utc() + Duration::days(from_now))
        .date()
        .to_string()
}

fn entries<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (id, rest) in entries {
        writeln!(text, "[[suppress]]\nid = '{id}'\nreason = 'ours'\n{rest}\n").unwrap();
    }
    text
}

fn suppressing(variables: &Variables, file: &str) -> Report {
    audit_as(
        "webapp",
        variables,
        &["--fail-on", "low", "--suppressions", file],
    )
}

#[test]
fn what_a_file_lets_stand_does_not_count_until_its_day_is_over() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let variables = trusting(server, servers.ca_file());
        let files = Files::new();
        let all = audit_as("webapp", &variables, &[]);
        let mut ids: Vec<_> = all
            .findings()
            .iter()
            .map(|found| found["id"].as_str().unwrap())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.contains(&"link-plaintext-logins"), "{ids:?}");

        let good = format!("until = {}", day(1));
        let file = files.public("good.toml", entries(ids.iter().map(|id| (*id, &*good))));
        let report = suppressing(&variables, &file);
        assert_eq!(report.code, 0, "{:#}", report.json);
        assert_eq!(
            report.json["notes"].as_array().unwrap().len(),
            0,
            "{:#}",
            report.json
        );
        for found in report.findings() {
            let expected = serde_json::json!({"reason": "ours", "until": day(1)});
            assert_eq!(found["suppressed"], expected, "{found}");
        }
        let text = wa_db(
            &["audit", "--role", "webapp", "--suppressions", &file],
            &variables,
        );
        assert_eq!(text.code, 0, "{text:?}");
        let line = format!(
            "suppressed: link-plaintext-logins (high) until {}: ours",
            day(1)
        );
        assert!(text.stdout.contains(&line), "{text:?}");

        let over = format!("until = {}", day(-2));
        let file = files.public("over.toml", entries(ids.iter().map(|id| (*id, &*over))));
        let report = suppressing(&variables, &file);
        assert_eq!(report.code, 18, "{:#}", report.json);
        assert!(
            report
                .findings()
                .iter()
                .all(|found| found["suppressed"].is_null())
        );
        let notes = report.json["notes"].as_array().unwrap();
        assert_eq!(notes.len(), ids.len(), "{notes:?}");
        for note in notes {
            let told = format!("ended on {}, and what it was for is still there", day(-2));
            assert!(note.as_str().unwrap().ends_with(&told), "{note}");
        }
    }
}

#[test]
fn other_roles_and_servers_are_not_suppressed_and_what_matches_nothing_is_noted() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let variables = trusting(server, servers.ca_file());
    let files = Files::new();
    let endpoint = format!("endpoint = '127.0.0.1:{}'", server.port());
    for (narrow, suppressed, notes) in [
        ("", true, 0),
        (&*endpoint, true, 0),
        ("role = 'webapp'", true, 0),
        // The coreapp was not looked at, so that nothing is known of it.
        ("role = 'coreapp'", false, 0),
        ("endpoint = 'db.lab:5432'", false, 1),
    ] {
        let rest = format!("until = '{}'\n{narrow}", day(30));
        let file = files.public("s.toml", entries([("link-no-pins", &*rest)]));
        let report = suppressing(&variables, &file);
        let found = report.found("link-no-pins").unwrap();
        assert_eq!(
            !found["suppressed"].is_null(),
            suppressed,
            "{narrow}: {found}"
        );
        let told = report.json["notes"].as_array().unwrap();
        assert_eq!(told.len(), notes, "{narrow}: {told:?}");
    }
}

#[test]
fn file_with_a_fault_ends_with_10_and_says_where_it_is() {
    let variables = Variables::new();
    let files = Files::new();
    let file = files.public("bad.toml", entries([("link-no-pin", "until = 'soon'")]));
    let report = audit_as("webapp", &variables, &["--suppressions", &file]);
    assert_eq!(report.code, 10, "{:#}", report.json);
    let error = &report.json["targets"][0]["error"];
    let message = error["message"].as_str().unwrap();
    for part in [
        "line 2: there is no rule link-no-pin",
        "line 4: until is no day",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let text = wa_db(&["audit", "--suppressions", &file], &variables);
    assert_eq!(text.code, 10, "{text:?}");
    assert_eq!(text.stdout.matches("error: ").count(), 2, "{text:?}");
    assert!(
        text.stdout.contains("did you mean link-no-pins?"),
        "{text:?}"
    );

    let missing = audit_as("webapp", &variables, &["--suppressions", "/no/such/file"]);
    assert_eq!(missing.code, 10);
    assert_eq!(missing.json["targets"][0]["error"]["code"], "file_missing");
}
