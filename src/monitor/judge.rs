//! From what was found to one state and one sentence.

use super::snapshot::{Finding, State, TargetStatus, Urgency};
use crate::audit::Severity;
use crate::check::Status as StageOutcome;
use crate::code::Stage;

/// What a target is to be judged by.
pub(super) struct Facts<'a> {
    pub(super) target: &'a TargetStatus,
    /// Whether there was no look for too long.
    pub(super) is_stale: bool,
}

/// The state of a target, and why.
pub(super) fn target(facts: &Facts<'_>) -> (State, String) {
    let target = facts.target;
    if target.probed_at.is_none() {
        return (State::Starting, "not looked at yet".to_owned());
    }
    if facts.is_stale {
        return (
            State::Failing,
            "it was not looked at for too long: the monitor is stuck".to_owned(),
        );
    }
    let failed = target
        .stages
        .iter()
        .find(|stage| stage.status == StageOutcome::Failed);
    if let Some(stage) = failed {
        let why = stage.error.as_ref().map_or("", |error| error.code.as_str());
        return (
            State::Failing,
            format!("{} failed: {why}", name(stage.stage)),
        );
    }
    let mut reasons = reasons(target);
    if reasons.is_empty() {
        return (State::Healthy, "everything passed".to_owned());
    }
    let first = reasons.remove(0);
    let sentence = match reasons.len() {
        0 => first,
        more => format!("{first}, and {more} more to look at"),
    };
    (State::Degraded, sentence)
}

/// What should be done though it works, the gravest first.
fn reasons(target: &TargetStatus) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(tls) = &target.tls {
        if let Some(code) = tls.would_fail {
            reasons.push(format!("not verified, and would fail with {code}"));
        } else if !tls.verified {
            reasons.push("the server is not verified".to_owned());
        }
    }
    let served = target
        .chain
        .iter()
        .map(|certificate| (certificate.urgency, certificate.days_left));
    let own = target
        .own_certificates
        .iter()
        .map(|certificate| (certificate.urgency, certificate.days_left));
    let next = served
        .chain(own)
        .filter(|(urgency, _)| *urgency > Urgency::None)
        .map(|(_, days)| days)
        .min();
    if let Some(days) = next {
        reasons.push(format!("a certificate {}", ends(days)));
    }
    let grave =
        |finding: &&Finding| finding.suppressed.is_none() && finding.severity >= Severity::High;
    let audit = target.audit.as_ref();
    if audit.is_some_and(|audit| audit.stopped.is_some()) {
        reasons.push("the audit could not go on".to_owned());
    }
    let grave = audit.map_or(0, |audit| audit.findings.iter().filter(grave).count());
    if grave > 0 {
        let plural = if grave == 1 { "" } else { "s" };
        reasons.push(format!("{grave} grave finding{plural}"));
    }
    let warnings = target
        .stages
        .iter()
        .filter(|stage| warns(target, stage.stage));
    let warned: Vec<_> = warnings.map(|stage| stage.stage).collect();
    // That the server is not verified is the warning of the tls stage, and said already.
    let told = target.tls.as_ref().is_some_and(|tls| !tls.verified);
    for stage in warned {
        if !(told && stage == Stage::Tls) {
            reasons.push(format!("a warning at {}", name(stage)));
        }
    }
    reasons
}

/// A stage as it stands in a sentence.
pub(super) fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Tls => "TLS",
        other => other.as_str(),
    }
}

/// When a certificate ends that has so many days left, as it follows its name.
pub(super) fn ends(days_left: i64) -> String {
    match days_left {
        ..0 => "has expired".to_owned(),
        0 => "expires within a day".to_owned(),
        1 => "expires in 1 day".to_owned(),
        days => format!("expires in {days} days"),
    }
}

/// Whether a stage has a warning that asks for something to be done. That a server of the other kind than
/// `WA_DB_TARGET` asks for was passed over is how a list of servers is meant to work.
fn warns(target: &TargetStatus, stage: Stage) -> bool {
    let outcome = |which: Stage| {
        let mut stages = target.stages.iter();
        stages.find(|one| one.stage == which).map(|one| one.status)
    };
    let passed_over =
        stage == Stage::Session && outcome(Stage::Pool) == Some(StageOutcome::Skipped);
    outcome(stage) == Some(StageOutcome::Warn) && !passed_over
}

