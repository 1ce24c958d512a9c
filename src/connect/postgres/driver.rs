//! The task that drives one tokio-postgres connection, watched by its monitor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::monitor::{SessionMonitor, Shared};

/// Polls the driver's connection with a waker of our own, so that a queued request is known
/// before it is sent.
pub(super) struct Driver<C> {
    connection: C,
    shared: Arc<Shared>,
    waker: Waker,
}

impl<C> Driver<C> {
    pub(super) fn new(connection: C, monitor: &SessionMonitor) -> Self {
        Self {
            connection,
            shared: Arc::clone(&monitor.0),
            waker: Waker::from(Arc::clone(&monitor.0)),
        }
    }
}

impl<C, E> Future for Driver<C>
where
    C: Future<Output = Result<(), E>> + Unpin,
    E: std::fmt::Display,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.begin_poll(context.waker());
        let outcome = Pin::new(&mut this.connection).poll(&mut Context::from_waker(&this.waker));
        match outcome {
            Poll::Pending => {
                this.shared.end_poll();
                Poll::Pending
            }
            Poll::Ready(result) => {
                this.shared.end();
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended");
                }
                Poll::Ready(())
            }
        }
    }
}

impl<C> Drop for Driver<C> {
    fn drop(&mut self) {
        self.shared.end();
    }
}
