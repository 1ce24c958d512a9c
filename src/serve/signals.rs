//! The signals that a command acts on which goes on until it is told to end: [`Signals`].

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::code::ErrorCode;
use crate::settings::Fault;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGTERM, SIGINT.
    End,
    /// SIGHUP.
    Reload,
}

/// SIGTERM, SIGINT and SIGHUP, caught from when this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    /// Catches them. `command` is who says so where they cannot be caught.
    ///
    /// # Errors
    /// The system has no room for it.
    pub(crate) fn catch(command: &str) -> Result<Self, Fault> {
        let catch = |kind| {
            signal(kind).map_err(|error| {
                Fault::new(
                    ErrorCode::VariableInvalid,
                    command,
                    format!("{command}: signals cannot be caught: {error}"),
                    "run it where signals are to be had",
                )
            })
        };
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            reload: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    ///
    /// # Cancel Safety
    /// A signal that was not returned is not lost.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            _ = self.reload.recv() => Wish::Reload,
        }
    }

    /// Waits until the end is asked for, whatever else is.
    pub(crate) async fn end(&mut self) {
        while self.next().await != Wish::End {}
    }
}
