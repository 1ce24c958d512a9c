//! What must be said before anyone from another machine may connect: [`Exposure`].

use crate::settings::{AllowedNetworks, Settings};

/// Which clients of other machines may connect.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposure {
    /// `WA_DB_TUNNEL_ALLOWED_CLIENTS`; `None`: nobody said.
    pub(super) clients: Option<AllowedNetworks>,
}

impl Exposure {
    pub(super) fn of(_settings: &Settings) -> Self {
        Self::default()
    }
}
