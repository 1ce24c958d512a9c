//! The task that drives one tokio-postgres connection, watched by its monitor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::monitor::{Bell, SessionMonitor, Shared};

/// Polls the driver's connection with a waker of our own, so that a queued request is known
/// before it is sent.
pub(super) struct Driver<C> {
    connection: C,
    shared: Arc<Shared>,
    /// The bell of the task that polls this, and the same as a waker: made once, since a task's
    /// waker stays what it is.
    bell: Option<(Arc<Bell>, Waker)>,
}

impl<C> Driver<C> {
    pub(super) fn new(connection: C, monitor: &SessionMonitor) -> Self {
        Self {
            connection,
            shared: Arc::clone(&monitor.0),
            bell: None,
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
        let task = context.waker();
        let known = this.bell.take().filter(|(bell, _)| bell.is_of(task));
        let (_, waker) = this.bell.insert(known.unwrap_or_else(|| {
            let bell = Arc::new(Bell::new(&this.shared, task));
            (Arc::clone(&bell), Waker::from(bell))
        }));
        this.shared.begin_poll();
        let outcome = Pin::new(&mut this.connection).poll(&mut Context::from_waker(waker));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};

    use super::super::monitor::SessionMonitor;
    use super::Driver;

    /// Never done; shows the waker of its last poll.
    struct Connection(Arc<Mutex<Option<Waker>>>);

    impl Future for Connection {
        type Output = Result<(), Infallible>;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            *self.0.lock().unwrap() = Some(context.waker().clone());
            Poll::Pending
        }
    }

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_wake_up_reaches_the_task_that_polled_last() {
        let shown = Arc::default();
        let monitor = SessionMonitor::new();
        let mut driver = pin!(Driver::new(Connection(Arc::clone(&shown)), &monitor));
        let tasks: [Arc<Task>; 2] = Default::default();
        let mut wakers = Vec::new();
        for task in [0, 0, 1, 1] {
            let waker = Waker::from(Arc::clone(&tasks[task]));
            let polled = driver.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            let waker = shown.lock().unwrap().take().unwrap();
            waker.wake_by_ref();
            wakers.push(waker);
        }
        let woken = tasks.map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [2, 2]);
        // Made anew only where the task is another.
        let again = [0, 1, 2].map(|poll| wakers[poll].will_wake(&wakers[poll + 1]));
        assert_eq!(again, [true, false, true]);
    }
}
