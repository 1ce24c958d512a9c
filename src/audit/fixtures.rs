//! Evidence made by hand, for the tests of rules about what no server on a test's machine can show.

#![allow(clippy::panic)]

use time::Date;

use super::evidence::Evidence;
use super::plan::{AuditPlan, Subject};
use super::report::{AuditTarget, Finding};
use super::rule::{Observation, Rule};
use super::rules;
use super::severity::Severity;
use super::suppressions::Suppressions;
use crate::connect::staged;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Environment, Role, Settings};
use crate::tls::TlsPolicy;

/// What evidence is about.
pub(super) struct Scene {
    plan: AuditPlan,
    settings: Settings,
    policy: TlsPolicy,
    endpoint: Endpoint,
}

impl Scene {
    /// The first server of the webapp with these variables.
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let subject = Subject {
            role: Role::Webapp,
            environment: Environment::from_pairs(variables.iter().copied()),
            env_file: None,
        };
        let (settings, policy) = staged::load(subject.role, &subject.environment)
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            plan: AuditPlan {
                roles: vec![subject.role],
                passed_over: Vec::new(),
                subjects: vec![subject],
                fail_on: Severity::High,
                suppressions: Suppressions::default(),
                today: Date::MIN,
                log_line: str::to_owned,
            },
            endpoint: settings.endpoints()[0].clone(),
            settings,
            policy,
        }
    }

    /// Nothing was seen yet.
    pub(super) fn evidence(&self) -> Evidence<'_> {
        let subject = &self.plan.subjects[0];
        Evidence::new(
            &self.plan,
            subject,
            &self.settings,
            &self.policy,
            &self.endpoint,
        )
    }
}

/// A server that nobody dials.
pub(super) const VARIABLES: [(&str, &str); 3] = [
    ("WA_DB_ENGINE", "PGSQL"),
    ("WA_DB_HOSTNAME", "db.example"),
    ("WA_DB_USERNAME", "app"),
];

/// What a rule finds for the webapp with these variables, of evidence changed by `change`.
pub(super) fn looked(
    rule: &Rule,
    variables: &[(&str, &str)],
    change: impl FnOnce(&mut Evidence<'_>),
) -> Vec<Observation> {
    let scene = Scene::of(variables);
    let mut evidence = scene.evidence();
    change(&mut evidence);
    let seen = (rule.look)(&evidence);
    for one in &seen {
        // Which looks at the severity.
        Finding::new(rule, one.clone());
    }
    seen
}

/// A target with findings of these rules.
pub(super) fn target(role: Role, endpoint: &str, ids: &[&str]) -> AuditTarget {
    let rule = |id: &&str| rules::all().find(|rule| rule.id == *id);
    let finding = |rule| Finding::new(rule, Observation::new("evidence", "fix"));
    AuditTarget {
        role,
        engine: Some(Engine::Postgres),
        endpoint: Some(endpoint.to_owned()),
        env_file: None,
        error: None,
        warnings: Vec::new(),
        findings: ids.iter().filter_map(rule).map(finding).collect(),
    }
}
