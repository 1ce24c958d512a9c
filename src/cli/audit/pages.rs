//! What there is to read about the rules without a server: `--list` and `--explain`.

use std::io;

use serde::Serialize;

use crate::audit::{self, Rule, Severity};
use crate::cli::args::{AuditArgs, AuditFormat};
use crate::cli::audit::text::paint;
use crate::cli::exit::{self, Exit};
use crate::cli::printer::{self, Paint, Printer};

/// Prints the list or the page.
pub(super) fn run(args: &AuditArgs) -> Exit {
    let printed = printer::to_stdout(|printer| match (args.explain, args.format) {
        (Some(rule), AuditFormat::Json) => printer.json(&Page::of(rule)),
        (None, AuditFormat::Json) => {
            let rules = audit::rules().map(Page::of).collect();
            printer.json(&List { version: 1, rules })
        }
        (Some(rule), _) => page(rule, printer),
        (None, _) => list(printer),
    });
    exit::printed(printed, Exit::Success)
}

/// A rule in JSON.
#[derive(Debug, Serialize)]
struct Page {
    id: &'static str,
    /// How bad it is, unless a finding says otherwise.
    severity: Severity,
    /// All that a finding may be.
    severities: Vec<Severity>,
    title: &'static str,
    why: &'static str,
    fix: &'static str,
}

/// Every rule in JSON.
#[derive(Debug, Serialize)]
struct List {
    version: u8,
    rules: Vec<Page>,
}

impl Page {
    fn of(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            severity: rule.severity,
            severities: rule.severities(),
            title: rule.title,
            why: rule.why,
            fix: rule.fix,
        }
    }
}

/// One line for each rule.
fn list(printer: &mut Printer<'_>) -> io::Result<()> {
    let widest = |text: fn(&Rule) -> usize| audit::rules().map(text).max().unwrap_or_default();
    let id = widest(|rule| rule.id.len());
    let severity = widest(|rule| range(rule).len());
    for rule in audit::rules() {
        printer.put(Paint::Plain, &format!("{:id$}  ", rule.id))?;
        let range = range(rule);
        printer.put(paint(rule.severity), &format!("{range:severity$}"))?;
        printer.line(&format!("  {}", rule.title))?;
    }
    Ok(())
}

/// How bad a finding may be: `high`, or `low to high`.
fn range(rule: &Rule) -> String {
    match rule.severities()[..] {
        [least, .., worst] => format!("{least} to {worst}"),
        _ => rule.severity.to_string(),
    }
}

/// All there is to know of a rule.
fn page(rule: &Rule, printer: &mut Printer<'_>) -> io::Result<()> {
    printer.put(Paint::Strong, rule.id)?;
    printer.line(&format!(": {}", rule.title))?;
    printer.end()?;
    printer.labelled("  ", paint(rule.severity), "severity", &range(rule))?;
    printer.labelled("  ", Paint::Faint, "why", &format!("     {}", rule.why))?;
    printer.labelled("  ", Paint::Hint, "fix", &format!("     {}", rule.fix))?;
    printer.end()?;
    printer.line("To let it stand for a while, write into the file of --suppressions:")?;
    for line in [
        "[[suppress]]",
        &format!("id = \"{}\"", rule.id),
        "reason = \"why it may stand\"",
        "until = 2027-03-31",
    ] {
        printer.line(&format!("  {line}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::range;
    use crate::audit;

    #[test]
    fn every_severity_that_a_finding_may_have_is_within_the_range() {
        for (id, expected) in [
            ("cert-expires", "medium to critical"),
            ("cert-key-directory-writable", "low to high"),
            ("link-verification-off", "high to critical"),
            ("link-no-pins", "low"),
        ] {
            let rule = audit::rules().find(|rule| rule.id == id).unwrap();
            assert_eq!(range(rule), expected, "{id}");
        }
    }
}
