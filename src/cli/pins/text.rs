//! The pins of servers as text: one line each, and the line for the env-file last.

use std::io;

use super::report::{PinsReport, Presented, TargetPins};
use crate::cli::printer::{Paint, Printer};

/// What stands in the place of a pin, as wide as one.
const UNREADABLE: &str = "no key that can be read                            ";

/// Prints the pins.
pub(super) fn print(report: &PinsReport, printer: &mut Printer<'_>) -> io::Result<()> {
    for (roles, target) in grouped(report) {
        if target.chain.is_empty() {
            continue;
        }
        heading(&roles, target, printer)?;
        let width = target.chain.iter().map(|seen| mark(seen).len()).max();
        for seen in &target.chain {
            row(seen, width.unwrap_or_default(), printer)?;
        }
        printer.end()?;
    }
    match (&report.line, &report.claimed) {
        (Some(line), _) => printer.line(line),
        (None, Some(line)) => printer.line(&format!("# not verified: {line}")),
        (None, None) => Ok(()),
    }
}

/// The targets, those together that different roles were told the same by.
pub(super) fn grouped(report: &PinsReport) -> Vec<(String, &TargetPins)> {
    let mut groups: Vec<(String, &TargetPins)> = Vec::new();
    for target in &report.targets {
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
fn heading(roles: &str, target: &TargetPins, printer: &mut Printer<'_>) -> io::Result<()> {
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

fn row(seen: &Presented, width: usize, printer: &mut Printer<'_>) -> io::Result<()> {
    printer.put(
        Paint::Plain,
        &format!("  {}  ", seen.pin.as_deref().unwrap_or(UNREADABLE)),
    )?;
    let paint = if seen.verified {
        Paint::Good
    } else {
        Paint::Bad
    };
    printer.put(paint, mark(seen))?;
    let subject = match seen.certificate.subject.as_str() {
        "" => "no subject",
        subject => subject,
    };
    let missing = width.saturating_sub(mark(seen).len());
    printer.put(Paint::Plain, &format!("{:missing$}  {subject}", ""))?;
    printer.end()
}

fn mark(seen: &Presented) -> &'static str {
    match (seen.verified, seen.sent) {
        (true, true) => "verified",
        (true, false) => "verified, not sent",
        (false, _) => "not verified",
    }
}
