//! The part of a session that speaks MySQL's protocol.

use super::client::Incoming;
use super::context::Shared;
use super::outcome::{Ended, Joined};
use super::session::Refusal;

/// What the front knows beyond one session.
pub(super) struct State;

impl State {
    #[allow(clippy::unnecessary_wraps, reason = "the key is made here")]
    pub(super) fn new() -> Result<Self, openssl::error::ErrorStack> {
        Ok(Self)
    }
}

/// Reaches the server once, to learn its greeting and whether it can be reached.
#[allow(clippy::unused_async, reason = "dials")]
pub(super) async fn prepare(_shared: &Shared) {}

/// Greets the client, dials the server and relays the login.
#[allow(clippy::unused_async, reason = "dials")]
pub(super) async fn front(_incoming: Incoming, _shared: &Shared) -> Result<Joined, Ended> {
    Err(Ended::Client("MySQL is not spoken yet"))
}

/// Tells a client why it may not come in.
#[allow(clippy::unused_async, reason = "writes")]
pub(super) async fn turn_away(_incoming: Incoming, _refusal: Refusal) {}
