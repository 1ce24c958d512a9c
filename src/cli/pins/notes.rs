//! What is to be said of the pins of servers, on stderr: faults, and what to do next.

use std::io;

use super::report::PinsReport;
use crate::cli::chains;
use crate::cli::printer::{Paint, Printer};

/// Prints the faults and, where there is something to pin, how to go on.
pub(super) fn print(report: &PinsReport, printer: &mut Printer<'_>) -> io::Result<()> {
    chains::faults(&report.targets, printer)?;
    let mut seen = report
        .targets
        .iter()
        .filter_map(|target| target.chain.first());
    if seen.any(|leaf| !leaf.verified) {
        printer.labelled("", Paint::Caution, "warning", UNVERIFIED)?;
    }
    if report.line.is_some() && !report.has_backup {
        for note in BACKUP {
            printer.labelled("", Paint::Strong, "note", note)?;
        }
    }
    Ok(())
}

const UNVERIFIED: &str = "a chain that does not verify is only what somebody claims who answers at that address: \
    before you pin its key, compare the pin with that of the server's own file (wa-db pins --from-cert FILE, there)";

const BACKUP: [&str; 4] = [
    "with this pin alone, a lost or replaced key locks every service out: make a backup key now,",
    "      openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key",
    "      wa-db pins --from-key backup.key",
    "put its pin behind the others with a semicolon, and keep the key apart from the server",
];
