//! The chains that servers present, looked at without logging in: for `wa-db pins` and `wa-db certs show`.

mod look;
mod target;

use std::io;

pub(super) use self::target::{Presented, TargetChain};
use super::exit::Exit;
use super::printer::{Paint, Printer};
use super::progress::Indicator;
use super::runtime;
use super::scope::Scope;

/// Looks at the servers of each scope, one after the other.
///
/// # Errors
/// There is no runtime.
pub(super) fn presented(scopes: &[Scope], logging: bool) -> Result<Vec<TargetChain>, Exit> {
    let runtime = runtime::start()?;
    let indicator = Indicator::beside(logging);
    let mut targets = Vec::new();
    for scope in scopes {
        let seen = runtime.block_on(look::at_all(scope, &|progress| indicator.show(progress)));
        targets.extend(seen);
    }
    drop(indicator);
    runtime::end(runtime);
    Ok(targets)
}

/// The targets, those together that different roles were told the same by.
pub(super) fn grouped(targets: &[TargetChain]) -> Vec<(String, &TargetChain)> {
    let mut groups: Vec<(String, &TargetChain)> = Vec::new();
    for target in targets {
        match groups
            .iter_mut()
            .find(|(_, same)| same.says_the_same(target))
        {
            Some((roles, _)) => {
                roles.push_str(", ");
                roles.push_str(target.role.as_str());
            }
            None => groups.push((target.role.to_string(), target)),
        }
    }
    groups
}

/// `webapp, coreapp → postgres db.lab:5432`.
pub(super) fn heading(
    roles: &str,
    target: &TargetChain,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let arrow = if printer.style().unicode {
        " → "
    } else {
        " -> "
    };
    printer.put(Paint::Strong, roles)?;
    if let (Some(engine), Some(endpoint)) = (target.engine, &target.endpoint) {
        printer.put(Paint::Faint, arrow)?;
        printer.put(Paint::Strong, &format!("{engine} {endpoint}"))?;
    }
    printer.end()
}

/// Prints why chains are not to be trusted, or were not seen.
pub(super) fn faults(targets: &[TargetChain], printer: &mut Printer<'_>) -> io::Result<()> {
    for (roles, target) in grouped(targets) {
        if let Some(error) = &target.error {
            let at = match &target.endpoint {
                Some(endpoint) => format!("{roles} {endpoint}: "),
                None => format!("{roles}: "),
            };
            let message = format!("{at}{}", error.message());
            printer.fault("", &message, error.hint())?;
            for other in error.others() {
                printer.fault("", &format!("{at}{}", other.message), &other.hint)?;
            }
        }
    }
    Ok(())
}

/// What verification says of a certificate.
pub(super) fn mark(seen: &Presented) -> &'static str {
    match (seen.verified, seen.sent) {
        (true, true) => "verified",
        (true, false) => "verified, not sent",
        (false, _) => "not verified",
    }
}
