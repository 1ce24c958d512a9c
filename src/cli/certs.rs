//! `wa-db certs`: a private CA, and the certificates of servers and clients.

mod check;
mod init;
mod issue;
mod paste;
mod renew;
mod show;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::path::PathBuf;

use super::args::{CertsArgs, CertsCommand};
use super::exit::{self, Exit};
use super::printer::{self, Paint};
use crate::certs::{CertsError, Overwrite};
use crate::code::Stage;
use crate::tls::MAX_LEAF_DAYS;

/// Does what the flags ask for.
pub(super) fn run(args: &CertsArgs) -> Exit {
    let done = match &args.command {
        CertsCommand::Init(args) => init::run(args),
        CertsCommand::Issue(args) => issue::run(args),
        CertsCommand::Renew(args) => Ok(renew::run(args)),
        CertsCommand::Show(args) => Ok(show::run(args)),
        CertsCommand::Check(args) => Ok(check::run(args)),
    };
    done.unwrap_or_else(|error| refused(&error))
}

/// Prints why something was not made.
fn refused(error: &CertsError) -> Exit {
    let message = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    printer::to_stderr(|printer| printer.fault("", &message, &error.hint()));
    if error.is_internal() {
        Exit::Internal
    } else {
        Exit::Code(Stage::Settings.exit_code())
    }
}

/// The end of a command that has printed.
fn printed(result: std::io::Result<()>) -> Exit {
    exit::printed(result, Exit::Success)
}

fn note(text: &str) {
    printer::to_stderr(|printer| printer.labelled("", Paint::Strong, "note", text));
}

fn warn(text: &str) {
    printer::to_stderr(|printer| printer.labelled("", Paint::Caution, "warning", text));
}

/// Warns of files whose owners were not given the new ones.
fn warn_of_taken_over(files: &[PathBuf]) {
    for file in files {
        warn(&format!(
            "{} belonged to another user than root, you and the owner of its directory, who may have put it there: \
             it is yours now; chown it to the user who is to read it",
            file.display()
        ));
    }
}

/// Warns of a leaf that is to be good for longer than is usual.
fn warn_of_long(days: u32) {
    if days > MAX_LEAF_DAYS {
        warn(&format!(
            "{days} days are long for a certificate: what is renewed that seldom is not practised when it has to be, \
             and a stolen key stays good until then; up to {MAX_LEAF_DAYS} are usual"
        ));
    }
}

fn overwrite(force: bool) -> Overwrite {
    if force {
        Overwrite::Allowed
    } else {
        Overwrite::Never
    }
}
