//! What was found of several roles and servers, told once for all of them: [`groups`].

use std::cmp::Reverse;

use crate::audit::{AuditError, AuditTarget, Finding, Severity};

/// One thing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// What kept the audit from looking further.
    Error(&'a AuditError),
    /// A finding, suppressed or not.
    Finding(&'a Finding),
    /// What besides is to be known.
    Warning(&'a str),
}

/// What holds for exactly these targets.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) targets: Vec<&'a AuditTarget>,
    /// Errors, findings with the worst first, what is suppressed, warnings. Empty where nothing at all
    /// was found.
    pub(super) items: Vec<Item<'a>>,
}

/// Puts what was found under those it was found of: what holds for several targets comes once. What
/// is worst comes first.
pub(super) fn groups(targets: &[AuditTarget]) -> Vec<Group<'_>> {
    let mut told: Vec<(Item<'_>, Vec<usize>)> = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        for item in items(target) {
            match told.iter_mut().find(|(known, _)| *known == item) {
                Some((_, of)) if of.contains(&index) => {}
                Some((_, of)) => of.push(index),
                None => told.push((item, vec![index])),
            }
        }
    }
    let mut sets: Vec<(Vec<usize>, Vec<Item<'_>>)> = Vec::new();
    for (item, of) in told {
        match sets.iter_mut().find(|(known, _)| *known == of) {
            Some((_, items)) => items.push(item),
            None => sets.push((of, vec![item])),
        }
    }
    let silent = |index: &usize| targets.get(*index).is_some_and(is_silent);
    let silent: Vec<_> = (0..targets.len()).filter(silent).collect();
    if !silent.is_empty() {
        sets.push((silent, Vec::new()));
    }
    for (_, items) in &mut sets {
        items.sort_by_key(place);
    }
    sets.sort_by_key(|(of, items)| {
        (
            items.first().map(place),
            Reverse(of.len()),
            of.first().copied(),
        )
    });
    // Those of whom there is nothing to say come last.
    let silent = sets
        .iter()
        .take_while(|(_, items)| items.is_empty())
        .count();
    sets.rotate_left(silent);
    let group = |(of, items): (Vec<usize>, Vec<_>)| Group {
        targets: of.iter().filter_map(|index| targets.get(*index)).collect(),
        items,
    };
    sets.into_iter().map(group).collect()
}

fn items(target: &AuditTarget) -> impl Iterator<Item = Item<'_>> {
    let error = target.error.iter().map(Item::Error);
    let findings = target.findings.iter().map(Item::Finding);
    let warnings = target.warnings.iter();
    let warnings = warnings.map(|warning| Item::Warning(warning));
    error.chain(findings).chain(warnings)
}

fn is_silent(target: &AuditTarget) -> bool {
    items(target).next().is_none()
}

/// Where an item stands among those of its group; those of one place stay in their order.
fn place(item: &Item<'_>) -> (u8, Reverse<Option<Severity>>) {
    let (place, severity) = match item {
        Item::Error(_) => (0, None),
        Item::Finding(finding) if finding.suppressed.is_none() => (1, Some(finding.severity)),
        Item::Finding(finding) => (2, Some(finding.severity)),
        Item::Warning(_) => (3, None),
    };
    (place, Reverse(severity))
}

/// The roles and servers of a group, those together that have the same roles.
pub(super) fn headings(targets: &[&AuditTarget]) -> Vec<(String, String)> {
    let mut servers: Vec<(String, Vec<&str>)> = Vec::new();
    for target in targets {
        let server = match (target.engine, &target.endpoint) {
            (Some(engine), Some(endpoint)) => format!("{engine} {endpoint}"),
            _ => String::new(),
        };
        let role = target.role.as_str();
        match servers.iter_mut().find(|(known, _)| *known == server) {
            Some((_, roles)) => roles.push(role),
            None => servers.push((server, vec![role])),
        }
    }
    let mut headings: Vec<(String, String)> = Vec::new();
    for (server, roles) in servers {
        let roles = roles.join(", ");
        match headings.iter_mut().find(|(known, _)| *known == roles) {
            Some((_, servers)) => {
                servers.push_str(", ");
                servers.push_str(&server);
            }
            None => headings.push((roles, server)),
        }
    }
    headings
}
