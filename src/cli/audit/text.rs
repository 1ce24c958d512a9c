//! What was found, for people: [`print`].

mod groups;
#[cfg(test)]
mod tests;

use std::io;

use self::groups::{Group, Item, groups};
use crate::audit::{AuditError, AuditReport, AuditTarget, Finding, Severity};
use crate::cli::printer::{Paint, Printer};

/// Before what is said about a finding.
const INDENT: &str = "      ";

/// How much to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What fails the audit, and the summary.
    Failing,
    /// Every finding, and why it matters where it is bad.
    Normal,
    /// Every finding, and why it matters.
    Everything,
}

/// How a severity looks.
pub(super) fn paint(severity: Severity) -> Paint {
    match severity {
        Severity::Critical | Severity::High => Paint::Bad,
        Severity::Medium => Paint::Caution,
        Severity::Low => Paint::Strong,
    }
}

/// Prints a report: what was found, under the roles and servers that it was found of, each thing
/// once and the worst first.
pub(super) fn print(
    report: &AuditReport,
    detail: Detail,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let groups = groups(report.targets());
    let mut text = Text {
        printer,
        detail,
        fail_on: report.fail_on(),
    };
    for group in &groups {
        text.group(group)?;
    }
    if detail != Detail::Failing {
        for note in report.notes() {
            text.printer.labelled("", Paint::Caution, "warning", note)?;
        }
        if !report.notes().is_empty() {
            text.printer.end()?;
        }
    }
    text.summary(report, &groups)
}

/// Prints what is odd about the settings and what could not be looked at, each thing once, and what is to
/// be known of the suppressions: what [`Detail::Failing`] leaves out beside the findings.
pub(super) fn warnings(report: &AuditReport, printer: &mut Printer<'_>) -> io::Result<()> {
    let of_targets = report.targets().iter().flat_map(|target| &target.warnings);
    let mut told = Vec::new();
    for warning in of_targets.chain(report.notes()) {
        if !told.contains(&warning) {
            printer.labelled("", Paint::Caution, "warning", warning)?;
            told.push(warning);
        }
    }
    Ok(())
}

struct Text<'p, 'o> {
    printer: &'p mut Printer<'o>,
    detail: Detail,
    fail_on: Severity,
}

impl Text<'_, '_> {
    fn group(&mut self, group: &Group<'_>) -> io::Result<()> {
        let items = group.items.iter().filter(|item| self.shows(item));
        let items: Vec<_> = items.collect();
        let is_quiet = self.detail == Detail::Failing;
        if items.is_empty() && is_quiet {
            return Ok(());
        }
        self.heading(&group.targets)?;
        if group.items.is_empty() {
            self.printer.put(Paint::Good, "  nothing found")?;
            self.printer.end()?;
        }
        for item in items {
            match item {
                Item::Error(error) => self.error(error)?,
                Item::Finding(finding) if finding.suppressed.is_some() => {
                    self.suppressed(finding)?;
                }
                Item::Finding(finding) => self.finding(finding)?,
                Item::Warning(warning) => {
                    let indent = "  ";
                    self.printer
                        .labelled(indent, Paint::Caution, "warning", warning)?;
                }
            }
        }
        self.printer.end()
    }

    fn shows(&self, item: &Item<'_>) -> bool {
        self.detail != Detail::Failing
            || match item {
                Item::Error(_) => true,
                Item::Finding(finding) => {
                    finding.suppressed.is_none() && finding.severity >= self.fail_on
                }
                Item::Warning(_) => false,
            }
    }

    /// `webapp, coreapp → postgres db.lab:5432`.
    fn heading(&mut self, targets: &[&AuditTarget]) -> io::Result<()> {
        let arrow = if self.printer.style().unicode {
            " → "
        } else {
            " -> "
        };
        for (index, (roles, servers)) in groups::headings(targets).iter().enumerate() {
            if index > 0 {
                self.printer.put(Paint::Faint, "; ")?;
            }
            self.printer.put(Paint::Strong, roles)?;
            if !servers.is_empty() {
                self.printer.put(Paint::Faint, arrow)?;
                self.printer.put(Paint::Strong, servers)?;
            }
        }
        self.printer.end()
    }

