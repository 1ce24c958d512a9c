//! How the process ends: [`Exit`].

use std::io;
use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use super::printer;

/// The exit codes that are not those of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is well.
    Success,
    /// A fault of this program, or of what it prints to.
    Internal,
    /// The command line means nothing.
    Usage,
    /// The settings are at fault, or a stage failed: its code.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Internal => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Code(code) => Self::from(code),
        }
    }
}

/// The exit after printing: a reader that went away (`| head`) has had enough, and changes nothing.
pub(super) fn printed(result: io::Result<()>, exit: Exit) -> Exit {
    match result {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            complain(&format!("cannot write to stdout: {error}"));
            Exit::Internal
        }
    }
}

/// Runs `main` so that a panic ends the process with exit code 1 and tells where it was, but not
/// what it said: a panic's message may hold whatever the program had in hand, a password included.
///
/// A panic that somebody on the way catches is no fault of the program: a server can bring a driver
/// to one. It is noted, not complained of.
pub(super) fn guarded(main: impl FnOnce() -> Exit + panic::UnwindSafe) -> Exit {
    let last = Arc::new(Mutex::new(String::new()));
    let note = Arc::clone(&last);
    panic::set_hook(Box::new(move |info| {
        let text = panic_text(info);
        tracing::debug!("{text}");
        *note.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }));
    panic::catch_unwind(main).unwrap_or_else(|_| {
        complain(&last.lock().unwrap_or_else(PoisonError::into_inner));
        Exit::Internal
    })
}

/// Writes an error to stderr.
pub(super) fn complain(message: &str) {
    printer::to_stderr(|printer| printer.fault("", message, ""));
}

/// Writes to stderr what the command line's grammar does not say.
pub(super) fn usage(message: &str) -> Exit {
    let hint = "'wa-db help' prints what there is";
    printer::to_stderr(|printer| printer.fault("", message, hint));
    Exit::Usage
}

fn panic_text(info: &PanicHookInfo<'_>) -> String {
    let place = info
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!("internal error at {place}; this is a bug in wa-db")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::exit)]

    use std::process::Command;

    use super::*;

    #[test]
    fn reader_that_went_away_changes_no_exit_code() {
        let broken = || Err(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(printed(broken(), Exit::Code(13)), Exit::Code(13));
        assert_eq!(printed(broken(), Exit::Success), Exit::Success);
    }
    /// The hook counts for a whole process, so the panic happens in one of its own: this test run
    /// again, with a variable that tells it to.
    #[test]
    fn panic_ends_with_exit_code_1_and_keeps_its_message_to_itself() {
        const CHILD: &str = "PANIC_IN_A_PROCESS_OF_ITS_OWN";
        const NAME: &str =
            "cli::exit::tests::panic_ends_with_exit_code_1_and_keeps_its_message_to_itself";
        if std::env::var_os(CHILD).is_some() {
            let exit = guarded(|| panic!("canary-5f1c9a"));
            std::process::exit(if exit == Exit::Internal { 1 } else { 99 });
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains("error: internal error at src/cli/exit.rs:"),
            "{stderr}"
        );
        assert!(!stderr.contains("canary"), "{stderr}");
    }
}