/// The state of all targets, and a sentence on it.
pub(super) fn all(targets: &[TargetStatus]) -> (State, String) {
    let worst = targets.iter().max_by_key(|target| target.state);
    let Some(worst) = worst else {
        return (State::Starting, "there is nothing to look at".to_owned());
    };
    let count = targets
        .iter()
        .filter(|target| target.state == worst.state)
        .count();
    let of_all = targets.len();
    let sentence = match worst.state {
        State::Healthy if of_all == 1 => "The connection is healthy".to_owned(),
        State::Healthy if of_all == 2 => "Both connections are healthy".to_owned(),
        State::Healthy => format!("All {of_all} connections are healthy"),
        State::Starting => "Taking a first look".to_owned(),
        State::Degraded if of_all == 1 => "The connection works and needs attention".to_owned(),
        State::Degraded => {
            let need = if count == 1 { "needs" } else { "need" };
            format!("{count} of {of_all} connections {need} attention")
        }
        State::Failing if of_all == 1 => "The connection fails".to_owned(),
        State::Failing if count == of_all => {
            let all = if count == 2 { "Both" } else { "All" };
            format!("{all} connections fail")
        }
        State::Failing => {
            let fail = if count == 1 { "fails" } else { "fail" };
            format!("{count} of {of_all} connections {fail}")
        }
    };
    (worst.state, sentence)
}

/// Why the monitor is not ready, one line for each target that is the reason; `None` where it is.
pub(super) fn why_not_ready(targets: &[TargetStatus]) -> Option<String> {
    let not_ready = targets
        .iter()
        .filter(|target| matches!(target.state, State::Starting | State::Failing));
    let lines: Vec<_> = not_ready
        .map(|target| format!("{} at {}: {}", target.role, target.endpoint, target.summary))
        .collect();
    (!lines.is_empty() || targets.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::Probe;
    use crate::code::ErrorCode;
    use crate::monitor::board::Target;
    use crate::monitor::fixtures::{self, board};

    fn passing(target: &Target) -> Probe {
        fixtures::passing(target, Duration::ZERO, 90)
    }

    fn ending(target: &Target) -> Probe {
        fixtures::passing(target, Duration::ZERO, 12)
    }

    fn unverified(target: &Target) -> Probe {
        let mut found = fixtures::warning(passing(target), target, Stage::Tls);
        if let Some(mut tls) = found.report.tls().cloned() {
            tls.verified = false;
            tls.would_fail = Some(ErrorCode::CertificateUntrusted);
            found.report = found.report.with_tls(tls);
        }
        found
    }

    fn warned(target: &Target) -> Probe {
        fixtures::warning(passing(target), target, Stage::Settings)
    }

    fn refused(target: &Target) -> Probe {
        fixtures::failing(target, Stage::Connect, ErrorCode::ConnectionRefused)
    }

    #[test]
    fn state_and_reason_follow_from_what_was_found() {
        for (look, state, summary) in [
            (
                Some(passing as fn(&Target) -> _),
                State::Healthy,
                "everything passed",
            ),
            (
                Some(ending),
                State::Degraded,
                "a certificate expires in 12 days",
            ),
            (
                Some(unverified),
                State::Degraded,
                "not verified, and would fail with certificate_untrusted",
            ),
            (Some(warned), State::Degraded, "a warning at settings"),
            (
                Some(refused),
                State::Failing,
                "connect failed: connection_refused",
            ),
            (None, State::Starting, "not looked at yet"),
        ] {
            let status = board([look]).status();
            let found = status.targets.first();
            let found = found.map(|target| (target.state, target.summary.as_str()));
            assert_eq!(found, Some((state, summary)));
            assert_eq!(status.state, state);
        }
    }

    #[test]
    fn ready_is_who_was_looked_at_and_did_not_fail() {
        for (looks, ready) in [
            (&[Some(passing as fn(&Target) -> _), Some(warned)][..], None),
            (
                &[Some(passing), None],
                Some("webapp at db1.lab:5432: not looked at yet"),
            ),
            (
                &[Some(refused), Some(passing)],
                Some("webapp at db0.lab:5432: connect failed: connection_refused"),
            ),
            (&[], Some("")),
        ] {
            let status = board(looks.iter().copied()).status();
            assert_eq!(why_not_ready(&status.targets).as_deref(), ready);
        }
    }

    #[test]
    fn look_that_is_long_overdue_fails_the_target() {
        let status = board([Some(passing as fn(&Target) -> _)]).status();
        let Some(target) = status.targets.first() else {
            return;
        };
        let facts = Facts {
            target,
            is_stale: true,
        };
        assert_eq!(super::target(&facts).0, State::Failing);
    }
}
