//! What was found, as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code
//! hosts and dashboards read: [`Sarif`].
//!
//! A server and a role are no place in a file, so each result stands at a logical location; where the
//! variables are from an env-file, that file is its physical one.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use openssl::sha::sha256;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::audit::{self, AuditError, AuditReport, AuditTarget, Finding, Rule, Severity};

/// Where the schema is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The name and version of how a result's fingerprint is made.
const FINGERPRINT: &str = "waDbAudit/v1";

/// A report, written as a SARIF log with one run.
#[derive(Debug)]
pub(super) struct Sarif<'a>(pub(super) &'a AuditReport);

impl Serialize for Sarif<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        log(self.0).serialize(serializer)
    }
}

fn log(report: &AuditReport) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "wa-db",
                "fullName": "wa-db audit",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": audit::rules().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(report)],
            "results": report.targets().iter().flat_map(results).collect::<Vec<_>>(),
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": format!("{}.", capital(rule.title))},
        "fullDescription": {"text": rule.why},
        "help": {"text": format!("{}\n\n{}", rule.why, rule.fix)},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {
            "security-severity": score(rule.severity),
            "tags": ["security", about(rule.id)],
        },
    })
}

/// How the audit went. What kept it from looking is no result but a notification.
fn invocation(report: &AuditReport) -> Value {
    let targets = report.targets();
    let failed = targets
        .iter()
        .filter_map(|target| Some((target, target.error.as_ref()?)));
    let failed = failed.map(|(target, error)| notification(target, error));
    let told = targets.iter().flat_map(|target| {
        let warnings = target.warnings.iter();
        warnings.map(|warning| warned(&format!("{}: {warning}", place(target))))
    });
    let notes = report.notes().iter().map(|note| warned(note));
    json!({
        "executionSuccessful": targets.iter().all(|target| target.error.is_none()),
        "exitCode": report.exit_code(),
        "toolExecutionNotifications": failed.chain(told).chain(notes).collect::<Vec<_>>(),
    })
}

fn notification(target: &AuditTarget, error: &AuditError) -> Value {
    let text = format!(
        "{}: stage {} failed with {}: {}. Next: {}",
        place(target),
        error.stage,
        error.code,
        error.message,
        error.hint
    );
    json!({"level": "error", "message": {"text": text}})
}

fn warned(text: &str) -> Value {
    json!({"level": "warning", "message": {"text": text}})
}

fn results(target: &AuditTarget) -> Vec<Value> {
    // A rule may find several things of one target: they are told apart by their order.
    let mut seen = HashMap::new();
    let results = target.findings.iter().map(|finding| {
        let number: &mut usize = seen.entry(finding.id).or_default();
        *number += 1;
        result(target, finding, *number)
    });
    results.collect()
}

fn result(target: &AuditTarget, finding: &Finding, number: usize) -> Value {
    let text = format!(
        "{}: {}. Fix: {}",
        capital(finding.title),
        finding.evidence,
        finding.fix
    );
    let mut result = json!({
        "ruleId": finding.id,
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [location(target)],
        "partialFingerprints": {FINGERPRINT: fingerprint(target, finding, number)},
        "suppressions": suppressions(finding),
        "properties": {
            "security-severity": score(finding.severity),
            "severity": finding.severity,
            "role": target.role,
            "endpoint": target.endpoint,
        },
    });
    let index = audit::rules().position(|rule| rule.id == finding.id);
    if let (Some(object), Some(index)) = (result.as_object_mut(), index) {
        object.insert("ruleIndex".to_owned(), index.into());
    }
    result
}

/// None at all says that nobody suppressed the result, which tells it from a log that does not know.
fn suppressions(finding: &Finding) -> Value {
    match &finding.suppressed {
        None => json!([]),
        Some(suppressed) => json!([{
            "kind": "external",
            "status": "accepted",
            "justification": suppressed.reason,
            "properties": {"until": suppressed.until},
        }]),
    }
}

fn location(target: &AuditTarget) -> Value {
    let endpoint = target.endpoint.as_deref().unwrap_or("settings");
    let logical = json!([{
        "name": endpoint,
        "fullyQualifiedName": place(target),
        "kind": "resource",
    }]);
    match &target.env_file {
        None => json!({"logicalLocations": logical}),
        Some(file) => json!({
            "physicalLocation": {"artifactLocation": {"uri": uri(file)}},
            "logicalLocations": logical,
        }),
    }
}

/// `webapp/postgres/db.lab:5432`.
fn place(target: &AuditTarget) -> String {
    let engine = target.engine.map(|engine| engine.to_string());
    let parts = [
        Some(target.role.to_string()),
        engine,
        target.endpoint.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// The same from run to run and from day to day, whatever the evidence says.
fn fingerprint(target: &AuditTarget, finding: &Finding, number: usize) -> String {
    let text = format!("{}\0{}\0{number}", finding.id, place(target));
    let hash = sha256(text.as_bytes());
    hash.iter().take(16).fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A path as a URI reference: a relative one stays so.
fn uri(file: &Path) -> String {
    let mut uri = String::new();
    if file.is_absolute() {
        uri.push_str("file://");
    }
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(*byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// A number in the bands of CVSS 3, by which code hosts sort: from 9.0 critical, from 7.0 high, from 4.0
/// medium.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
    }
}

/// What a rule is about: the first word of its name.
fn about(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

/// Words as a sentence begins. What may be a name or a command is left as it is.
fn capital(title: &str) -> String {
    let mut characters = title.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;
    use crate::cli::audit::fixtures;

    #[test]
    fn log_of_a_report_is_as_the_standard_has_it() {
        let mut log = log(&fixtures::report());
        let driver = &mut log["runs"][0]["tool"]["driver"];
        // Which rules there are is for others to say.
        let rules = driver["rules"].as_array_mut().unwrap();
        rules.retain(|rule| rule["id"] == "link-no-pins");
        for field in ["version", "semanticVersion"] {
            driver[field] = "the version".into();
        }
        for result in log["runs"][0]["results"].as_array_mut().unwrap() {
            result["ruleIndex"] = "the index".into();
        }
        insta::assert_snapshot!("sarif", serde_json::to_string_pretty(&log).unwrap());
    }

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            ("db.env", "db.env"),
            ("/etc/wa/db.env", "file:///etc/wa/db.env"),
            ("a b/#é?.env", "a%20b/%23%C3%A9%3F.env"),
            ("c:d", "c%3Ad"),
        ] {
            assert_eq!(uri(Path::new(path)), expected);
        }
    }

    #[test]
    fn fingerprint_outlives_evidence_and_tells_places_and_repetitions_apart() {
        let report = fixtures::report();
        let target = &report.targets()[0];
        let finding = target.findings[0].clone();
        let other = Finding {
            evidence: "seen on another day".to_owned(),
            ..finding.clone()
        };
        let of = |finding, number| fingerprint(target, finding, number);
        assert_eq!(of(&finding, 1), of(&other, 1));
        assert_ne!(of(&finding, 1), of(&finding, 2));
        assert_ne!(
            of(&finding, 1),
            fingerprint(&report.targets()[1], &finding, 1)
        );
        assert_eq!(of(&finding, 1).len(), 32);
    }
}
