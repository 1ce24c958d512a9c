//! Whether the tunnel can do its work: [`Health`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::failure::Failure;

/// What the last dial said, and whether new sessions are taken at all.
#[derive(Debug, Default)]
pub(super) struct Health {
    failed: Mutex<Option<Failure>>,
    draining: AtomicBool,
    changed: Notify,
}

impl Health {
    /// The server was reached and is trusted.
    pub(super) fn reached(&self) {
        if self.failed().take().is_some() {
            tracing::info!("the server can be reached again: ready");
        }
    }

    /// The server could not be reached, or not be trusted.
    pub(super) fn failed_with(&self, failure: &Failure) {
        let before = self.failed().replace(failure.clone());
        if before.is_none() {
            tracing::warn!(code = %failure.code(), "the server cannot be reached: not ready");
        }
        self.changed.notify_one();
    }

    /// No new sessions are taken any more.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Why the tunnel is not ready, if it is not.
    pub(super) fn why_not_ready(&self) -> Option<String> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("draining".to_owned());
        }
        let failed = self.failed();
        failed
            .as_ref()
            .map(|failure| format!("{}: {failure}", failure.code()))
    }

    /// Whether the last dial failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed().is_some()
    }

    /// Waits until a dial has failed.
    ///
    /// # Cancel Safety
    /// Nothing is lost by dropping the future.
    pub(super) async fn until_failed(&self) {
        while self.failed().is_none() {
            self.changed.notified().await;
        }
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Health;
    use crate::code::{ErrorCode, Stage};
    use crate::failure::Failure;

    #[tokio::test]
    async fn last_dial_decides_and_draining_outweighs_it() {
        let health = Health::default();
        assert_eq!(health.why_not_ready(), None, "nothing has failed yet");
        health.failed_with(&Failure::new(
            Stage::Connect,
            ErrorCode::Timeout,
            "too late",
            "",
        ));
        health.until_failed().await;
        assert_eq!(health.why_not_ready().as_deref(), Some("timeout: too late"));
        health.reached();
        assert_eq!(health.why_not_ready(), None);
        health.drain();
        assert_eq!(health.why_not_ready().as_deref(), Some("draining"));
    }
}
