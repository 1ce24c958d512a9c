//! Probes as they could have been found, for tests.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::board::{Board, Target};
use super::snapshot::Finding;
use crate::audit::Severity;
use crate::check::{
    ErrorReport, PinState, Probe, ServerReport, StageReport, TargetReport, TlsReport,
};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::{Endpoint, Engine, Host};
use crate::settings::Role;
use crate::tls::{CertificateExpiries, CertificateFacts};

/// Markup, a control sequence and a mark that turns the direction of writing.
pub(super) const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{1b}[2J\u{202e}";

/// A target at a host of this name.
pub(super) fn target(role: Role, host: &str) -> Target {
    Target {
        role,
        engine: Engine::Postgres,
        endpoint: Endpoint::new(Host::Name(host.to_owned()), 5432),
    }
}

/// A look at which every stage took so long, with a certificate that has so many days left.
pub(super) fn passing(target: &Target, took: Duration, days_left: i64) -> Probe {
    let stages = Stage::ALL.map(|stage| StageReport::ok(stage, took, ""));
    probe(target, stages.to_vec(), days_left)
}

/// A look that failed at a stage.
pub(super) fn failing(target: &Target, stage: Stage, code: ErrorCode) -> Probe {
    let error = ErrorReport::new(code, HOSTILE, HOSTILE);
    let failed = StageReport::failed(stage, Duration::from_millis(1), error);
    let before = Stage::ALL.into_iter().filter(|earlier| *earlier < stage);
    let before = before.map(|stage| StageReport::ok(stage, Duration::from_millis(1), HOSTILE));
    probe(target, before.chain([failed]).collect(), 90)
}

/// The same look with a warning at a stage.
pub(super) fn warning(mut found: Probe, target: &Target, at: Stage) -> Probe {
    let stages = found.report.stages().iter().cloned();
    let stages = stages.map(|stage| {
        if stage.stage() == at {
            stage.with_warning(HOSTILE)
        } else {
            stage
        }
    });
    let tls = found.report.tls().cloned();
    let report = report(target, stages.collect());
    found.report = match tls {
        Some(tls) => report.with_tls(tls),
        None => report,
    };
    found
}

fn report(target: &Target, stages: Vec<StageReport>) -> TargetReport {
    TargetReport::new(
        target.role,
        Some(target.engine),
        Some(&target.endpoint),
        stages,
    )
}

fn probe(target: &Target, stages: Vec<StageReport>, days_left: i64) -> Probe {
    let certificate = CertificateFacts {
        subject: HOSTILE.to_owned(),
        issuer: HOSTILE.to_owned(),
        names: vec![HOSTILE.to_owned()],
        not_before: HOSTILE.to_owned(),
        not_after: HOSTILE.to_owned(),
        days_left,
        key: HOSTILE.to_owned(),
        signature: HOSTILE.to_owned(),
        spki_sha256: HOSTILE.to_owned(),
    };
    let tls = TlsReport {
        protocol: Some(HOSTILE.to_owned()),
        cipher: Some(HOSTILE.to_owned()),
        verified: true,
        channel_bound: true,
        certificate: Some(certificate.clone()),
        chain: vec![certificate],
        from_store: Vec::new(),
        would_fail: None,
    };
    let server = ServerReport {
        version: HOSTILE.to_owned(),
        read_only: false,
        encrypted: true,
    };
    Probe {
        report: report(target, stages).with_tls(tls).with_server(server),
        expiries: CertificateExpiries::default(),
        pins: PinState::Unset,
    }
}

/// A finding of a rule.
pub(super) fn finding(id: &str, severity: Severity, suppressed: bool) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        title: HOSTILE.to_owned(),
        evidence: HOSTILE.to_owned(),
        why: HOSTILE.to_owned(),
        fix: HOSTILE.to_owned(),
        suppressed: suppressed.then(|| HOSTILE.to_owned()),
    }
}

/// A board of one target for each of these looks; `None`: not looked at yet.
pub(super) fn board(looks: impl IntoIterator<Item = Option<fn(&Target) -> Probe>>) -> Board {
    let looks: Vec<_> = looks.into_iter().collect();
    let targets: Vec<_> = (0..looks.len())
        .map(|index| target(Role::Webapp, &format!("db{index}.lab")))
        .collect();
    let board = Board::new(
        targets.clone(),
        Duration::from_secs(30),
        Duration::from_secs(60),
    );
    for (index, look) in looks.into_iter().enumerate() {
        if let Some(look) = look {
            board.looked(index, look(&targets[index]), Duration::from_secs(30));
        }
    }
    board
}
