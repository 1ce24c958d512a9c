//! From reports to what is shown. Text that came from a server or a certificate goes through here once, and is
//! printable after it.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::board::Target;
use super::snapshot::{
    AuditStatus, CertificateStatus, ErrorStatus, Finding, OwnCertificate, Place, ServerStatus,
    StageStatus, State, TargetStatus, TlsStatus, Urgency,
};
use crate::check::{ErrorReport, PinState, Probe, StageReport, Status, TargetReport, TlsReport};
use crate::code::Stage;
use crate::failure::printable_up_to;
use crate::tls::{CertificateExpiries, CertificateFacts, seconds_left};

/// The longest text that is shown of anything: what a server says in an error is shorter, what we say of
/// several faults at once may come near.
const LONGEST: usize = 2000;
/// The most certificates of a chain and findings of an audit that are shown.
const MOST: usize = 100;
const DAY: f64 = 86_400.0;

/// A target as the newest look found it; what the look does not say is empty.
pub(super) fn target(target: &Target, probe: Option<&Probe>) -> TargetStatus {
    let report = probe.map(|probe| &probe.report);
    let tls = report.and_then(TargetReport::tls);
    TargetStatus {
        role: target.role,
        engine: target.engine,
        endpoint: text(&target.endpoint.to_string()),
        state: State::Starting,
        summary: String::new(),
        probed_at: None,
        probe_age_seconds: None,
        probes: 0,
        failed_probes: 0,
        connect_ms: report.and_then(connect_ms),
        stages: report.map_or_else(Vec::new, |report| {
            report.stages().iter().map(stage).collect()
        }),
        tls: tls.map(|tls| TlsStatus {
            protocol: tls.protocol.as_deref().map(text),
            cipher: tls.cipher.as_deref().map(text),
            verified: tls.verified,
            channel_bound: tls.channel_bound,
            would_fail: tls.would_fail,
        }),
        chain: tls.map(chain).unwrap_or_default(),
        own_certificates: probe.map_or_else(Vec::new, |probe| own(probe.expiries)),
        server: report
            .and_then(TargetReport::server)
            .map(|server| ServerStatus {
                version: text(&server.version),
                read_only: server.read_only,
                encrypted: server.encrypted,
            }),
        pins: probe.map_or(PinState::Unknown, |probe| probe.pins),
        history: Vec::new(),
        audit: None,
    }
}

/// What connecting took, from name resolution to a session that is ready, if it came to that.
pub(super) fn connect_ms(report: &TargetReport) -> Option<f64> {
    let stages = report.stages().iter();
    let connecting = stages.filter(|stage| {
        (Stage::Resolve..=Stage::Session).contains(&stage.stage())
            && stage.status() != Status::Skipped
    });
    report
        .ok()
        .then(|| connecting.map(|stage| stage.elapsed().get()).sum())
        // A sum of tenths is not always one.
        .map(|millis: f64| (millis * 10.0).round() / 10.0)
}

/// What an audit found, the gravest first and what is suppressed last.
pub(super) fn audit(
    at: SystemTime,
    mut findings: Vec<Finding>,
    stopped: Option<&str>,
) -> AuditStatus {
    for finding in &mut findings {
        for field in [
            &mut finding.id,
            &mut finding.title,
            &mut finding.evidence,
            &mut finding.why,
            &mut finding.fix,
        ] {
            *field = text(field);
        }
        finding.suppressed = finding.suppressed.as_deref().map(text);
    }
    findings.sort_by(|one, other| {
        let order = |finding: &Finding| {
            (
                finding.suppressed.is_some(),
                std::cmp::Reverse(finding.severity),
            )
        };
        order(one).cmp(&order(other)).then(one.id.cmp(&other.id))
    });
    findings.truncate(MOST);
    AuditStatus {
        audited_at: Some(moment(at)),
        stopped: stopped.map(text),
        findings,
    }
}

/// No audit yet, with the reason.
pub(super) fn unaudited(why: &str) -> AuditStatus {
    AuditStatus {
        audited_at: None,
        stopped: Some(text(why)),
        findings: Vec::new(),
    }
}

