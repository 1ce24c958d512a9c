//! What is known of a PostgreSQL session without asking it: [`SessionMonitor`].

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};

use super::authentication::LoginMethod;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Nothing is under way and no transaction is open.
    Idle,
    /// Nothing is under way and a transaction is open, or has failed and waits for its end.
    InTransaction,
    /// Something is queued, being sent or not yet answered: a query's future may have been dropped.
    Unsettled,
    /// The connection is gone.
    Closed,
}

/// Follows one session by the bytes that pass and by its driver's wake-ups, at the cost of a few
/// atomic reads; the server is never asked.
///
/// Four things must hold for [`SessionState::Idle`]: the driver's task has nothing to do (whoever
/// queues a request wakes it, and the wake-up is seen here first), what it waits for is the server
/// and not someone who holds an answer without reading it, every request that was written
/// has been answered by a ReadyForQuery message, and the last of those said that no transaction is
/// open.
#[derive(Clone, Debug)]
pub struct SessionMonitor(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    /// Requests sent that ReadyForQuery has not answered yet. The start-up counts as one. Written by
    /// the stream's guard alone, so that no read and write of it need to be one.
    unanswered: AtomicU64,
    /// Status byte of the last ReadyForQuery.
    status: AtomicU8,
    /// Whether the last write had to wait for the socket: then bytes may still be in the driver.
    write_blocked: AtomicBool,
    /// Whether the driver, when last polled, read until nothing more had come.
    listening: AtomicBool,
    proven: AtomicBool,
    channel_bound: AtomicBool,
    login_method: OnceLock<LoginMethod>,
    handed_over: AtomicBool,
    ended: AtomicBool,
    task: AtomicU8,
}

/// Wakes the driver's task, and says so before.
pub(super) struct Bell {
    shared: Arc<Shared>,
    task: Waker,
}

/// States of the driver's task.
const RESTING: u8 = 0;
const POLLING: u8 = 1;
const WOKEN: u8 = 2;

impl SessionMonitor {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            unanswered: AtomicU64::new(1),
            status: AtomicU8::new(b'I'),
            write_blocked: AtomicBool::new(false),
            listening: AtomicBool::new(false),
            proven: AtomicBool::new(false),
            channel_bound: AtomicBool::new(false),
            login_method: OnceLock::new(),
            handed_over: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            task: AtomicU8::new(WOKEN),
        }))
    }

    /// Whether the login was bound to the TLS channel (SCRAM-SHA-256-PLUS, RFC 5929).
    pub fn is_channel_bound(&self) -> bool {
        self.0.channel_bound.load(Ordering::Acquire)
    }

    /// Whether the server proved in the login that it knows the password (SCRAM-SHA-256).
    pub fn is_proven(&self) -> bool {
        self.0.proven.load(Ordering::Acquire)
    }

    /// What the server asked for at the login; `None` before it accepted it.
    #[cfg(feature = "cli")]
    pub(crate) fn login_method(&self) -> Option<LoginMethod> {
        self.0.login_method.get().copied()
    }

    /// Where the session stands now.
    pub fn state(&self) -> SessionState {
        let shared = &*self.0;
        if shared.ended.load(Ordering::Acquire) {
            return SessionState::Closed;
        }
        if shared.task.load(Ordering::Acquire) != RESTING {
            return SessionState::Unsettled;
        }
        let under_way = !shared.is_all_answered()
            || !shared.listening.load(Ordering::Relaxed)
            || shared.write_blocked.load(Ordering::Acquire);
        if under_way {
            SessionState::Unsettled
        } else if shared.status.load(Ordering::Acquire) == b'I' {
            SessionState::Idle
        } else {
            SessionState::InTransaction
        }
    }
}

impl Shared {
    pub(super) fn count_requests(&self, requests: u64) {
        self.set_unanswered(|unanswered| unanswered.wrapping_add(requests));
    }

    /// One of the requests counted will not be answered by itself.
    pub(super) fn uncount_request(&self) {
        self.set_unanswered(|unanswered| unanswered.wrapping_sub(1));
    }

    pub(super) fn is_all_answered(&self) -> bool {
        self.unanswered.load(Ordering::Acquire) == 0
    }

    /// Wraps where the server answers what nobody asked, which ends the driver.
    fn set_unanswered(&self, change: impl FnOnce(u64) -> u64) {
        let unanswered = self.unanswered.load(Ordering::Relaxed);
        self.unanswered.store(change(unanswered), Ordering::Release);
    }

