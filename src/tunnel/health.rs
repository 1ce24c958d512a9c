//! Whether the tunnel can do its work: [`Health`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::failure::Failure;

/// What the last dial said, if there was one, and whether new sessions are taken at all.
#[derive(Debug, Default)]
pub(super) struct Health {
    last: Mutex<Option<Result<(), Failure>>>,
    draining: AtomicBool,
    changed: Notify,
}

impl Health {
    /// The server was reached and is trusted.
    pub(super) fn reached(&self) {
        match self.last().replace(Ok(())) {
            Some(Ok(())) => {}
            Some(Err(_)) => tracing::info!("the server can be reached again: ready"),
            None => tracing::info!("the server can be reached: ready"),
        }
    }

    /// The server could not be reached, or not be trusted.
    pub(super) fn failed_with(&self, failure: &Failure) {
        let before = self.last().replace(Err(failure.clone()));
        if !matches!(before, Some(Err(_))) {
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
        match &*self.last() {
            Some(Ok(())) => None,
            Some(Err(failure)) => Some(format!("{}: {failure}", failure.code())),
            None => Some("the server was not tried yet".to_owned()),
        }
    }

    /// Whether the last dial failed.
    pub(super) fn has_failed(&self) -> bool {
        matches!(*self.last(), Some(Err(_)))
    }

    /// Waits until a dial has failed.
    ///
    /// # Cancel Safety
    /// Nothing is lost by dropping the future.
    pub(super) async fn until_failed(&self) {
        while !self.has_failed() {
            self.changed.notified().await;
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Result<(), Failure>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
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
        let untried = health.why_not_ready();
        assert_eq!(untried.as_deref(), Some("the server was not tried yet"));
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
