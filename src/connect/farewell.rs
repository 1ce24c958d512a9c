//! The end of a process that made connections: [`last_words`].

use std::time::Duration;

use tokio::join;

use super::mysql::delivered;
use crate::wire::{LostReports, flush_reports};

/// How long goodbyes to servers and reports of certificates may take to leave when everything else is done.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lets goodbyes and reports leave. A process that ends without has its sessions counted as aborted. Returns
/// the reports that were lost.
pub(crate) async fn last_words() -> Vec<LostReports> {
    let (lost, ()) = join!(flush_reports(PATIENCE), delivered(PATIENCE));
    lost
}
