//! Every role at every server of its list, with the patience that `--wait` asks for.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::plan::{CheckPlan, Progress, Waiting};
use super::recorder::{Deadline, Recorder};
use super::report::{CheckReport, ErrorReport, StageReport, Status, TargetReport};
use super::target::{Examined, Target, is_choosy};
use crate::code::{ErrorCode, Stage};
use crate::connect::staged;
use crate::endpoint::Endpoint;
use crate::settings::{Role, Settings};

/// The first pause between two attempts under `--wait`, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long after the end of the wait the last attempt, begun at that moment, may take.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// Checks every role of the plan at every server of its list, one after the other.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub async fn run(plan: &CheckPlan, progress: &dyn Fn(Progress)) -> CheckReport {
    let give_up = plan.wait.and_then(|wait| Instant::now().checked_add(wait));
    let mut targets = Vec::new();
    for role in &plan.roles {
        targets.extend(check_role(plan, *role, give_up, progress).await);
    }
    CheckReport::new(targets, plan.strict)
}

async fn check_role(
    plan: &CheckPlan,
    role: Role,
    give_up: Option<Instant>,
    progress: &dyn Fn(Progress),
) -> Vec<TargetReport> {
    progress(Progress {
        role,
        endpoint: None,
        stage: Stage::Settings,
        attempt: 1,
        waiting: None,
    });
    let started = Instant::now();
    let (settings, policy) = match staged::load(role, &plan.environment) {
        Ok(loaded) => loaded,
        Err(error) => {
            return vec![TargetReport::of_settings_error(
                role,
                &error,
                started.elapsed(),
            )];
        }
    };
    let loaded = StageReport::ok(Stage::Settings, started.elapsed(), "")
        .with_warnings(settings.warnings())
        .with_warnings(policy.warnings());
    let others_may_serve = is_choosy(&settings) && settings.endpoints().len() > 1;
    let mut targets = Vec::new();
    for endpoint in settings.endpoints() {
        let alone = settings.with_endpoint(endpoint.clone());
        let target = Target {
            settings: &alone,
            endpoint,
            policy: &policy,
            connections: plan.connections.resolve(settings.pool().max_size),
            examined: Examined::Closed,
            others_may_serve,
        };
        targets.push(persevere(plan, &target, &loaded, give_up, progress).await);
    }
    if others_may_serve && targets.iter().all(is_passed_over) {
        targets = targets
            .into_iter()
            .map(|target| none_serves(target, &settings))
            .collect();
    }
    targets
}

/// Tries one target, again and again while it may be starting and `--wait` allows it.
///
/// The first attempt has the time that the settings give it. A later one that hangs is cut off at
/// the end of the wait, and what the one before it found is the result.
async fn persevere(
    plan: &CheckPlan,
    target: &Target<'_>,
    loaded: &StageReport,
    give_up: Option<Instant>,
    progress: &dyn Fn(Progress),
) -> TargetReport {
    let tell = |stage, attempt, waiting| {
        progress(Progress {
            role: target.settings.role(),
            endpoint: Some(target.endpoint.clone()),
            stage,
            attempt,
            waiting,
        });
    };
    let started = Instant::now();
    let mut report = once(plan, target, loaded, &|stage| tell(stage, 1, None)).await;
    let Some(give_up) = give_up else {
        return report;
    };
    let mut pause = FIRST_PAUSE;
    let mut attempts = 1;
    while let Some((stage, code)) = worth_waiting_for(&report) {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let after = started.elapsed();
            tell(stage, attempts, Some(Waiting::GaveUp { after }));
            break;
        }
        tell(stage, attempts, Some(Waiting::Retries { code, left }));
        // Jitter keeps several services that wait for one server from knocking in step.
        let jittered = pause.mul_f64(rand::rng().random_range(0.75..1.25));
        sleep(jittered.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        attempts += 1;
        let began = |stage| tell(stage, attempts, None);
        // One that is cut off leaves what the one before it found, and no time for another.
        if let Ok(latest) =
            timeout_at(give_up + LAST_LOOK, once(plan, target, loaded, &began)).await
        {
            report = latest;
        }
    }
    report
}

async fn once(
    plan: &CheckPlan,
    target: &Target<'_>,
    loaded: &StageReport,
    began: &dyn Fn(Stage),
) -> TargetReport {
    let recorder = Recorder::new(began);
    recorder.push(loaded.clone());
    match plan.timeout {
        None => {
            // The recorder holds what stopped it.
            let _ = target.run(&recorder).await;
        }
        Some(length) => {
            let deadline = Deadline::after(length, "--timeout");
            if timeout(length, target.run(&recorder)).await.is_err() {
                recorder.out_of_time(&deadline);
            }
        }
    }
    recorder.finish(target.settings, target.endpoint)
}

/// The failure, if a server that is starting could explain it: stages 11, 12, 14 and 15. Faults of
/// settings and of TLS do not go away by waiting.
fn worth_waiting_for(report: &TargetReport) -> Option<(Stage, ErrorCode)> {
    let failed = report.stages().iter().find_map(|stage| {
        let error = stage.error()?;
        Some((stage.stage(), error.code()))
    });
    failed.filter(|(stage, _)| {
        matches!(
            stage,
            Stage::Resolve | Stage::Connect | Stage::Authenticate | Stage::Session
        )
    })
}

/// Whether the server is fine but of another kind than `WA_DB_TARGET` asks for.
fn is_passed_over(target: &TargetReport) -> bool {
    let pool = target
        .stages()
        .iter()
        .find(|stage| stage.stage() == Stage::Pool);
    target.ok() && pool.is_some_and(|stage| stage.status() == Status::Skipped)
}

/// The list holds no server of the kind that is asked for: each of them fails for it.
fn none_serves(target: TargetReport, settings: &Settings) -> TargetReport {
    let names = settings
        .endpoints()
        .iter()
        .map(Endpoint::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    target.with_failed_session(ErrorReport::new(
        ErrorCode::ReadOnly,
        format!("none of the servers of WA_DB_HOSTNAME ({names}) is of the kind that WA_DB_TARGET asks for"),
        "list a server of that kind in WA_DB_HOSTNAME, or set WA_DB_TARGET to any",
    ))
}