    /// Within a poll of the driver: whether its last read found nothing more. Seen by others with
    /// the end of that poll.
    pub(super) fn set_listening(&self, listening: bool) {
        self.listening.store(listening, Ordering::Relaxed);
    }

    pub(super) fn ready_for_query(&self, status: u8) {
        self.status.store(status, Ordering::Release);
        self.uncount_request();
    }

    pub(super) fn set_proven(&self) {
        self.proven.store(true, Ordering::Release);
    }

    pub(super) fn set_channel_bound(&self) {
        self.channel_bound.store(true, Ordering::Release);
    }

    pub(super) fn set_login_method(&self, method: LoginMethod) {
        // A login is accepted once.
        let _ = self.login_method.set(method);
    }

    /// The session goes to its caller: from now on what the server sends is not bounded.
    pub(super) fn hand_over(&self) {
        self.handed_over.store(true, Ordering::Release);
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Acquire)
    }

    pub(super) fn set_write_blocked(&self, blocked: bool) {
        if self.write_blocked.load(Ordering::Relaxed) != blocked {
            self.write_blocked.store(blocked, Ordering::Release);
        }
    }

    /// Before the driver is polled.
    pub(super) fn begin_poll(&self) {
        // A driver that cannot deliver an answer does not read at all.
        self.set_listening(false);
        self.task.store(POLLING, Ordering::Release);
    }

    /// After the driver has nothing more to do. A wake-up that came meanwhile stays visible.
    pub(super) fn end_poll(&self) {
        let _ = self
            .task
            .compare_exchange(POLLING, RESTING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The driver's task is over.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

impl Bell {
    /// A bell for the task that this waker wakes.
    pub(super) fn new(shared: &Arc<Shared>, task: &Waker) -> Self {
        Self {
            shared: Arc::clone(shared),
            task: task.clone(),
        }
    }

    /// Whether it wakes the same task as this waker.
    pub(super) fn is_of(&self, task: &Waker) -> bool {
        self.task.will_wake(task)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.task.store(WOKEN, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use super::{Bell, SessionMonitor, SessionState};

    fn bell(monitor: &SessionMonitor) -> Waker {
        Waker::from(Arc::new(Bell::new(&monitor.0, Waker::noop())))
    }

    fn rested() -> SessionMonitor {
        let monitor = SessionMonitor::new();
        monitor.0.ready_for_query(b'I');
        monitor.0.begin_poll();
        monitor.0.set_listening(true);
        monitor.0.end_poll();
        monitor
    }

    #[test]
    fn a_session_is_idle_only_when_everything_is_answered_and_the_task_rests() {
        let monitor = rested();
        assert_eq!(monitor.state(), SessionState::Idle);
        monitor.0.count_requests(2);
        assert_eq!(monitor.state(), SessionState::Unsettled);
        monitor.0.ready_for_query(b'T');
        assert_eq!(monitor.state(), SessionState::Unsettled);
        monitor.0.ready_for_query(b'T');
        assert_eq!(monitor.state(), SessionState::InTransaction);
        monitor.0.count_requests(1);
        monitor.0.ready_for_query(b'E');
        assert_eq!(monitor.state(), SessionState::InTransaction);
    }

    #[test]
    fn a_queued_request_is_seen_before_the_driver_runs() {
        let monitor = rested();
        bell(&monitor).wake_by_ref();
        assert_eq!(monitor.state(), SessionState::Unsettled);
        monitor.0.begin_poll();
        monitor.0.set_listening(true);
        bell(&monitor).wake_by_ref();
        monitor.0.end_poll();
        assert_eq!(
            monitor.state(),
            SessionState::Unsettled,
            "a wake-up during the poll must not be lost"
        );
    }

    #[test]
    fn a_driver_that_stopped_reading_is_unsettled_though_everything_has_come() {
        let monitor = rested();
        monitor.0.begin_poll();
        monitor.0.end_poll();
        assert_eq!(monitor.state(), SessionState::Unsettled);
        monitor.0.begin_poll();
        monitor.0.set_listening(false);
        monitor.0.set_listening(true);
        monitor.0.end_poll();
        assert_eq!(monitor.state(), SessionState::Idle);
    }

    #[test]
    fn an_ended_task_stays_ended() {
        let monitor = rested();
        monitor.0.end();
        bell(&monitor).wake();
        assert_eq!(monitor.state(), SessionState::Closed);
    }

    #[test]
    fn a_blocked_write_is_unsettled() {
        let monitor = rested();
        monitor.0.set_write_blocked(true);
        assert_eq!(monitor.state(), SessionState::Unsettled);
    }
}
