//! `wa-db pins`: the pins of a server's chain, or of a key in a file.

mod files;
mod notes;
mod report;
#[cfg(test)]
mod tests;
mod text;

use self::report::PinsReport;
use super::args::{Format, PinsArgs};
use super::chains::{self, TargetChain};
use super::exit::{self, Exit};
use super::logging;
use super::printer::{self, Paint};
use super::scope::{self, Scope};
use crate::check::ErrorReport;
use crate::settings::{Pin, PinSet};

const ENFORCED: &str = "WA_DB_SSL_PINS";
const REPORT_ONLY: &str = "WA_DB_SSL_PINS_REPORT_ONLY";

/// Prints the pins that the flags ask for.
pub(super) fn run(args: &PinsArgs) -> Exit {
    if let Some(source) = files::Source::of(&args.source) {
        return files::run(&source, &args.scope.file, args.format);
    }
    let logging = logging::start(false);
    let report = match Scope::read(&args.scope) {
        Ok(scope) => {
            let (scope, set) = without_pins(scope);
            match chains::presented(&[scope], logging) {
                Ok(targets) => PinsReport::new(targets, &set),
                Err(exit) => return exit,
            }
        }
        Err(error) => {
            let roles = scope::roles_meant(&args.scope);
            let error = ErrorReport::from(&error);
            let targets = roles.into_iter();
            PinsReport::new(
                targets
                    .map(|role| TargetChain::of_settings_error(role, error.clone()))
                    .collect(),
                &[],
            )
        }
    };
    let printed = printer::to_stdout(|printer| match args.format {
        Format::Json => printer.json(&report),
        Format::Text => text::print(&report, printer),
    });
    if args.format == Format::Text {
        printer::to_stderr(|printer| notes::print(&report, printer));
    }
    exit::printed(printed, report.exit())
}

/// The scope without its pins, and those that are enforced: whoever looks for pins may have just
/// changed the key, or has yet to mend a pin.
fn without_pins(mut scope: Scope) -> (Scope, Vec<Pin>) {
    let mut set = Vec::new();
    for name in [ENFORCED, REPORT_ONLY] {
        match scope
            .environment
            .get(name)
            .map(|text| PinSet::parse(name, text))
        {
            Some(Ok(pins)) if name == ENFORCED => set = pins.pins().to_vec(),
            Some(Err(faults)) => printer::to_stderr(|printer| {
                faults.iter().try_for_each(|fault| {
                    printer.labelled("", Paint::Caution, "warning", &fault.message)
                })
            }),
            Some(Ok(_)) | None => {}
        }
        scope.environment = scope.environment.without(name);
    }
    (scope, set)
}
