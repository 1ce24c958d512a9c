//! The pins of servers as text: one line each, and the line for the env-file last.

use std::io;

use super::report::PinsReport;
use crate::cli::chains::{self, Presented};
use crate::cli::printer::{Paint, Printer};

/// What stands in the place of a pin, as wide as one.
const UNREADABLE: &str = "no key that can be read                            ";

/// Prints the pins.
pub(super) fn print(report: &PinsReport, printer: &mut Printer<'_>) -> io::Result<()> {
    for (roles, target) in chains::grouped(&report.targets) {
        if target.chain.is_empty() {
            continue;
        }
        chains::heading(&roles, target, printer)?;
        let width = target
            .chain
            .iter()
            .map(|seen| chains::mark(seen).len())
            .max();
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
    printer.put(paint, chains::mark(seen))?;
    let subject = match seen.certificate.subject.as_str() {
        "" => "no subject",
        subject => subject,
    };
    let missing = width.saturating_sub(chains::mark(seen).len());
    printer.put(Paint::Plain, &format!("{:missing$}  {subject}", ""))?;
    printer.end()
}
