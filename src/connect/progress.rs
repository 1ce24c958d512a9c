//! How far a connection has come, so that a deadline can say what it interrupted.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::code::Stage;

/// How long each stage of one connection took, in the order they were reached.
pub type StageTimes = Vec<(Stage, Duration)>;

/// The stage a connection is in, shared between the one who connects and the one who waits.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Mutex<Inner>>);

struct Inner {
    stage: Stage,
    since: Instant,
    done: StageTimes,
}

impl Progress {
    pub(crate) fn start(stage: Stage) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stage,
            since: Instant::now(),
            done: Vec::with_capacity(5),
        })))
    }

    /// Ends the current stage and begins another.
    pub(crate) fn enter(&self, stage: Stage) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.stage != stage {
            let now = Instant::now();
            let finished = (inner.stage, now - inner.since);
            inner.done.push(finished);
            inner.stage = stage;
            inner.since = now;
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stage
    }

    /// The times of all stages up to now, the current one included.
    pub(crate) fn times(&self) -> StageTimes {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times = inner.done.clone();
        times.push((inner.stage, inner.since.elapsed()));
        times
    }
}
