//! The policy alone, for whoever dials without a driver: [`Trust`].

use super::error::ConnectError;
use crate::settings::Settings;
use crate::tls::{Reloading, TlsPolicy};

/// A [`TlsPolicy`] whose files are read again when they change.
pub(crate) struct Trust(Reloading<()>);

impl Trust {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Stage `settings`, with every fault of every file.
    pub(crate) fn load(settings: &Settings) -> Result<Self, ConnectError> {
        Reloading::new(settings.tls().clone(), nothing).map(Self)
    }

    /// The policy that a new connection is to keep to, after a look at the files.
    pub(crate) fn current(&self) -> TlsPolicy {
        self.0.current::<ConnectError>(nothing).0
    }
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "what else is made of a policy may fail"
)]
fn nothing(_: &TlsPolicy) -> Result<(), ConnectError> {
    Ok(())
}