    fn error(&mut self, error: &AuditError) -> io::Result<()> {
        let stage = format!("not looked at to the end: stage {} failed", error.stage);
        self.printer.put(Paint::Bad, &format!("  {stage}"))?;
        self.printer.end()?;
        if error.faults.is_empty() {
            return self.printer.fault(INDENT, &error.message, &error.hint);
        }
        let mut faults = error.faults.iter();
        faults.try_for_each(|fault| self.printer.fault(INDENT, &fault.message, &fault.hint))
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let severity = finding.severity;
        self.printer.put(Paint::Plain, "  ")?;
        self.printer.put(paint(severity), severity.as_str())?;
        let width = "critical".len() - severity.as_str().len();
        let title = format!("{:width$}  {}  ", "", finding.title);
        self.printer.put(Paint::Plain, &title)?;
        self.printer
            .put(Paint::Faint, &format!("[{}]", finding.id))?;
        self.printer.end()?;
        self.printer
            .labelled(INDENT, Paint::Faint, "seen", &finding.evidence)?;
        let tells_why = match self.detail {
            Detail::Everything => true,
            Detail::Normal => severity >= Severity::High,
            Detail::Failing => false,
        };
        // The second blank puts the texts below each other.
        if tells_why {
            let why = format!(" {}", finding.why);
            self.printer.labelled(INDENT, Paint::Faint, "why", &why)?;
        }
        let fix = format!(" {}", finding.fix);
        self.printer.labelled(INDENT, Paint::Hint, "fix", &fix)
    }

    fn suppressed(&mut self, finding: &Finding) -> io::Result<()> {
        let Some(suppressed) = &finding.suppressed else {
            return Ok(());
        };
        let line = format!(
            "{} ({}) until {}: {}",
            finding.id, finding.severity, suppressed.until, suppressed.reason
        );
        self.printer
            .labelled("  ", Paint::Faint, "suppressed", &line)
    }

    /// How many findings there are of each severity, and what the exit code is for.
    fn summary(&mut self, report: &AuditReport, groups: &[Group<'_>]) -> io::Result<()> {
        let items = groups.iter().flat_map(|group| &group.items);
        let findings: Vec<&Finding> = items
            .filter_map(|item| match item {
                Item::Finding(finding) => Some(*finding),
                Item::Error(_) | Item::Warning(_) => None,
            })
            .collect();
        let (suppressed, counting): (Vec<&Finding>, Vec<_>) = findings
            .into_iter()
            .partition(|finding| finding.suppressed.is_some());
        let mut parts = Vec::new();
        for severity in Severity::ALL.into_iter().rev() {
            let of_it = counting
                .iter()
                .filter(|finding| finding.severity == severity);
            match of_it.count() {
                0 => {}
                number => parts.push(format!("{number} {severity}")),
            }
        }
        let stopped = report.targets().iter();
        let stopped = stopped.filter(|target| target.error.is_some()).count();
        if parts.is_empty() && stopped == 0 {
            parts.push("nothing found".to_owned());
        }
        if !suppressed.is_empty() {
            parts.push(format!("{} suppressed", suppressed.len()));
        }
        if stopped > 0 {
            let all = report.targets().len();
            parts.push(format!(
                "{stopped} of {all} targets not looked at to the end"
            ));
        }
        let paint = match (report.exit_code(), counting.is_empty()) {
            (0, true) => Paint::Good,
            (0, false) => Paint::Caution,
            _ => Paint::Bad,
        };
        self.printer.put(paint, &parts.join(", "))?;
        self.printer.put(Paint::Plain, &verdict(report))?;
        self.printer.end()
    }
}

/// Why the exit code is what it is.
fn verdict(report: &AuditReport) -> String {
    let (code, fail_on) = (report.exit_code(), report.fail_on());
    if report.targets().iter().any(|target| target.error.is_some()) {
        return format!(" (exit code {code})");
    }
    match code {
        0 => format!(" (exit code 0: {fail_on} or worse would fail it)"),
        _ => format!(" (exit code {code}: {fail_on} or worse fails it)"),
    }
}
