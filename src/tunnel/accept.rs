//! One listener's loop: who comes is let in or turned away.

use std::io;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::client::Incoming;
use super::context::Shared;
use super::listen::{Arrival, Listener};
use super::session::{self, Refusal};

/// How long to wait after the system could not give a connection, which it may not for a while.
const PAUSE: Duration = Duration::from_millis(100);
/// How many clients are told at once why they are turned away. Those beyond are just closed.
const FAREWELLS: usize = 64;
/// How far apart the lines about clients that were turned away are.
const COMPLAINTS: Duration = Duration::from_secs(1);

/// What all listeners of a tunnel need for their loops.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) shared: Arc<Shared>,
    /// Every session, so that their end can be waited for.
    pub(super) sessions: TaskTracker,
    /// Ends the loops: no new sessions.
    pub(super) closing: CancellationToken,
    /// Ends the sessions.
    pub(super) ending: CancellationToken,
    farewells: Arc<Semaphore>,
    complaints: Arc<Complaints>,
}

/// Keeps a flood of clients out of the log: one line in a second, and how many were not said.
#[derive(Debug, Default)]
struct Complaints(Mutex<(Option<Instant>, u64)>);

impl Complaints {
    /// How many went unsaid before this one, if this one is to be said.
    fn next(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, unsaid) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < COMPLAINTS) {
            *unsaid += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(mem::take(unsaid))
    }
}

impl Door {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            sessions: TaskTracker::new(),
            closing: CancellationToken::new(),
            ending: CancellationToken::new(),
            complaints: Arc::default(),
            farewells: Arc::new(Semaphore::new(FAREWELLS)),
        }
    }

    /// Lets clients of one listener in until the door is closed. The listener is closed then.
    pub(super) async fn keep(self, listener: Listener, admission: Admission) {
        loop {
            let arrived = tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                arrived = listener.accept() => arrived,
            };
            match arrived {
                Ok(Arrival::Welcome(incoming)) => self.let_in(incoming, &admission),
                Ok(Arrival::Stranger(incoming)) => self.turn_away(incoming, Refusal::Stranger),
                Err(error) => {
                    self.shared.meters.refused("accept_failed");
                    tracing::warn!(%error, place = %listener.place(), "a client could not be accepted");
                    if is_lasting(&error) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    fn let_in(&self, incoming: Incoming, admission: &Admission) {
        let place = match admission.admit(incoming.peer) {
            Ok(place) => place,
            Err(full) => return self.turn_away(incoming, Refusal::Full(full)),
        };
        let (shared, ending) = (Arc::clone(&self.shared), self.ending.clone());
        self.sessions.spawn(async move {
            tokio::select! {
                biased;
                () = ending.cancelled() => {}
                () = session::serve(incoming, shared) => {}
            }
            drop(place);
        });
    }

    fn turn_away(&self, incoming: Incoming, refusal: Refusal) {
        let peer = incoming.peer;
        self.shared.meters.refused(refusal.as_str());
        if let Some(before) = self.complaints.next() {
            tracing::warn!(%peer, reason = refusal.as_str(), unsaid = before, "a client was turned away");
        }
        // Without room for a farewell the connection is closed by dropping it.
        let Ok(permit) = Arc::clone(&self.farewells).try_acquire_owned() else {
            return;
        };
        let (shared, ending) = (Arc::clone(&self.shared), self.ending.clone());
        self.sessions.spawn(async move {
            tokio::select! {
                biased;
                () = ending.cancelled() => {}
                () = session::turn_away(incoming, refusal, &shared) => {}
            }
            drop(permit);
        });
    }
}

/// Whether the next attempt would fail in the same way: not where one client just went away.
fn is_lasting(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