/// An earlier audit, with why there is no newer one.
pub(super) fn stopped(earlier: AuditStatus, why: &str) -> AuditStatus {
    AuditStatus {
        stopped: Some(text(why)),
        ..earlier
    }
}

/// A point in time in RFC 3339, in UTC and whole seconds.
pub(super) fn moment(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_else(|_| "?".to_owned())
}

fn text(text: &str) -> String {
    printable_up_to(LONGEST, text)
}

fn stage(report: &StageReport) -> StageStatus {
    StageStatus {
        stage: report.stage(),
        status: report.status(),
        elapsed_ms: report.elapsed().get(),
        detail: text(report.detail()),
        warnings: report
            .warnings()
            .iter()
            .map(|warning| text(warning))
            .collect(),
        error: report.error().map(error),
    }
}

fn error(report: &ErrorReport) -> ErrorStatus {
    let others = report.others().iter().map(|other| other.message.as_str());
    let messages: Vec<_> = std::iter::once(report.message()).chain(others).collect();
    ErrorStatus {
        code: report.code(),
        message: text(&messages.join("; ")),
        hint: text(report.hint()),
    }
}

fn chain(tls: &TlsReport) -> Vec<CertificateStatus> {
    let chain = tls.chain.iter().take(MOST).enumerate();
    chain
        .map(|(index, certificate)| CertificateStatus {
            place: place(index, certificate),
            subject: text(&certificate.subject),
            issuer: text(&certificate.issuer),
            names: certificate
                .names
                .iter()
                .take(MOST)
                .map(|name| text(name))
                .collect(),
            not_after: text(&certificate.not_after),
            days_left: certificate.days_left,
            urgency: Urgency::of(certificate.days_left),
            key: text(&certificate.key),
            signature: text(&certificate.signature),
            spki_sha256: text(&certificate.spki_sha256),
        })
        .collect()
}

fn place(index: usize, certificate: &CertificateFacts) -> Place {
    if index == 0 {
        Place::Server
    } else if certificate.subject == certificate.issuer {
        Place::Root
    } else {
        Place::Intermediate
    }
}

fn own(expiries: CertificateExpiries) -> Vec<OwnCertificate> {
    let known = [
        ("WA_DB_SSL_CERT", expiries.client),
        ("WA_DB_SSL_CA", expiries.ca),
    ];
    let known = known
        .into_iter()
        .filter_map(|(variable, end)| Some((variable, end?)));
    known
        .map(|(variable, end)| {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "whole days between any two dates of a certificate are few"
            )]
            let days_left = (seconds_left(end) / DAY).floor() as i64;
            OwnCertificate {
                variable,
                not_after: moment(end),
                days_left,
                urgency: Urgency::of(days_left),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Severity;
    use crate::monitor::fixtures::{HOSTILE, finding};

    #[test]
    fn findings_come_gravest_first_suppressed_last_and_printable() {
        let found = [
            finding("b", Severity::Low, false),
            finding("a", Severity::Critical, true),
            finding("d", Severity::High, false),
            finding("c", Severity::High, false),
        ];
        let audit = audit(SystemTime::UNIX_EPOCH, found.to_vec(), None);
        let ids: Vec<_> = audit.findings.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["c", "d", "b", "a"]);
        assert_eq!(audit.audited_at.as_deref(), Some("1970-01-01T00:00:00Z"));
        let shown = HOSTILE
            .replace('\u{1b}', "\\u{1b}")
            .replace('\u{202e}', "\\u{202e}");
        assert!(audit.findings.iter().all(|one| one.title == shown));
    }

    #[test]
    fn audit_of_many_findings_is_cut_and_keeps_the_gravest() {
        let mut found = vec![finding("low", Severity::Low, false); 500];
        found.push(finding("worst", Severity::Critical, false));
        let audit = audit(SystemTime::UNIX_EPOCH, found, None);
        assert_eq!(audit.findings.len(), MOST);
        assert_eq!(
            audit.findings.first().map(|one| one.id.as_str()),
            Some("worst")
        );
    }
}
