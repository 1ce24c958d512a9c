//! `wa-db migrate`: the legacy string as lines of an env-file.

use std::io;

use super::args::MigrateArgs;
use super::exit::{self, Exit};
use super::printer::{self, Paint, Printer};
use super::scope;
use crate::code::Stage;
use crate::settings::{Migration, SettingsError, migrate};

/// Prints the variables that replace the legacy string.
pub(super) fn run(args: &MigrateArgs) -> Exit {
    match scope::environment(&args.file).and_then(|environment| migrate(&environment)) {
        Ok(migration) => {
            let printed = printer::to_stdout(|printer| print_lines(&migration, printer));
            printer::to_stderr(|printer| print_notes(&migration, printer));
            exit::printed(printed, Exit::Success)
        }
        Err(error) => {
            printer::to_stderr(|printer| print_faults(&error, printer));
            Exit::Code(Stage::Settings.exit_code())
        }
    }
}

fn print_lines(migration: &Migration, printer: &mut Printer<'_>) -> io::Result<()> {
    migration
        .lines
        .iter()
        .try_for_each(|line| printer.line(line))
}

fn print_notes(migration: &Migration, printer: &mut Printer<'_>) -> io::Result<()> {
    let mut notes = migration.notes.iter();
    notes.try_for_each(|note| printer.labelled("", Paint::Strong, "note", note))
}

fn print_faults(error: &SettingsError, printer: &mut Printer<'_>) -> io::Result<()> {
    error
        .faults()
        .iter()
        .try_for_each(|fault| printer.fault("", &fault.message, &fault.hint))
}
