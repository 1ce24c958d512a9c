//! Reports built by hand, with fixed numbers, for the tests of what is printed.

#![allow(clippy::panic)]

use std::time::Duration;

use super::printer::Style;
use crate::check::{
    CheckReport, ErrorReport, PoolReport, ServerReport, StageReport, TargetReport, TlsReport,
};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::{Endpoint, Engine, Host};
use crate::settings::Role;
use crate::tls::CertificateFacts;

/// A pipe that takes UTF-8.
pub(super) const PLAIN: Style = Style {
    colour: false,
    unicode: true,
    width: None,
};

/// A text without its colours; fails if it has other escape sequences.
pub(super) fn stripped(coloured: &str) -> String {
    let mut parts = coloured.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| {
        let sgr = part.strip_prefix('[').and_then(|part| part.split_once('m'));
        let (parameters, text) = sgr.unwrap_or_else(|| panic!("{part:?}"));
        assert!(
            parameters.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{part:?}"
        );
        text
    });
    first + &rest.collect::<String>()
}

/// Both roles pass, at two engines.
pub(super) fn passing() -> CheckReport {
    let mysql = target(Role::Coreapp, Engine::MySql, stages_until(Stage::Pool))
        .with_tls(TlsReport {
            channel_bound: false,
            ..tls()
        })
        .with_server(ServerReport {
            version: "MariaDB 10.11.14".to_owned(),
            read_only: true,
            encrypted: true,
        })
        .with_pool(pool(1));
    CheckReport::new(vec![passed_target(), mysql], false)
}

/// One target passes, the other is reached by a name that its certificate does not carry.
pub(super) fn failing() -> CheckReport {
    let mut stages = stages_until(Stage::Connect);
    let error = ErrorReport::new(
        ErrorCode::HostnameMismatch,
        "the certificate is for db.lab, not for wrong.lab, the host of WA_DB_HOSTNAME",
        "connect by a name that the certificate carries, or set WA_DB_SSL_SERVER_NAME=db.lab",
    );
    stages.push(StageReport::failed(Stage::Tls, micros(2_140), error));
    let unverified = TlsReport {
        verified: false,
        channel_bound: false,
        ..tls()
    };
    let failed = target_at("wrong.lab", Role::Coreapp, Engine::Postgres, stages);
    let failed = failed.with_tls(unverified);
    CheckReport::new(vec![passed_target(), failed], false)
}

/// Several settings at fault, and an engine nobody knows.
pub(super) fn faulty_settings() -> CheckReport {
    let fault = |code, variable: &str, message: &str, hint: &str| crate::settings::Fault {
        code,
        variable: variable.to_owned(),
        message: message.to_owned(),
        hint: hint.to_owned(),
    };
    let error = crate::settings::SettingsError::new(vec![
        fault(
            ErrorCode::VariableInvalid,
            "WA_DB_ENGINE",
            "WA_DB_ENGINE is no engine known here",
            "set it to MYSQL, MARIADB or PGSQL",
        ),
        fault(
            ErrorCode::FileMissing,
            "WA_DB_SSL_CA",
            "WA_DB_SSL_CA names a file that does not exist: /certs/ca.pem",
            "mount the file, or unset the variable to trust the system store",
        ),
    ]);
    CheckReport::of_settings_error(&[Role::Webapp], &error, micros(300))
}

/// Verification is off and would have failed.
pub(super) fn unverified(strict: bool) -> CheckReport {
    let mut stages = stages_until(Stage::Pool);
    let warning = "WA_DB_SSL_VERIFY is off: whoever answers at db.lab:5432 is believed and gets \
                   the password; verification would have failed with certificate_untrusted";
    stages[3] = StageReport::ok(Stage::Tls, micros(2_140), "").with_warning(warning);
    let tls = TlsReport {
        verified: false,
        channel_bound: false,
        would_fail: Some(ErrorCode::CertificateUntrusted),
        ..tls()
    };
    let target = target(Role::Webapp, Engine::Postgres, stages)
        .with_tls(tls)
        .with_server(server())
        .with_pool(pool(1));
    CheckReport::new(vec![target], strict)
}

/// A Unix socket: no TLS to speak of.
pub(super) fn socket() -> CheckReport {
    let mut stages = stages_until(Stage::Pool);
    stages[1] = StageReport::not_needed(Stage::Resolve, "Unix socket");
    stages[2] = StageReport::ok(Stage::Connect, micros(90), "/run/postgresql/.s.PGSQL.5432");
    stages[3] = StageReport::not_needed(Stage::Tls, "Unix socket: local, stays plain");
    let endpoint = Endpoint::new(Host::Socket("/run/postgresql".into()), 5432);
    let target = TargetReport::new(
        Role::Webapp,
        Some(Engine::Postgres),
        Some(&endpoint),
        stages,
    )
    .with_server(ServerReport {
        encrypted: false,
        ..server()
    })
    .with_pool(pool(1));
    CheckReport::new(vec![target], false)
}

