//! The runtime of a command that dials: [`start`] and [`end`].

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::wire::flush_reports;

/// How long reports of certificates may take to leave when everything else is done.
const FLUSH: Duration = Duration::from_secs(2);

/// One thread is enough for a command that looks at servers, and ready sooner than several.
pub(super) fn start() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Lets reports leave, then ends what still runs: a name lookup that outlived its deadline must
/// not hold the process up.
pub(super) fn end(runtime: Runtime) {
    runtime.block_on(flush_reports(FLUSH));
    runtime.shutdown_background();
}
