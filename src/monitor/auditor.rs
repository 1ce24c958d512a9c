//! Audits every target, less often than it is looked at: [`keep`]. What an audit reports becomes findings of
//! ours here and nowhere else.

use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt as _;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until, timeout};

use super::options::Options;
use super::schedule::JITTER;
use super::snapshot::Finding;
use super::subject::{Subject, Surroundings};
use crate::audit::{self, AuditPlan, AuditReport, AuditTarget, Severity, Suppressions};
use crate::settings::Role;

/// How long the audit of one target may take.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// So many intervals lie between two audits.
const INTERVALS: u32 = 10;
/// How long after the start the first one is: the first looks go before it.
const FIRST: Duration = Duration::from_secs(2);

/// Audits one role after the other, again and again, until the end is near. Nobody looks at a target while
/// it is audited. Where nobody gets through the login, the audit waits for the first who does.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub(super) async fn keep(subjects: &[Subject], options: &Options, around: &Surroundings) {
    let mut next = Instant::now() + FIRST;
    loop {
        let is_everything = tokio::select! {
            biased;
            () = around.ending.cancelled() => return,
            () = sleep_until(next) => true,
            () = around.recovered.notified() => false,
        };
        for role in &options.roles {
            if around.ending.is_cancelled() {
                return;
            }
            let of_role = subjects.iter().filter(|one| one.target.role == *role);
            let (due, others): (Vec<_>, Vec<_>) =
                of_role.partition(|one| is_everything || one.awaits_audit());
            audit(*role, due, others, options, around).await;
        }
        if is_everything {
            let jitter = rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER);
            next = Instant::now() + (options.interval * INTERVALS).mul_f64(jitter);
        }
    }
}

/// Audits the targets of a role that are due, as far as they may be audited now.
async fn audit(
    role: Role,
    due: Vec<&Subject>,
    mut others: Vec<&Subject>,
    options: &Options,
    around: &Surroundings,
) {
    let turns = join_all(due.iter().map(|subject| subject.turn())).await;
    let mut audited = Vec::new();
    for (subject, turn) in due.into_iter().zip(turns) {
        if subject.may_be_audited(&around.board) {
            audited.push((subject, turn));
        } else {
            // Its turn ends here: it waits for a look.
            others.push(subject);
        }
    }
    if audited.is_empty() {
        return;
    }
    let limit = LIMIT * u32::try_from(audited.len()).unwrap_or(u32::MAX);
    let plan = plan(role, &others, options);
    let auditing = audit::run(&plan, &|_, _| ());
    let Ok(report) = timeout(limit, auditing).await else {
        tracing::warn!(%role, ?limit, "an audit took too long: its findings are those of the one before");
        for (subject, _) in audited {
            subject.not_audited(&around.board, &format!("it took longer than {limit:?}"));
        }
        return;
    };
    for (subject, _) in &audited {
        if let Some(target) = found(&report, subject) {
            let stopped = target.error.as_ref();
            let stopped = stopped.map(|error| format!("{}: {}", error.stage, error.message));
            subject.audited(&around.board, findings(target), stopped.as_deref());
        }
    }
}

/// What to look at: every service there is, since rules compare them, and one role of it, at the servers that
/// are not passed over.
fn plan(role: Role, passed_over: &[&Subject], options: &Options) -> AuditPlan {
    let passed_over = passed_over.iter();
    let service = |role: &Role| audit::Subject {
        role: *role,
        environment: options.environment.clone(),
        env_file: options.env_file.clone(),
    };
    AuditPlan {
        subjects: options.roles.iter().map(service).collect(),
        roles: vec![role],
        passed_over: passed_over.map(|one| one.target.endpoint.clone()).collect(),
        // Findings are told whatever they are; nothing fails for them.
        fail_on: Severity::Critical,
        suppressions: suppressions(options),
        today: OffsetDateTime::now_utc().date(),
        log_line: options.log_line,
    }
}

/// The findings that are let stand. A file that became unusable lets none.
fn suppressions(options: &Options) -> Suppressions {
    let Some(file) = &options.suppressions else {
        return Suppressions::default();
    };
    Suppressions::read(file).unwrap_or_else(|error| {
        for fault in error.faults() {
            tracing::warn!("no finding is let stand: {}", fault.message);
        }
        Suppressions::default()
    })
}

/// What a report says of a target; faults of the settings are those of every server.
fn found<'a>(report: &'a AuditReport, subject: &Subject) -> Option<&'a AuditTarget> {
    let endpoint = subject.target.endpoint.to_string();
    let mut targets = report.targets().iter();
    targets.find(|target| match &target.endpoint {
        Some(named) => *named == endpoint,
        None => true,
    })
}

fn findings(target: &AuditTarget) -> Vec<Finding> {
    let findings = target.findings.iter().map(|finding| Finding {
        id: finding.id.to_owned(),
        severity: finding.severity,
        title: finding.title.to_owned(),
        evidence: finding.evidence.clone(),
        why: finding.why.to_owned(),
        fix: finding.fix.clone(),
        suppressed: finding
            .suppressed
            .as_ref()
            .map(|suppressed| format!("until {}: {}", suppressed.until, suppressed.reason)),
    });
    findings.collect()
}
