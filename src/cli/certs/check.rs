//! `wa-db certs check`.

use std::io;

use serde::Serialize;

use super::show;
use crate::certs::{Entry, Inventory, Problem, Verdict, take_inventory};
use crate::cli::args::{CheckDirArgs, Format};
use crate::cli::exit::{self, Exit};
use crate::cli::printer::{self, Paint, Printer};
use crate::cli::text::{Layout, days_left};
use crate::code::Stage;

/// All that is printed, in the shape of its JSON.
#[derive(Serialize)]
pub(super) struct CheckReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    directory: String,
    #[serde(flatten)]
    inventory: Inventory,
}

impl CheckReport {
    pub(super) fn new(directory: String, inventory: Inventory) -> Self {
        let is_wrong = inventory.is_wrong();
        Self {
            version: 1,
            ok: !is_wrong,
            exit_code: if is_wrong {
                Stage::Settings.exit_code()
            } else {
                0
            },
            directory,
            inventory,
        }
    }
}

/// Checks a directory.
pub(super) fn run(args: &CheckDirArgs) -> Exit {
    let inventory = match take_inventory(&args.dir, args.ca.as_deref(), args.min_days) {
        Ok(inventory) => inventory,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", args.dir.display());
            let hint = "name the directory of the certificates, and run as a user who can read it";
            printer::to_stderr(|printer| printer.fault("", &message, hint));
            return Exit::Code(Stage::Settings.exit_code());
        }
    };
    let report = CheckReport::new(args.dir.display().to_string(), inventory);
    let printed = printer::to_stdout(|printer| match args.format {
        Format::Json => printer.json(&report),
        Format::Text => print(&report, printer),
    });
    exit::printed(printed, Exit::Code(report.exit_code))
}

/// Prints one line for each file, what is wrong with it below, and a summary.
pub(super) fn print(report: &CheckReport, printer: &mut Printer<'_>) -> io::Result<()> {
    let Inventory { files, problems } = &report.inventory;
    printer.put(Paint::Strong, &report.directory)?;
    printer.end()?;
    problems
        .iter()
        .try_for_each(|found| problem(found, "  ", printer))?;
    let width = files.iter().map(|entry| entry.file.chars().count()).max();
    for entry in files {
        row(entry, width.unwrap_or_default(), printer)?;
    }
    printer.end()?;
    let all = || {
        files
            .iter()
            .flat_map(|entry| &entry.problems)
            .chain(problems)
    };
    let count = |verdict| all().filter(|problem| problem.verdict == verdict).count();
    let (wrong, warned) = (count(Verdict::Wrong), count(Verdict::Warning));
    let files = counted(files.len(), "file");
    let warned = match warned {
        0 => String::new(),
        some => format!(", {}", counted(some, "warning")),
    };
    if wrong == 0 {
        printer.put(Paint::Good, &format!("{files}, nothing is wrong{warned}"))?;
    } else {
        let wrong = counted(wrong, "error");
        printer.put(
            Paint::Bad,
            &format!("{files}, {wrong}{warned} (exit code {})", report.exit_code),
        )?;
    }
    printer.end()
}

fn row(entry: &Entry, width: usize, printer: &mut Printer<'_>) -> io::Result<()> {
    let layout = Layout::of(printer.style());
    let worst = entry.problems.iter().map(|problem| problem.verdict);
    let (paint, mark) = match worst.min_by_key(|verdict| *verdict != Verdict::Wrong) {
        None => (Paint::Good, layout.ok),
        Some(Verdict::Warning) => (Paint::Caution, layout.warn),
        Some(Verdict::Wrong) => (Paint::Bad, layout.failed),
    };
    printer.put(Paint::Plain, "  ")?;
    printer.put(paint, mark)?;
    printer.put(
        Paint::Plain,
        &format!(" {:width$}  {}", entry.file, about(entry)),
    )?;
    printer.end()?;
    entry
        .problems
        .iter()
        .try_for_each(|found| problem(found, layout.indent, printer))
}

/// What a file holds, in a few words.
fn about(entry: &Entry) -> String {
    let mut parts = Vec::new();
    if let Some(certificate) = entry.content.certificates.first() {
        parts.push(match &certificate.facts.names[..] {
            [] => certificate.facts.subject.clone(),
            names => names.join(", "),
        });
        parts.push(format!("for {}", show::purpose(certificate)));
        parts.push(certificate.facts.key.clone());
        parts.push(days_left(certificate.facts.days_left));
        parts.extend(entry.key_file.as_ref().map(|file| format!("key in {file}")));
    } else if let Some(key) = &entry.content.key {
        parts.push(format!("private key, {}", key.key));
        if !entry.certificate_files.is_empty() {
            parts.push(format!("of {}", entry.certificate_files.join(", ")));
        }
    }
    parts.join("; ")
}

fn problem(problem: &Problem, indent: &str, printer: &mut Printer<'_>) -> io::Result<()> {
    match problem.verdict {
        Verdict::Wrong => printer.fault(indent, &problem.message, &problem.hint),
        Verdict::Warning => {
            let text = format!("{}; {}", problem.message, problem.hint);
            printer.labelled(indent, Paint::Caution, "warning", &text)
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