/// A server that tries to draw on the terminal in every text it controls.
pub(super) fn hostile() -> CheckReport {
    let escape = "\u{1b}[2J\u{9b}31m\u{202e}\r\n  ✓ tls";
    let mut stages = stages_until(Stage::Connect);
    let error = ErrorReport::new(
        ErrorCode::CertificateUntrusted,
        format!("certificate of {escape}"),
        format!("hint {escape}"),
    );
    stages.push(StageReport::failed(Stage::Tls, micros(1), error).with_warning(escape));
    let certificate = CertificateFacts {
        subject: format!("CN={escape}"),
        issuer: format!("CN={escape}"),
        names: vec![format!("DNS:{escape}")],
        ..leaf()
    };
    let tls = TlsReport {
        cipher: Some(escape.to_owned()),
        verified: false,
        certificate: Some(certificate),
        ..tls()
    };
    let target = target(Role::Webapp, Engine::MySql, stages).with_tls(tls);
    CheckReport::new(vec![target], false)
}

pub(super) fn passed_target() -> TargetReport {
    target(Role::Webapp, Engine::Postgres, stages_until(Stage::Pool))
        .with_tls(tls())
        .with_server(server())
        .with_pool(pool(8))
}

fn target(role: Role, engine: Engine, stages: Vec<StageReport>) -> TargetReport {
    target_at("db.lab", role, engine, stages)
}

fn target_at(host: &str, role: Role, engine: Engine, stages: Vec<StageReport>) -> TargetReport {
    let endpoint = Endpoint::new(Host::Name(host.to_owned()), engine.default_port());
    TargetReport::new(role, Some(engine), Some(&endpoint), stages)
}

/// Stages that went well, up to and including this one.
fn stages_until(last: Stage) -> Vec<StageReport> {
    let all = [
        (Stage::Settings, 240, "roots from /certs/ca.pem"),
        (Stage::Resolve, 110, "127.0.0.1, ::1"),
        (Stage::Connect, 90, "127.0.0.1"),
        (Stage::Tls, 2_140, ""),
        (Stage::Authenticate, 3_460, "app"),
        (Stage::Session, 1_250_000, ""),
        (Stage::Pool, 41_030, ""),
    ];
    all.into_iter()
        .filter(|(stage, ..)| *stage <= last)
        .map(|(stage, elapsed, detail)| StageReport::ok(stage, micros(elapsed), detail))
        .collect()
}

pub(super) fn tls() -> TlsReport {
    let issuer = CertificateFacts {
        subject: "CN=Lab Intermediate, O=Lab".to_owned(),
        issuer: "CN=Lab Root, O=Lab".to_owned(),
        names: Vec::new(),
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2031-01-01T00:00:00Z".to_owned(),
        days_left: 1_501,
        key: "RSA 4096".to_owned(),
        signature: "sha256WithRSAEncryption".to_owned(),
        spki_sha256: "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=".to_owned(),
    };
    TlsReport {
        protocol: Some("TLSv1.3".to_owned()),
        cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
        verified: true,
        channel_bound: true,
        certificate: Some(leaf()),
        chain: vec![leaf(), issuer],
        from_store: Vec::new(),
        would_fail: None,
    }
}

pub(super) fn leaf() -> CertificateFacts {
    CertificateFacts {
        subject: "CN=db.lab".to_owned(),
        issuer: "CN=Lab Intermediate, O=Lab".to_owned(),
        names: vec!["DNS:db.lab".to_owned(), "IP:127.0.0.1".to_owned()],
        not_before: "2026-11-20T12:00:00Z".to_owned(),
        not_after: "2027-02-18T12:00:00Z".to_owned(),
        days_left: 89,
        key: "EC P-256".to_owned(),
        signature: "ecdsa-with-SHA256".to_owned(),
        spki_sha256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
    }
}

fn server() -> ServerReport {
    ServerReport {
        version: "PostgreSQL 15.18".to_owned(),
        read_only: false,
        encrypted: true,
    }
}

fn pool(opened: usize) -> PoolReport {
    PoolReport {
        opened,
        elapsed_ms: micros(41_030).into(),
    }
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}
