//! The threads that carry sessions: [`Workers`].
//!
//! Each has a runtime of its own, and a session stays on the thread that it began on, with both of its
//! sockets. The threads of one runtime take sessions over from each other at any wake-up, which cost a tenth
//! of the rate at 16 clients. What a session computes, such as its handshake, others of its thread wait for:
//! milliseconds.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// One thread for every processor that this process may use. They end when the last clone is dropped, and
/// with them what they still carry.
#[derive(Clone)]
pub(super) struct Workers(Arc<Threads>);

struct Threads {
    threads: Vec<Worker>,
    _ending: DropGuard,
}

struct Worker {
    runtime: Handle,
    /// Held by every session that it carries.
    load: Arc<()>,
}

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// The system gives no more threads or descriptors.
    pub(super) fn start() -> io::Result<Self> {
        let ending = CancellationToken::new();
        // Ends those that were started where one cannot be.
        let guard = ending.clone().drop_guard();
        // Where it cannot be told, one is right everywhere.
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (0..count).map(|_| Worker::start(ending.clone()));
        Ok(Self(Arc::new(Threads {
            threads: threads.collect::<io::Result<_>>()?,
            _ending: guard,
        })))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.threads.len()
    }

    /// Has the thread with the fewest sessions carry one more.
    pub(super) fn carry(
        &self,
        sessions: &TaskTracker,
        session: impl Future<Output = ()> + Send + 'static,
    ) {
        let threads = self.0.threads.iter();
        let Some(worker) = threads.min_by_key(|worker| Arc::strong_count(&worker.load)) else {
            return;
        };
        let load = Arc::clone(&worker.load);
        let carried = async move {
            session.await;
            drop(load);
        };
        drop(sessions.spawn_on(carried, &worker.runtime));
    }
}

impl Worker {
    fn start(ending: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name("wa-db sessions".to_owned())
            .spawn(move || run(runtime, &ending))?;
        Ok(Self {
            runtime: handle,
            load: Arc::new(()),
        })
    }
}

fn run(runtime: Runtime, ending: &CancellationToken) {
    runtime.block_on(ending.cancelled());
    // A name lookup that outlived its deadline must not hold anything up.
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests;
