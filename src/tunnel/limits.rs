//! Descriptors enough for all sessions: [`make_room`].

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides those of sessions and threads: listeners, who asks for health and metrics, the log,
/// files that are read again.
const BESIDES: usize = 96;
/// A session's two ends.
const PER_SESSION: usize = 2;
/// What a thread's runtime waits with: its events twice, its wake-up, its signals.
const PER_THREAD: usize = 4;

/// Raises this process's limit of open descriptors as far as it may, to what so many sessions on so many
/// threads need. Where that is not enough a warning says so: clients beyond it would not be let in.
pub(super) fn make_room(sessions: usize, threads: usize) {
    let of_sessions = sessions.saturating_mul(PER_SESSION);
    let needed = of_sessions.saturating_add(threads * PER_THREAD + BESIDES);
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    // A limit that cannot be raised is the one that the warning is about.
    let _ = setrlimit(Resource::Nofile, limit);
    let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if now < needed {
        tracing::warn!(
            "--max-connections needs {needed} open files and this process may have {now}: raise the limit (ulimit -n, LimitNOFILE=)"
        );
    }
}
