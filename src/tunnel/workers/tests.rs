#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;

const SOON: Duration = Duration::from_secs(5);

/// Has a session begin that lasts until it is told to end, and tells which thread carries it.
fn begin(workers: &Workers, sessions: &TaskTracker) -> (ThreadId, oneshot::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (end, ended) = oneshot::channel();
    workers.carry(sessions, async move {
        tell.send(thread::current().id()).unwrap();
        let _ = ended.await;
    });
    (told.recv_timeout(SOON).unwrap(), end)
}

#[test]
fn sessions_are_shared_out_evenly_and_off_the_callers_thread() {
    let (workers, sessions) = (Workers::start().unwrap(), TaskTracker::new());
    let threads = thread::available_parallelism().unwrap().get();
    let begun: Vec<_> = (0..3 * threads)
        .map(|_| begin(&workers, &sessions))
        .collect();
    let used: HashSet<_> = begun.iter().map(|(thread, _)| *thread).collect();
    assert_eq!(used.len(), threads);
    assert!(!used.contains(&thread::current().id()));
    for thread in used {
        assert_eq!(begun.iter().filter(|(by, _)| *by == thread).count(), 3);
    }
}

#[tokio::test]
async fn a_session_that_has_ended_makes_room_on_its_thread() {
    let (workers, sessions) = (Workers::start().unwrap(), TaskTracker::new());
    let threads = thread::available_parallelism().unwrap().get();
    let mut begun: Vec<_> = (0..threads).map(|_| begin(&workers, &sessions)).collect();
    let (thread, end) = begun.swap_remove(threads / 2);
    end.send(()).unwrap();
    let freed = async {
        while sessions.len() == threads {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(SOON, freed).await.unwrap();
    assert_eq!(begin(&workers, &sessions).0, thread);
}

#[tokio::test]
async fn they_end_with_what_they_carry_when_nobody_needs_them() {
    let (workers, sessions) = (Workers::start().unwrap(), TaskTracker::new());
    let (_, _end) = begin(&workers, &sessions);
    sessions.close();
    drop(workers);
    tokio::time::timeout(SOON, sessions.wait()).await.unwrap();
}
