//! How far a connection has come, so that a deadline can say what it interrupted.

#[cfg(feature = "cli")]
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::code::Stage;
use crate::failure::Failure;

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
    failed: Vec<(SocketAddr, Failure)>,
}

impl Progress {
    pub(crate) fn start(stage: Stage) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stage,
            since: Instant::now(),
            done: Vec::with_capacity(5),
            address: None,
            failed: Vec::new(),
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

    /// Keeps what went wrong at an address, in place of what went wrong there before. Nobody talks
    /// to that address any longer.
    pub(crate) fn failed(&self, address: SocketAddr, failure: Failure) {
        let mut inner = self.lock();
        inner.address = inner.address.filter(|current| *current != address);
        match inner.failed.iter_mut().find(|(at, _)| *at == address) {
            Some((_, known)) => *known = failure,
            None => inner.failed.push((address, failure)),
        }
    }

    /// The addresses that failed, in the order in which they first did.
    pub(crate) fn failures(&self) -> Vec<(SocketAddr, Failure)> {
        self.lock().failed.clone()
    }

    /// The failure of a dial with what the server's other addresses said, for who has one line to
    /// tell it in.
    #[cfg(feature = "cli")]
    pub(crate) fn with_others(&self, failure: Failure) -> Failure {
        let inner = self.lock();
        let others = inner.failed.iter();
        let others = others.filter(|(address, _)| inner.address != Some(*address));
        let told = others.map(|(address, failure)| {
            let source = failure.source().map(ToString::to_string);
            format!(
                "{address}: {}",
                source.as_deref().unwrap_or(failure.message())
            )
        });
        let told = told.collect::<Vec<_>>().join(", ");
        if told.is_empty() || failure.stage() != Stage::Connect {
            return failure;
        }
        failure.adding(&format!(" (also tried {told})"))
    }

    pub(crate) fn stage(&self) -> Stage {
        self.lock().stage
    }

    /// The address that is talked to, or at the end the one whose word counts; none between two.
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
