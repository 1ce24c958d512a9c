//! One client from the door to its last byte.

use std::sync::Arc;
use std::time::Duration;

use super::admission::Full;
use super::client::Incoming;
use super::context::Shared;
use super::outcome::{Ended, Joined};
use super::{mysql, postgres, pump};
use crate::endpoint::Engine;

/// How long a client that is turned away may take to hear why.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a client is turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its user or address may not connect.
    Stranger,
    /// There is no room.
    Full(Full),
}

impl Refusal {
    /// The word for logs and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stranger => "not_allowed",
            Self::Full(full) => full.as_str(),
        }
    }

    /// What the client is told.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Stranger => "this user or address may not use the tunnel",
            Self::Full(Full::Listener) => {
                "too many connections through the tunnel (--max-connections)"
            }
            Self::Full(Full::Client) => {
                "too many connections of this client through the tunnel (--max-connections-per-client)"
            }
        }
    }
}

/// Carries one session.
pub(super) async fn serve(incoming: Incoming, shared: Arc<Shared>) {
    let meters = &shared.meters;
    meters.admitted.increment(1);
    meters.sessions.increment(1);
    let _counted = scopeguard(|| meters.sessions.decrement(1));
    let peer = incoming.peer;
    // On the heap and gone when the login is over, so that a session that lasts is small.
    match Box::pin(front(incoming, &shared)).await {
        Ok(joined) => {
            tracing::debug!(%peer, "session begins");
            let over = pump::run(joined, meters).await;
            tracing::debug!(%peer, ?over, "session ends");
        }
        Err(Ended::Client(why)) => tracing::debug!(%peer, "no session: {why}"),
        Err(Ended::Done(what)) => tracing::debug!(%peer, "{what}"),
        Err(Ended::Failed(failure)) => {
            tracing::warn!(%peer, stage = %failure.stage(), code = %failure.code(), hint = failure.hint(), "no session: {failure}");
        }
    }
}

/// The part of a session that knows the engine's protocol: what the client says first, the way to the
/// server, the login.
async fn front(incoming: Incoming, shared: &Shared) -> Result<Joined, Ended> {
    match shared.settings.engine() {
        Engine::Postgres => postgres::front(incoming, shared).await,
        Engine::MySql => mysql::front(incoming, shared).await,
    }
}

/// Tells a client why it may not come in, in its own protocol.
pub(super) async fn turn_away(incoming: Incoming, refusal: Refusal, shared: &Shared) {
    let tell = async {
        match shared.settings.engine() {
            Engine::Postgres => postgres::turn_away(incoming, refusal).await,
            Engine::MySql => mysql::turn_away(incoming, refusal).await,
        }
    };
    // It is closed whether it listened or not.
    let _ = tokio::time::timeout(FAREWELL, tell).await;
}

/// Runs `end` when it goes out of scope, also where a future is dropped.
fn scopeguard<F: Fn()>(end: F) -> impl Drop {
    struct Guard<F: Fn()>(F);
    impl<F: Fn()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(end)
}
