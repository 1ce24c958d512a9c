//! What the page shows and `/status.json` holds: [`Status`]. All text in it is made printable.
//!
//! The shape is versioned: fields may be added to version 1, none is taken away or changes its meaning.

use serde::Serialize;

use super::history::Point;
use crate::audit::Severity;
use crate::check::{PinState, Status as StageOutcome};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Engine;
use crate::settings::Role;

/// How a target is, or all of them: the worst of them. In order, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Everything passed, and nothing has to be done.
    Healthy,
    /// Not looked at yet.
    Starting,
    /// It works, and something should be done.
    Degraded,
    /// The newest look failed, or there was none for too long.
    Failing,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    pub(super) version: u8,
    pub(super) state: State,
    /// The state in one sentence.
    pub(super) summary: String,
    /// When this was written, RFC 3339, UTC.
    pub(super) generated_at: String,
    /// When the monitor started.
    pub(super) started_at: String,
    /// From one look at a target to the next.
    pub(super) interval_seconds: f64,
    /// The version of `wa-db`.
    pub(super) program: &'static str,
    pub(super) targets: Vec<TargetStatus>,
}

/// One role at one server.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TargetStatus {
    pub(super) role: Role,
    pub(super) engine: Engine,
    pub(super) endpoint: String,
    pub(super) state: State,
    /// The state in one sentence.
    pub(super) summary: String,
    /// When it was looked at last; `None`: not yet.
    pub(super) probed_at: Option<String>,
    /// How long ago that was.
    pub(super) probe_age_seconds: Option<f64>,
    /// Looks since the start, and how many of them failed.
    pub(super) probes: u64,
    pub(super) failed_probes: u64,
    /// Name resolution to a ready session, in the newest look; `None` where it failed.
    pub(super) connect_ms: Option<f64>,
    /// Every stage, in order.
    pub(super) stages: Vec<StageStatus>,
    pub(super) tls: Option<TlsStatus>,
    /// The server's certificate first.
    pub(super) chain: Vec<CertificateStatus>,
    /// The certificates in our own files.
    pub(super) own_certificates: Vec<OwnCertificate>,
    pub(super) server: Option<ServerStatus>,
    pub(super) pins: PinState,
    /// Connecting over the last hour, oldest first.
    pub(super) history: Vec<Point>,
    /// What the newest audit found; `None`: there was none yet.
    pub(super) audit: Option<AuditStatus>,
}

/// One stage of the newest look.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StageStatus {
    pub(super) stage: Stage,
    pub(super) status: StageOutcome,
    pub(super) elapsed_ms: f64,
    pub(super) detail: String,
    pub(super) warnings: Vec<String>,
    pub(super) error: Option<ErrorStatus>,
}

/// Why a stage failed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ErrorStatus {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) hint: String,
}

/// The newest handshake.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TlsStatus {
    pub(super) protocol: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) verified: bool,
    pub(super) channel_bound: bool,
    pub(super) would_fail: Option<ErrorCode>,
}

/// One certificate of the server's chain.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CertificateStatus {
    pub(super) place: Place,
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) names: Vec<String>,
    pub(super) not_after: String,
    pub(super) days_left: i64,
    pub(super) urgency: Urgency,
    pub(super) key: String,
    pub(super) signature: String,
    pub(super) spki_sha256: String,
}

/// Where in the chain a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// The server's own.
    Server,
    /// Between that and a root.
    Intermediate,
    /// It vouches for itself.
    Root,
}

/// A certificate in our own files.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OwnCertificate {
    /// The variable that names the file.
    pub(super) variable: &'static str,
    pub(super) not_after: String,
    pub(super) days_left: i64,
    pub(super) urgency: Urgency,
}

/// How soon something must be done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Urgency {
    /// 30 days or more are left.
    None,
    /// Less than 30.
    Soon,
    /// Less than 7.
    Now,
    /// It is over.
    Over,
}

impl Urgency {
    /// The urgency of a certificate with so many whole days left.
    pub(super) fn of(days_left: i64) -> Self {
        match days_left {
            ..0 => Self::Over,
            0..7 => Self::Now,
            7..30 => Self::Soon,
            _ => Self::None,
        }
    }
}

/// What the server says of the session.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerStatus {
    pub(super) version: String,
    pub(super) read_only: bool,
    pub(super) encrypted: bool,
}

/// The newest audit.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AuditStatus {
    /// `None`: there was none yet, and `stopped` says why.
    pub(super) audited_at: Option<String>,
    /// Where it could not go on, and why; `None`: it is complete.
    pub(super) stopped: Option<String>,
    /// The gravest first; suppressed ones last.
    pub(super) findings: Vec<Finding>,
}

/// One thing that an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) title: String,
    pub(super) evidence: String,
    pub(super) why: String,
    pub(super) fix: String,
    /// Until when it does not count, and why; `None`: it counts.
    pub(super) suppressed: Option<String>,
}

impl State {
    /// The state's name as it is printed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Starting => "starting",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Urgency;

    #[test]
    fn urgency_follows_from_the_days_that_are_left() {
        for (days, urgency) in [
            (-1, Urgency::Over),
            (0, Urgency::Now),
            (6, Urgency::Now),
            (7, Urgency::Soon),
            (29, Urgency::Soon),
            (30, Urgency::None),
            (3650, Urgency::None),
        ] {
            assert_eq!(Urgency::of(days), urgency, "{days}");
        }
    }
}
