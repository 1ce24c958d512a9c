//! The part of a session that speaks PostgreSQL's protocol (its manual, chapter "Frontend/Backend
//! Protocol"): what the client says first, the login, cancel requests.

mod answer;
mod cancel;
mod credentials;
mod inbound;
mod keys;
mod login;
mod opening;
mod startup;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};

use self::answer::{ErrorAnswer, SqlState};
pub(super) use self::keys::{Keyed, Keys};
use self::login::{LoggedIn, Turn};
use self::opening::{Opening, Said};
use self::startup::Packet;
use super::client::{ClientStream, Incoming};
use super::context::Shared;
use super::outcome::{Ended, Joined};
use super::session::Refusal;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

/// Reaches the server once, to know whether it can be reached.
pub(super) async fn prepare(shared: &Shared) {
    // What comes of it is noted by the way to the server.
    let _ = shared.upstream.secure_postgres().await;
}

/// Hears what the client wants, and brings it to a server.
///
/// # Errors
/// There is no session; the client was told why.
pub(super) async fn front(incoming: Incoming, shared: &Shared) -> Result<Joined, Ended> {
    let patience = shared.settings.connect_timeout();
    let heard = timeout(patience, opening::hear(incoming)).await;
    let Opening { mut client, said } =
        heard.map_err(|_| Ended::Client("the client said nothing in time"))??;
    match said {
        Said::Cancel(request) => cancel::carry(client, &request, shared).await,
        Said::Startup(startup) => match begin(&mut client, &startup, shared).await {
            Ok(LoggedIn {
                server,
                to_client,
                keyed,
            }) => Ok(Joined {
                client,
                server,
                to_server: Vec::new(),
                to_client,
                numbered: None,
                keyed,
            }),
            Err(ended) => {
                if let Ended::Failed(failure) = &ended {
                    tell(&mut client, &ErrorAnswer::of_failure(failure)).await;
                }
                Err(ended)
            }
        },
    }
}

/// Reaches a server and relays the login, all under `WA_DB_CONNECT_TIMEOUT`.
async fn begin(
    client: &mut ClientStream,
    startup: &Packet,
    shared: &Shared,
) -> Result<LoggedIn, Ended> {
    let deadline = Instant::now() + shared.settings.connect_timeout();
    let reached = shared.upstream.secure_postgres().await?;
    let turn = Turn::default();
    let login = login::relay(client, reached, startup, shared, &turn);
    timeout_at(deadline, login).await.unwrap_or_else(|_| {
        if turn.is_clients() {
            return Err(Ended::Client("the client did not log in in time"));
        }
        let failure = too_late(shared);
        shared.meters.failed(failure.code());
        Err(Ended::Failed(failure))
    })
}

/// Tells a client why it may not come in.
pub(super) async fn turn_away(incoming: Incoming, refusal: Refusal) {
    let state = match refusal {
        Refusal::Stranger => SqlState::InvalidAuthorization,
        Refusal::Full(_) => SqlState::TooManyConnections,
    };
    let mut client = incoming.stream;
    // Whatever it says first, an error is an answer to it. Read it has to be: closing a connection with
    // unread bytes resets it, and the answer may be lost.
    if startup::read(&mut client).await.is_ok() {
        tell(&mut client, &ErrorAnswer::new(state, refusal.message(), "")).await;
    }
}

/// Tells the client, and that nothing will follow.
async fn tell(client: &mut ClientStream, answer: &ErrorAnswer) {
    let told = async {
        client.write_all(&answer.message()).await?;
        client.shutdown().await
    };
    // A client that has left or does not listen misses it.
    let _ = timeout(answer::PATIENCE, told).await;
}

fn too_late(shared: &Shared) -> Failure {
    let deadline = shared.settings.connect_timeout();
    Failure::new(
        Stage::Authenticate,
        ErrorCode::Timeout,
        format!(
            "the server at WA_DB_HOSTNAME let WA_DB_CONNECT_TIMEOUT ({deadline:?}) pass before the session was ready"
        ),
        "check that the server is up and not overloaded; raise WA_DB_CONNECT_TIMEOUT if it is merely far away",
    )
}
