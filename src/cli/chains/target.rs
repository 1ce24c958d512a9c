//! What one server presented to one role: [`TargetChain`].

use serde::Serialize;

use crate::check::ErrorReport;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Role, Settings};
use crate::tls::CertificateFacts;

/// What one server presented to one role.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct TargetChain {
    pub(in crate::cli) role: Role,
    pub(in crate::cli) engine: Option<Engine>,
    pub(in crate::cli) endpoint: Option<String>,
    ok: bool,
    /// Why the chain is not to be trusted, or was not seen.
    pub(in crate::cli) error: Option<ErrorReport>,
    #[serde(skip)]
    pub(in crate::cli) failed: Option<Stage>,
    pub(in crate::cli) chain: Vec<Presented>,
}

/// A certificate of a server's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Presented {
    /// `None` for a key that cannot be read.
    pub(in crate::cli) pin: Option<String>,
    /// Whether it belongs to the chain that was verified.
    pub(in crate::cli) verified: bool,
    /// Whether the server sent it; if not, it was known beforehand.
    pub(in crate::cli) sent: bool,
    pub(in crate::cli) certificate: CertificateFacts,
}

impl TargetChain {
    /// A role whose settings are at fault.
    pub(in crate::cli) fn of_settings_error(role: Role, error: ErrorReport) -> Self {
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
    pub(in crate::cli) fn of_server(
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
    pub(in crate::cli) fn says_the_same(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && self.error == other.error && self.chain == other.chain
    }
}
