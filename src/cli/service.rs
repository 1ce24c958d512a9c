//! What commands that run until they are told to end have in common.

use super::exit::Exit;
use super::printer;
use crate::code::Stage;
use crate::settings::SettingsError;

/// Prints why it does not start.
pub(super) fn refused(error: &SettingsError) -> Exit {
    printer::to_stderr(|printer| {
        for fault in error.faults() {
            printer.fault("", &fault.message, &fault.hint)?;
        }
        Ok(())
    });
    Exit::Code(Stage::Settings.exit_code())
}
