//! The runtime of a command that dials: [`start`] and [`end`].

use tokio::runtime::{Builder, Runtime};

use super::exit::{self, Exit};
use crate::connect::last_words;
use crate::wire::LostReports;

/// One thread is enough for a command that looks at servers, and ready sooner than several; a tunnel has more
/// of its own for sessions.
///
/// # Errors
/// The system gives none. That was said; the command ends so.
pub(super) fn start() -> Result<Runtime, Exit> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| {
        exit::complain(&format!("cannot start the runtime: {error}"));
        Exit::Internal
    })
}

/// Lets goodbyes and reports leave, then ends what still runs: a name lookup that outlived its deadline must
/// not hold the process up. Returns the reports that were lost.
pub(super) fn end(runtime: Runtime) -> Vec<LostReports> {
    let lost = runtime.block_on(last_words());
    runtime.shutdown_background();
    lost
}
