//! How far a connection has come, so that a deadline can say what it interrupted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::code::Stage;

/// How long each stage of one connection took, in the order they were reached.
pub type StageTimes = Vec<(Stage, Duration)>;

/// The stage a connection is in and the address it talks to, shared between the one who connects
/// and the one who waits.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Mutex<Inner>>);

struct Inner {
    stage: Stage,
    since: Instant,
    done: StageTimes,
    address: Option<SocketAddr>,
}

impl Progress {
    pub(crate) fn start(stage: Stage) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stage,
            since: Instant::now(),
            done: Vec::with_capacity(5),
            address: None,
        })))
    }

    /// Ends the current stage and begins another, or goes on with one that another address of the
    /// server did not get through.
    pub(crate) fn enter(&self, stage: Stage) {
        let mut inner = self.lock();
        if inner.stage != stage {
            let now = Instant::now();
            let finished = (inner.stage, now - inner.since);
            add(&mut inner.done, finished);
            inner.stage = stage;
            inner.since = now;
        }
    }

    /// Notes the address that is being talked to.
    pub(crate) fn at(&self, address: SocketAddr) {
        self.lock().address = Some(address);
    }

    pub(crate) fn stage(&self) -> Stage {
        self.lock().stage
    }

    /// The address that was talked to last, if it came to that.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.lock().address
    }

    /// The times of all stages up to now, the current one included.
    pub(crate) fn times(&self) -> StageTimes {
        let inner = self.lock();
        let mut times = inner.done.clone();
        add(&mut times, (inner.stage, inner.since.elapsed()));
        times
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(times: &mut StageTimes, (stage, took): (Stage, Duration)) {
    match times.iter_mut().find(|(known, _)| *known == stage) {
        Some((_, total)) => *total += took,
        None => times.push((stage, took)),
    }
}
