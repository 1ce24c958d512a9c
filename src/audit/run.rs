//! Every role at every server of its list.

use super::gather::{Gathered, gather};
use super::plan::{AuditPlan, Subject};
use super::report::{AuditReport, AuditTarget, Finding};
use super::rules;
use crate::connect::staged;
use crate::endpoint::Endpoint;
use crate::settings::Role;

/// Looks at every server of every role that the plan does not pass over, one after the other, and judges what it saw. Tells `began`
/// of each server before it is dialled.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub async fn run(plan: &AuditPlan, began: &dyn Fn(Role, &Endpoint)) -> AuditReport {
    let mut targets = Vec::new();
    for subject in &plan.subjects {
        if plan.roles.contains(&subject.role) {
            targets.extend(audit_role(plan, subject, began).await);
        }
    }
    let notes = plan.suppressions.apply(&mut targets, plan.today);
    AuditReport::new(targets, plan.fail_on).with_notes(notes)
}

async fn audit_role(
    plan: &AuditPlan,
    subject: &Subject,
    began: &dyn Fn(Role, &Endpoint),
) -> Vec<AuditTarget> {
    let role = subject.role;
    let (settings, policy) = match staged::load(role, &subject.environment) {
        Ok(loaded) => loaded,
        Err(error) => return vec![AuditTarget::of_settings_error(role, &error)],
    };
    let mut targets = Vec::new();
    let endpoints = settings.endpoints().iter();
    for endpoint in endpoints.filter(|endpoint| !plan.passed_over.contains(endpoint)) {
        began(role, endpoint);
        let alone = settings.with_endpoint(endpoint.clone());
        let gathered = gather(plan, subject, &alone, &policy, endpoint).await;
        targets.push(judged(&gathered));
    }
    targets
}

fn judged(gathered: &Gathered<'_>) -> AuditTarget {
    let evidence = &gathered.evidence;
    let findings = rules::all()
        .flat_map(|rule| {
            let seen = (rule.look)(evidence).into_iter();
            seen.map(move |observation| Finding::new(rule, observation))
        })
        .collect();
    AuditTarget::new(evidence, gathered.failure.as_ref(), findings)
}
