//! What `wa-db pins` has found, in the shape of its JSON: [`PinsReport`].

use serde::Serialize;

use crate::check::ErrorReport;
use crate::cli::exit::Exit;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Pin, Role, Settings};
use crate::tls::CertificateFacts;

/// Every role at every server of its list.
#[derive(Debug, Serialize)]
pub(super) struct PinsReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    pub(super) targets: Vec<TargetPins>,
    /// The variable that pins the servers' own keys, with those pins that are set already and stand
    /// for none of their keys; `None` where a server's key was not seen or not verified.
    pub(super) line: Option<String>,
    /// The same where no more is known than what somebody claims: to be compared, not to be used.
    #[serde(skip)]
    pub(super) claimed: Option<String>,
    /// Whether the line holds a pin that is in no chain: that of a backup key.
    #[serde(skip)]
    pub(super) has_backup: bool,
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
    /// `None` for a key that cannot be read.
    pub(super) pin: Option<String>,
    /// Whether it belongs to the chain that was verified.
    pub(super) verified: bool,
    /// Whether the server sent it; if not, it was known beforehand.
    pub(super) sent: bool,
    pub(super) certificate: CertificateFacts,
}

impl PinsReport {
    /// The report of these targets. `set` are the pins that are set already.
    pub(super) fn new(targets: Vec<TargetPins>, set: &[Pin]) -> Self {
        let failed = targets.iter().filter_map(|target| target.failed).min();
        let leaves: Vec<_> = targets
            .iter()
            .filter_map(|target| target.chain.first())
            .collect();
        let mut pins: Vec<String> = Vec::new();
        for pin in leaves.iter().filter_map(|leaf| leaf.pin.as_ref()) {
            if !pins.contains(pin) {
                pins.push(pin.clone());
            }
        }
        let is_seen = !pins.is_empty();
        let chains = targets.iter().flat_map(|target| &target.chain);
        let in_chains: Vec<_> = chains.filter_map(|seen| seen.pin.as_ref()).collect();
        let backups = set.iter().map(Pin::to_string);
        let backups: Vec<_> = backups.filter(|pin| !in_chains.contains(&pin)).collect();
        let has_backup = !backups.is_empty();
        pins.extend(backups);
        let written = is_seen.then(|| format!("WA_DB_SSL_PINS={}", pins.join(";")));
        let is_proven = leaves.iter().all(|leaf| leaf.verified);
        let (line, claimed) = if is_proven {
            (written, None)
        } else {
            (None, written)
        };
        Self {
            version: 1,
            ok: failed.is_none(),
            exit_code: failed.map_or(0, Stage::exit_code),
            targets,
            line,
            claimed,
            has_backup,
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
