//! What all sessions of a tunnel share: [`Shared`].

use std::sync::Arc;

use super::health::Health;
use super::meters::Meters;
use super::upstream::Upstream;
use super::{mysql, postgres};
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
    pub(super) mysql: Option<mysql::State>,
    /// Where the sessions of PostgreSQL are.
    pub(super) keys: Arc<postgres::Keys>,
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
            Engine::MySql => Some(mysql::State::new()),
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
            keys: Arc::default(),
        })
    }
}
