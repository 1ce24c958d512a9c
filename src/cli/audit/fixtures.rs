//! Reports made by hand, for the tests of what is printed.

use crate::audit::{AuditError, AuditReport, AuditTarget, Finding, Severity, Suppressed};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Engine;
use crate::settings::{Role, SettingsError};

const MISSPELT: &str = "WA_DB_SLL_CA is not known and has no effect";

/// Both roles at two servers, one of which lacks what the other has, and one role that was turned away.
pub(super) fn report() -> AuditReport {
    let pins = finding("link-no-pins", Severity::Low, "WA_DB_SSL_PINS is not set");
    let logins = finding(
        "link-plaintext-logins",
        Severity::High,
        "the server asked for a proof of the password",
    );
    let version = finding(
        "link-tls-version",
        Severity::Low,
        "the handshake agreed on TLSv1.2",
    );
    let store = Finding {
        suppressed: Some(Suppressed {
            reason: "the provider changes its CA".to_owned(),
            until: "2027-03-31".to_owned(),
        }),
        ..finding(
            "link-system-store",
            Severity::Medium,
            "WA_DB_SSL_CA is not set",
        )
    };
    let a = vec![logins.clone(), store.clone(), pins.clone()];
    let b = vec![logins, store, version, pins.clone()];
    let mut turned_away = target(Role::Coreapp, "b.lab:5432", vec![pins]);
    turned_away.error = Some(AuditError {
        stage: Stage::Authenticate,
        code: ErrorCode::AuthenticationFailed,
        message: "the server refuses the password of WA_DB_PASSWORD".to_owned(),
        hint: "check WA_DB_USERNAME and WA_DB_PASSWORD".to_owned(),
        faults: Vec::new(),
    });
    turned_away.warnings = vec![MISSPELT.to_owned()];
    let targets = vec![
        target(Role::Webapp, "a.lab:5432", a.clone()),
        target(Role::Webapp, "b.lab:5432", b),
        target(Role::Coreapp, "a.lab:5432", a),
        turned_away,
    ];
    AuditReport::new(targets, Severity::High)
}

/// One target with these findings, each at a severity.
pub(super) fn of(found: &[(&'static str, Severity)], fail_on: Severity) -> AuditReport {
    let findings = found
        .iter()
        .map(|(id, severity)| finding(id, *severity, "what was seen"));
    let target = target(Role::Webapp, "a.lab:5432", findings.collect());
    AuditReport::new(vec![target], fail_on)
}

/// Two servers of one misspelt environment, one of which does not tell everything.
pub(super) fn misspelt() -> AuditReport {
    let with = |endpoint: &str, warnings: &[&str]| AuditTarget {
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        ..target(Role::Webapp, endpoint, Vec::new())
    };
    let targets = vec![
        with("a.lab:5432", &[MISSPELT]),
        with(
            "b.lab:5432",
            &[MISSPELT, "the server does not tell its clock"],
        ),
    ];
    AuditReport::new(targets, Severity::High)
}

/// Settings with two faults.
pub(super) fn faulty() -> AuditReport {
    let error = SettingsError::two_missing();
    let roles = [Role::Webapp, Role::Coreapp];
    AuditReport::of_settings_error(&roles, &error, Severity::High)
}

/// A server whose words try to steer the terminal.
pub(super) fn hostile() -> AuditReport {
    let evidence = "the name is \u{1b}[2Jx\n  high  nothing\u{202e}";
    let findings = vec![finding("link-no-pins", Severity::High, evidence)];
    let target = target(Role::Webapp, "a.lab:5432", findings);
    AuditReport::new(vec![target], Severity::High)
}

fn target(role: Role, endpoint: &str, findings: Vec<Finding>) -> AuditTarget {
    AuditTarget {
        role,
        engine: Some(Engine::Postgres),
        endpoint: Some(endpoint.to_owned()),
        env_file: (role == Role::Webapp).then(|| "webapp.env".into()),
        error: None,
        warnings: Vec::new(),
        findings,
    }
}

fn finding(id: &'static str, severity: Severity, evidence: &str) -> Finding {
    Finding {
        id,
        severity,
        title: "what is the matter",
        evidence: evidence.to_owned(),
        why: "It matters because somebody may read everything.",
        fix: "set WA_DB_SOMETHING to what is right".to_owned(),
        suppressed: None,
    }
}
