//! The pool's side of `deadpool`: [`Manager`] makes connections and decides whether a used one is
//! handed on.

use std::sync::Arc;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};

use super::engine::{Condition, Engine};
use super::error::PoolError;
use super::pooled::Pooled;
use super::shared::Shared;
use crate::settings::Recycle;

/// Makes connections and decides whether a used one is handed on.
pub(super) struct Manager<E: Engine>(pub(super) Arc<Shared<E>>);

impl<E: Engine> managed::Manager for Manager<E> {
    // In a box: deadpool moves it several times at each checkout and return.
    type Type = Box<Pooled<E>>;
    type Error = PoolError<E::Error>;

    async fn create(&self) -> Result<Box<Pooled<E>>, Self::Error> {
        Box::pin(self.0.supply()).await.map(Box::new)
    }

    async fn recycle(
        &self,
        pooled: &mut Box<Pooled<E>>,
        usage: &Metrics,
    ) -> RecycleResult<Self::Error> {
        if pooled.is_retired() {
            return Err(RecycleError::message("retired"));
        }
        let shared = &self.0;
        let condition = shared.engine.condition(&mut pooled.connection, usage);
        let effort = match (condition, shared.limits.recycle) {
            (Condition::Closed, _) => {
                shared.raise_doubt();
                return Err(RecycleError::message("closed"));
            }
            (_, Recycle::Clean) => Recycle::Clean,
            (_, Recycle::Verified) | (Condition::Unproven, Recycle::Fast) => Recycle::Verified,
            (_, Recycle::Fast) if pooled.is_doubtful() => Recycle::Verified,
            (Condition::Clean, Recycle::Fast) => return Ok(()),
            (Condition::Dirty, Recycle::Fast) => Recycle::Fast,
        };
        // In a box, so that the common case above does not carry the room this needs.
        Box::pin(self.restore(pooled, effort)).await
    }
}

impl<E: Engine> Manager<E> {
    /// Asks the server to put the connection in order, within `WA_DB_READ_TIMEOUT`.
    async fn restore(
        &self,
        pooled: &mut Pooled<E>,
        effort: Recycle,
    ) -> RecycleResult<PoolError<E::Error>> {
        let shared = &self.0;
        let epochs = shared.epochs();
        let restore = shared.engine.restore(&mut pooled.connection, effort);
        match tokio::time::timeout(shared.limits.read_timeout, restore).await {
            Ok(Ok(())) => {
                pooled.proven(epochs);
                Ok(())
            }
            Ok(Err(error)) => {
                tracing::debug!(engine = E::NAME, %error, "dropped a used connection that could not be put in order");
                shared.raise_doubt();
                Err(RecycleError::message("not in order"))
            }
            Err(_) => {
                tracing::warn!(
                    engine = E::NAME,
                    "the server did not answer within WA_DB_READ_TIMEOUT; idle connections are dropped"
                );
                shared.raise_distrust();
                Err(RecycleError::message("no answer"))
            }
        }
    }
}
