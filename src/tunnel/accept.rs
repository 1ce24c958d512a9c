//! One listener's loop: who comes is let in or turned away.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::client::Incoming;
use super::context::Shared;
use super::listen::{Arrival, Listener};
use super::options::ListenAddress;
use super::session::{self, Refusal};
use super::workers::Workers;
use crate::serve::Complaints;

/// How long to wait after the system could not give a connection, which it may not for a while.
const PAUSE: Duration = Duration::from_millis(100);
/// How many clients are told at once why they are turned away. Those beyond are just closed.
const FAREWELLS: usize = 64;

/// What all listeners of a tunnel need for their loops.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) shared: Arc<Shared>,
    workers: Workers,
    /// Every session, so that their end can be waited for.
    pub(super) sessions: TaskTracker,
    /// Ends the loops: no new sessions.
    pub(super) closing: CancellationToken,
    /// Ends the sessions.
    pub(super) ending: CancellationToken,
    farewells: Arc<Semaphore>,
    complaints: Arc<Complaints>,
}

impl Door {
    pub(super) fn new(shared: Arc<Shared>, workers: Workers) -> Self {
        Self {
            shared,
            workers,
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
                Ok(Arrival::Welcome(incoming)) => {
                    self.let_in(incoming, &admission, listener.place());
                }
                Ok(Arrival::Stranger(incoming)) => self.turn_away(incoming, Refusal::Stranger),
                Err(error) => {
                    self.not_accepted(listener.place(), &error);
                    if is_lasting(&error) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    fn let_in(&self, incoming: Incoming, admission: &Admission, listener: &ListenAddress) {
        let place = match admission.admit(incoming.peer) {
            Ok(place) => place,
            Err(full) => return self.turn_away(incoming, Refusal::Full(full)),
        };
        let moved = match incoming.detach() {
            Ok(detached) => detached,
            Err(error) => return self.not_accepted(listener, &error),
        };
        let (door, listener) = (self.clone(), listener.clone());
        self.workers.carry(&self.sessions, async move {
            match moved.attach() {
                Ok(incoming) => tokio::select! {
                    biased;
                    () = door.ending.cancelled() => {}
                    () = session::serve(incoming, Arc::clone(&door.shared)) => {}
                },
                Err(error) => door.not_accepted(&listener, &error),
            }
            drop(place);
        });
    }

    fn not_accepted(&self, place: &ListenAddress, error: &io::Error) {
        self.shared.meters.refused("accept_failed");
        tracing::warn!(%place, %error, "a client could not be accepted");
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
