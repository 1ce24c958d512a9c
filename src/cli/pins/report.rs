//! What `wa-db pins` has found, in the shape of its JSON: [`PinsReport`].

use serde::Serialize;

use crate::check::ErrorReport;
use crate::cli::exit::Exit;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Role, Settings};
use crate::tls::CertificateFacts;

/// Every role at every server of its list.
#[derive(Debug, Serialize)]
pub(super) struct PinsReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    pub(super) targets: Vec<TargetPins>,
    /// The variable that pins the servers' own keys; `None` where none was seen.
    pub(super) line: Option<String>,
}

/// What one server presented to one role.
#[derive(Debug, Serialize)]
pub(super) struct TargetPins {
    pub(super) role: Role,
    pub(super) engine: Option<Engine>,
    pub(super) endpoint: Option<String>,
    ok: bool,
    /// Why the chain is not to be trusted, or was not seen.
    pub(super) error: Option<ErrorReport>,
    #[serde(skip)]
    failed: Option<Stage>,
    pub(super) chain: Vec<Presented>,
}

/// A certificate of a server's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Presented {
    pub(super) pin: String,
    /// Whether it belongs to the chain that was verified.
    pub(super) verified: bool,
    /// Whether the server sent it; if not, it was known beforehand.
    pub(super) sent: bool,
    pub(super) certificate: CertificateFacts,
}

impl PinsReport {
    /// The report of these targets.
    pub(super) fn new(targets: Vec<TargetPins>) -> Self {
        let failed = targets.iter().filter_map(|target| target.failed).min();
        let mut leaves: Vec<&str> = Vec::new();
        for leaf in targets.iter().filter_map(|target| target.chain.first()) {
            if !leaves.contains(&leaf.pin.as_str()) {
                leaves.push(&leaf.pin);
            }
        }
        let line = (!leaves.is_empty()).then(|| format!("WA_DB_SSL_PINS={}", leaves.join(";")));
        Self {
            version: 1,
            ok: failed.is_none(),
            exit_code: failed.map_or(0, Stage::exit_code),
            targets,
            line,
        }
    }

    /// How the process ends.
    pub(super) fn exit(&self) -> Exit {
        Exit::Code(self.exit_code)
    }
}

impl TargetPins {
    /// A role whose settings are at fault.
    pub(super) fn of_settings_error(role: Role, error: ErrorReport) -> Self {
        Self {
            role,
            engine: None,
            endpoint: None,
            ok: false,
            error: Some(error),
            failed: Some(Stage::Settings),
            chain: Vec::new(),
        }
    }

    /// What this server presented. `failed` is the stage that the error belongs to.
    pub(super) fn of_server(
        settings: &Settings,
        endpoint: &Endpoint,
        chain: Vec<Presented>,
        failed: Option<(Stage, ErrorReport)>,
    ) -> Self {
        let (failed, error) = failed.unzip();
        Self {
            role: settings.role(),
            engine: Some(settings.engine()),
            endpoint: Some(endpoint.to_string()),
            ok: failed.is_none(),
            error,
            failed,
            chain,
        }
    }

    /// Whether another role was told the same by the same server.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && self.error == other.error && self.chain == other.chain
    }
}
