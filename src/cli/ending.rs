//! How a command ends that has dialled: [`end`].

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::wire::flush_reports;

/// How long reports of certificates may take to leave when everything else is done.
const FLUSH: Duration = Duration::from_secs(2);

/// Lets reports leave, then ends what still runs: a name lookup that outlived its deadline must
/// not hold the process up.
pub(super) fn end(runtime: Runtime) {
    runtime.block_on(flush_reports(FLUSH));
    runtime.shutdown_background();
}
