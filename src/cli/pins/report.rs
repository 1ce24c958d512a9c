//! What `wa-db pins` has found, in the shape of its JSON: [`PinsReport`].

use serde::Serialize;

use crate::cli::chains::TargetChain;
use crate::cli::exit::Exit;
use crate::code::Stage;
use crate::settings::Pin;

/// Every role at every server of its list.
#[derive(Debug, Serialize)]
pub(super) struct PinsReport {
    version: u8,
    ok: bool,
    exit_code: u8,
    pub(super) targets: Vec<TargetChain>,
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

impl PinsReport {
    /// The report of these targets. `set` are the pins that are set already.
    pub(super) fn new(targets: Vec<TargetChain>, set: &[Pin]) -> Self {
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
