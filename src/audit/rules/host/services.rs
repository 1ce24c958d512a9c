//! Rules about the two services that share the database.

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::settings::Role;

pub(in crate::audit::rules) const RULES: &[Rule] = &[SECRET_UNSET, SECRET_DIFFERS, LEGACY_OPTION];

const SECRET_UNSET: Rule = Rule {
    id: "host-secret-unset",
    title: "WA_SECRET is not set",
    severity: Severity::Low,
    also: &[],
    why: "webapp and coreapp prove themselves to each other with it. Where it is unset they fall back to what \
          everyone knows, or refuse each other; where other programs use the database, it does no harm.",
    fix: "Set WA_SECRET to the same long random text for both, such as openssl rand -hex 32 makes.",
    look: secret_unset,
};

const SECRET_DIFFERS: Rule = Rule {
    id: "host-secret-differs",
    title: "webapp and coreapp have different secrets",
    severity: Severity::High,
    also: &[],
    why: "They refuse each other's messages, or one of them was changed alone: by mistake, or by someone who wants \
          to speak in its place.",
    fix: "Set WA_SECRET to the same text in both environments.",
    look: secret_differs,
};

const LEGACY_OPTION: Rule = Rule {
    id: "host-legacy-option",
    title: "the legacy string is in use",
    severity: Severity::Low,
    also: &[],
    why: "WA_DB_CONNECTION_OPTION is translated as far as it has a meaning here, says nothing of what came after it, \
          and can weaken verification where nobody looks for it.",
    fix: "wa-db migrate prints it as variables; set those and remove it.",
    look: legacy_option,
};

const SECRET: &str = "WA_SECRET";

fn secret_unset(seen: &Evidence<'_>) -> Vec<Observation> {
    if seen.environment.get(SECRET).is_some() {
        return Vec::new();
    }
    let role = seen.settings.role();
    vec![Observation::new(
        format!("{SECRET} is unset or empty for {role}"),
        format!("set {SECRET} of webapp and coreapp to one text that openssl rand -hex 32 makes"),
    )]
}

fn secret_differs(seen: &Evidence<'_>) -> Vec<Observation> {
    let role = seen.settings.role();
    let own = seen.environment.get(SECRET);
    let others = seen
        .others()
        .map(|other| (other.role, other.environment.get(SECRET)));
    let observed = others
        .filter(|(_, secret)| *secret != own)
        .map(|(other, secret)| {
            let what = match (own, secret) {
                (Some(_), None) => format!("{SECRET} is set for {role} and not for {other}"),
                (None, _) => format!("{SECRET} is set for {other} and not for {role}"),
                _ => format!("{SECRET} of {role} is another than that of {other}"),
            };
            Observation::new(
                what,
                format!("set {SECRET} of {role} and {other} to the same text"),
            )
        });
    observed.collect()
}

fn legacy_option(seen: &Evidence<'_>) -> Vec<Observation> {
    const OPTION: &str = "WA_DB_CONNECTION_OPTION";
    // It counts for coreapp alone.
    let in_use = seen.settings.role() == Role::Coreapp && seen.environment.get(OPTION).is_some();
    if !in_use {
        return Vec::new();
    }
    let source = seen.environment.source(OPTION);
    vec![Observation::new(
        format!("{OPTION} is set ({source})"),
        format!(
            "wa-db migrate, with --env-file if it is in one: set what it prints and remove {OPTION}"
        ),
    )]
}
