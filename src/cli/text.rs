//! The text output of a check: one block per target, one line per stage.

mod certificate;
mod layout;
#[cfg(test)]
mod tests;

use std::io;

pub(super) use self::certificate::{days_left, validity};
pub(super) use self::layout::Layout;
use self::layout::millis;
use super::printer::{Paint, Printer};
use crate::check::{
    CheckReport, ErrorReport, StageReport, Status, TargetReport, WARNINGS_UNDER_STRICT,
};
use crate::code::Stage;

/// How much to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// What failed, and the summary.
    Quiet,
    /// Every stage.
    Normal,
    /// Every stage, and all that is known of the certificates.
    Verbose,
}

/// Prints a report.
pub(super) fn print(
    report: &CheckReport,
    verbosity: Verbosity,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let layout = Layout::of(printer.style());
    let mut text = Text {
        printer,
        layout,
        verbosity,
    };
    let mut targets = report.targets().iter().peekable();
    while let Some(target) = targets.next() {
        let mut roles = target.role().to_string();
        while let Some(next) = targets.next_if(|next| have_same_faults(target, next)) {
            roles.push_str(", ");
            roles.push_str(next.role().as_str());
        }
        // A target that warned is not ok under `--strict`, and then quiet prints it too.
        if verbosity != Verbosity::Quiet || !target.ok() {
            text.target(target, &roles)?;
            text.printer.end()?;
        }
    }
    text.summary(report)
}

/// Whether the settings of two roles have the same faults, an env-file that is missing for one. They
/// are told once.
fn have_same_faults(one: &TargetReport, other: &TargetReport) -> bool {
    let faults = |target: &TargetReport| {
        let settings = target.stages().first()?;
        let error = settings.error()?.clone();
        Some((error, settings.warnings().to_vec()))
    };
    faults(one).is_some_and(|of_one| faults(other) == Some(of_one))
}

struct Text<'p, 'o> {
    printer: &'p mut Printer<'o>,
    layout: Layout,
    verbosity: Verbosity,
}

impl Text<'_, '_> {
    fn target(&mut self, target: &TargetReport, roles: &str) -> io::Result<()> {
        self.printer.put(Paint::Strong, roles)?;
        if let Some(engine) = target.engine() {
            self.printer.put(Paint::Faint, self.layout.arrow)?;
            self.printer.put(Paint::Strong, engine.as_str())?;
            if let Some(endpoint) = target.endpoint() {
                self.printer.put(Paint::Plain, " ")?;
                self.printer.put(Paint::Strong, endpoint)?;
            }
        }
        self.printer.end()?;
        let mut missed = Vec::new();
        for stage in target.stages() {
            if stage.is_missing() {
                missed.push(stage.stage().as_str());
            } else if self.shows(stage) {
                self.stage(stage)?;
                if stage.stage() == Stage::Tls {
                    self.tls(target)?;
                }
            }
        }
        if missed.is_empty() || self.verbosity == Verbosity::Quiet {
            return Ok(());
        }
        self.mark(Status::Skipped)?;
        self.printer
            .put(Paint::Faint, &format!("not reached: {}", missed.join(", ")))?;
        self.printer.end()
    }

    fn shows(&self, stage: &StageReport) -> bool {
        self.verbosity != Verbosity::Quiet
            || matches!(stage.status(), Status::Failed | Status::Warn)
    }

    /// Mark, name, time, what was found; then what is to be said about it.
    fn stage(&mut self, stage: &StageReport) -> io::Result<()> {
        self.mark(stage.status())?;
        self.printer
            .put(Paint::Plain, &format!("{:<12}", stage.stage()))?;
        let time = match stage.status() {
            Status::Skipped => String::new(),
            _ => millis(stage.elapsed()),
        };
        self.printer.put(Paint::Faint, &format!("{time:>10}"))?;
        match stage.error() {
            Some(error) => {
                self.printer.put(Paint::Plain, "  ")?;
                self.printer.put(Paint::Bad, error.code().as_str())?;
            }
            None if stage.detail().is_empty() => {}
            None => self
                .printer
                .put(Paint::Plain, &format!("  {}", stage.detail()))?,
        }
        self.printer.end()?;
        if let Some(error) = stage.error() {
            self.error(error)?;
        }
        for warning in stage.warnings() {
            self.printer
                .labelled(self.layout.indent, Paint::Caution, "warning", warning)?;
        }
        Ok(())
    }

    fn error(&mut self, error: &ErrorReport) -> io::Result<()> {
        let indent = self.layout.indent;
        self.printer.fault(indent, error.message(), error.hint())?;
        let mut others = error.others().iter();
        others.try_for_each(|other| self.printer.fault(indent, &other.message, &other.hint))
    }

    fn summary(&mut self, report: &CheckReport) -> io::Result<()> {
        let all = report.targets();
        let targets = count(all.len(), "target");
        let failed = all.iter().filter(|target| target.failed_stage().is_some());
        let stages = all.iter().flat_map(TargetReport::stages);
        let warnings = match stages.map(|stage| stage.warnings().len()).sum() {
            0 => None,
            number => Some(count(number, "warning")),
        };
        let (paint, line) = match (failed.count(), warnings) {
            (0, None) if report.ok() => (Paint::Good, format!("{targets} passed")),
            (0, Some(warnings)) if report.ok() => {
                (Paint::Caution, format!("{targets} passed, {warnings}"))
            }
            (0, Some(warnings)) if report.exit_code() == WARNINGS_UNDER_STRICT => (
                Paint::Bad,
                format!("{warnings}, not accepted under --strict"),
            ),
            (0, _) => (Paint::Bad, "the check did not get to its end".to_owned()),
            (failed, _) if failed == all.len() => (Paint::Bad, format!("{targets} failed")),
            (failed, _) => (Paint::Bad, format!("{failed} of {targets} failed")),
        };
        self.printer.put(paint, &line)?;
        if !report.ok() {
            self.printer.put(
                Paint::Plain,
                &format!(" (exit code {})", report.exit_code()),
            )?;
        }
        self.printer.end()
    }

    fn mark(&mut self, status: Status) -> io::Result<()> {
        let (paint, mark) = match status {
            Status::Ok => (Paint::Good, self.layout.ok),
            Status::Warn => (Paint::Caution, self.layout.warn),
            Status::Failed => (Paint::Bad, self.layout.failed),
            Status::Skipped => (Paint::Faint, self.layout.skipped),
        };
        self.printer.put(Paint::Plain, "  ")?;
        self.printer.put(paint, mark)?;
        self.printer.put(Paint::Plain, " ")
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
