//! What becomes of reports, told to the `metrics` facade: `wa_db_reports_total`.

use metrics::counter;

use super::breach::Report;
use super::channel::Sink;

/// What became of a report at one sink.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// It was delivered.
    Sent,
    /// It was tried and given up.
    Failed,
    /// It was not tried: too many others.
    Dropped,
    /// It was sent within the last interval.
    Suppressed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Suppressed => "suppressed",
        }
    }
}

/// Counts what became of a report.
pub(super) fn count<S: Sink>(report: &Report, outcome: Outcome) {
    counter!(
        "wa_db_reports_total",
        "role" => report.role.as_str(),
        "engine" => report.engine.as_str(),
        "sink" => S::NAME,
        "outcome" => outcome.as_str()
    )
    .increment(1);
}
