//! Descriptors enough for all sessions: [`make_room`].

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides those of the sessions: listeners, the log, files that are read again.
const BESIDES: u64 = 64;

/// Raises this process's limit of open descriptors, of which each session needs two, as far as it
/// may. Where that is not enough a warning says so: clients beyond it would not be let in.
pub(super) fn make_room(sessions: usize) {
    let needed = u64::try_from(sessions)
        .unwrap_or(u64::MAX)
        .saturating_mul(2)
        .saturating_add(BESIDES);
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
