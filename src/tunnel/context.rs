//! What all sessions of a tunnel share: [`Shared`].

use std::sync::Arc;

use super::health::Health;
use super::meters::Meters;
use super::mysql;
use super::upstream::Upstream;
use crate::code::ErrorCode;
use crate::endpoint::Engine;
use crate::settings::{Fault, Settings};

/// What all sessions of a tunnel share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// Whether the tunnel logs in itself.
    pub(super) inject: bool,
    pub(super) upstream: Upstream,
    pub(super) health: Arc<Health>,
    pub(super) meters: Arc<Meters>,
    /// What the MySQL front knows beyond one session; only where that is the engine.
    #[allow(dead_code, reason = "read by the front that is still to come")]
    pub(super) mysql: Option<mysql::State>,
}

impl Shared {
    /// Loads what the settings name.
    ///
    /// # Errors
    /// Every fault of every file.
    pub(super) fn load(settings: &Settings, inject: bool) -> Result<Self, Vec<Fault>> {
        let health = Arc::new(Health::default());
        let meters = Arc::new(Meters::register(settings));
        let upstream = Upstream::new(settings, &health, &meters)?;
        let mysql = match settings.engine() {
            Engine::MySql => Some(mysql::State::new().map_err(|error| {
                vec![Fault::new(
                    ErrorCode::VariableInvalid,
                    "WA_DB_ENGINE",
                    format!(
                        "the key that MySQL clients send passwords with cannot be made: {error}"
                    ),
                    "check that the system has randomness to give",
                )]
            })?),
            Engine::Postgres => None,
        };
        if inject {
            // Found out now rather than by the first client.
            settings.password().read().map_err(|fault| vec![fault])?;
        }
        Ok(Self {
            settings: settings.clone(),
            inject,
            upstream,
            health,
            meters,
            mysql,
        })
    }
}
