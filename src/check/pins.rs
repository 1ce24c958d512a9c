//! What the pins of the settings say of a target: [`PinState`].

use serde::Serialize;

use super::report::{Status, TargetReport};
use crate::code::{ErrorCode, Stage};
use crate::settings::{PinSet, TlsSettings};

/// What the pins of the settings say of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinState {
    /// No pins are set.
    Unset,
    /// A key of the chain is pinned, and there is a pin of another one to fall back on.
    Matched,
    /// A key of the chain is pinned, and no other.
    NoBackup,
    /// No key of the chain is pinned: connections are refused.
    Mismatch,
    /// No key of the chain is pinned, and that is only to be reported.
    WouldMismatch,
    /// The probe did not come so far.
    Unknown,
}

impl PinState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Unset,
        Self::Matched,
        Self::NoBackup,
        Self::Mismatch,
        Self::WouldMismatch,
        Self::Unknown,
    ];

    /// The state's name as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Matched => "matched",
            Self::NoBackup => "no_backup",
            Self::Mismatch => "mismatch",
            Self::WouldMismatch => "would_mismatch",
            Self::Unknown => "unknown",
        }
    }

    /// Reads it off the stages and the chain. Whether enforced pins hold was decided by the handshake; what
    /// is left to see is which of them are in the chain.
    pub(super) fn of(settings: &TlsSettings, report: &TargetReport) -> Self {
        let (enforced, reported) = (&settings.pins, &settings.pins_report_only);
        if enforced.is_none() && reported.is_none() {
            return Self::Unset;
        }
        let tls = report
            .stages()
            .iter()
            .find(|stage| stage.stage() == Stage::Tls);
        let Some((stage, seen)) = tls.zip(report.tls()) else {
            return Self::Unknown;
        };
        if let Some(error) = stage.error() {
            return match error.code() {
                ErrorCode::PinMismatch => Self::Mismatch,
                _ => Self::Unknown,
            };
        }
        if !matches!(stage.status(), Status::Ok | Status::Warn) {
            return Self::Unknown;
        }
        // Where nothing was verified, only the server's own key was proven to be the server's.
        let proven = if seen.verified { seen.chain.len() } else { 1 };
        let keys = |pin: &crate::settings::Pin| {
            let hash = pin.to_base64();
            let mut chain = seen.chain.iter().take(proven);
            chain.any(|certificate| certificate.spki_sha256 == hash)
        };
        let found = |set: &PinSet| set.pins().iter().filter(|pin| keys(pin)).count();
        match (enforced, reported) {
            (_, Some(set)) if found(set) == 0 => Self::WouldMismatch,
            (Some(set), _) | (None, Some(set)) if found(set) == set.pins().len() => Self::NoBackup,
            _ => Self::Matched,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;
    use crate::check::{ErrorReport, StageReport, TlsReport};
    use crate::settings::{Environment, Pin, Role, Settings};
    use crate::tls::CertificateFacts;

    const OURS: Pin = Pin::from_sha256([1; 32]);
    const OTHER: Pin = Pin::from_sha256([2; 32]);

    fn settings(enforced: &[Pin], reported: &[Pin]) -> Settings {
        let list = |pins: &[Pin]| {
            let pins: Vec<_> = pins.iter().map(ToString::to_string).collect();
            pins.join(";")
        };
        let environment = Environment::from_pairs([
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_SSL_PINS", &*list(enforced)),
            ("WA_DB_SSL_PINS_REPORT_ONLY", &*list(reported)),
        ]);
        Settings::from_environment(Role::Webapp, &environment).unwrap()
    }

    fn certificate() -> CertificateFacts {
        CertificateFacts {
            subject: "CN=db.lab".to_owned(),
            issuer: "CN=lab".to_owned(),
            names: Vec::new(),
            not_before: String::new(),
            not_after: String::new(),
            days_left: 1,
            key: String::new(),
            signature: String::new(),
            spki_sha256: OURS.to_base64(),
        }
    }

    fn report(error: Option<ErrorCode>, seen: bool) -> TargetReport {
        let stage = match error {
            None => StageReport::ok(Stage::Tls, Duration::ZERO, ""),
            Some(code) => {
                let error = ErrorReport::new(code, "m", "h");
                StageReport::failed(Stage::Tls, Duration::ZERO, error)
            }
        };
        let report = TargetReport::new(Role::Webapp, None, None, vec![stage]);
        if !seen {
            return report;
        }
        report.with_tls(TlsReport {
            protocol: None,
            cipher: None,
            verified: true,
            channel_bound: false,
            certificate: Some(certificate()),
            chain: vec![certificate()],
            from_store: Vec::new(),
            would_fail: None,
        })
    }

    #[test]
    fn state_follows_from_what_is_set_and_what_was_seen() {
        let mismatch = Some(ErrorCode::PinMismatch);
        for (enforced, reported, error, seen, expected) in [
            (&[][..], &[][..], None, true, PinState::Unset),
            (&[], &[], None, false, PinState::Unset),
            (&[OURS, OTHER], &[], None, true, PinState::Matched),
            (&[OURS], &[], None, true, PinState::NoBackup),
            (&[OTHER], &[], mismatch, true, PinState::Mismatch),
            (
                &[OURS, OTHER],
                &[OTHER],
                None,
                true,
                PinState::WouldMismatch,
            ),
            (&[], &[OTHER], None, true, PinState::WouldMismatch),
            (&[], &[OURS, OTHER], None, true, PinState::Matched),
            (&[OURS], &[], None, false, PinState::Unknown),
            (
                &[OURS],
                &[],
                Some(ErrorCode::CertificateExpired),
                true,
                PinState::Unknown,
            ),
        ] {
            let settings = settings(enforced, reported);
            let found = PinState::of(settings.tls(), &report(error, seen));
            assert_eq!(
                found, expected,
                "{enforced:?} {reported:?} {error:?} {seen}"
            );
        }
    }

    #[test]
    fn every_state_has_a_name_of_its_own_and_the_same_in_json() {
        for state in PinState::ALL {
            let json = serde_json::to_value(state).unwrap();
            assert_eq!(json, state.as_str());
        }
    }
}
