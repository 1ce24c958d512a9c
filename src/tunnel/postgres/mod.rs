//! The part of a session that speaks PostgreSQL's protocol.

use super::client::Incoming;
use super::context::Shared;
use super::outcome::{Ended, Joined};
use super::session::Refusal;

/// Reaches the server once, to know whether it can be reached.
pub(super) async fn prepare(shared: &Shared) {
    // What comes of it is noted by the way to the server.
    let _ = shared.upstream.secure_postgres().await;
}

#[allow(clippy::unused_async, reason = "dials")]
pub(super) async fn front(_incoming: Incoming, _shared: &Shared) -> Result<Joined, Ended> {
    Err(Ended::Client("not spoken yet"))
}

#[allow(clippy::unused_async, reason = "writes")]
pub(super) async fn turn_away(_incoming: Incoming, _refusal: Refusal) {}
