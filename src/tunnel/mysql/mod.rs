//! The part of a session that speaks MySQL's protocol ("Connection Phase" of MySQL's and MariaDB's
//! manuals): the tunnel's own greeting, the client's response, the login.
//!
//! In this protocol the server speaks first, and what it says the client mixes its password with. So
//! that nobody is dialled for a client that says nothing, the tunnel greets with words it learnt from
//! the server before, and a nonce that is good for nothing. The server is then told of a method that
//! no account has; it answers with the account's own and a nonce of its own, and the client follows that
//! switch, as it may once.

mod answer;
mod credentials;
mod keys;
mod login;
mod meeting;
mod numbers;
mod opening;
mod shown;
mod state;

use tokio::time::{Instant, timeout};

use self::answer::ErrorAnswer;
use self::login::Login;
use self::meeting::{Met, meet};
pub(super) use self::numbers::Numbered;
use self::opening::Opening;
pub(super) use self::state::State;
use super::client::{ClientStream, Incoming};
use super::context::Shared;
use super::outcome::{Ended, Joined, ServerStream};
use super::session::Refusal;
use crate::wire::mysql::{Channel, Greeting, Response};

/// Reaches the server once, to learn its greeting and whether it can be reached. The key that clients
/// in plaintext need is made meanwhile.
pub(super) async fn prepare(shared: &Shared) {
    if let Some(state) = &shared.mysql {
        // What comes of either is noted where it is needed.
        let _ = tokio::join!(state.learn(&shared.upstream), state.key());
    }
}

/// Waits until what clients are greeted with may be wrong, so that the server is to be looked at again.
///
/// # Cancel Safety
/// Nothing is lost by dropping the future.
pub(super) async fn until_doubted(shared: &Shared) {
    match &shared.mysql {
        Some(state) => state.until_doubted().await,
        None => std::future::pending().await,
    }
}

/// Greets the client, hears who it is, and brings it to a server.
///
/// # Errors
/// There is no session; the client was told why.
pub(super) async fn front(incoming: Incoming, shared: &Shared) -> Result<Joined, Ended> {
    let Some(state) = &shared.mysql else {
        return Err(Ended::Client("it came to a tunnel of another engine"));
    };
    let patience = shared.settings.connect_timeout();
    let known = match state.known(patience).await {
        Ok(known) => known,
        Err(failure) => {
            let mut client = Channel::new(incoming.stream);
            ErrorAnswer::of_failure(&failure)
                .in_place_of_greeting(&mut client)
                .await;
            return Err(Ended::Failed(failure));
        }
    };
    let greeting = state.greeting(&known, incoming.tls.is_some());
    let heard = timeout(patience, opening::hear(incoming, &greeting)).await;
    if let Ok(Err(Ended::Client(opening::LEFT))) = &heard {
        state.doubt();
    }
    let Opening {
        mut client,
        response,
    } = heard.map_err(|_| Ended::Client("the client said nothing in time"))??;
    match begin(&mut client, response, &greeting, shared, state).await {
        Ok((server, number)) => Ok(Joined {
            client: client.into_stream(),
            server,
            to_server: Vec::new(),
            to_client: Vec::new(),
            numbered: Some(state.enter(&greeting, number)),
            keyed: None,
        }),
        Err(ended) => {
            if let Ended::Failed(failure) = &ended {
                ErrorAnswer::of_failure(failure).tell(&mut client).await;
            }
            Err(ended)
        }
    }
}

/// Reaches a server and carries the login, all under `WA_DB_CONNECT_TIMEOUT`. With the number by which the
/// server knows the session.
async fn begin(
    client: &mut Channel<ClientStream>,
    response: Response,
    greeted: &Greeting,
    shared: &Shared,
    state: &State,
) -> Result<(ServerStream, u32), Ended> {
    let deadline = Instant::now() + shared.settings.connect_timeout();
    let login = Login::new(response, greeted, shared, state)?;
    let Met { reached, greeting } = meet(&shared.upstream, login.request()).await?;
    let (offered, number) = (greeting.capabilities, greeting.connection);
    state.note(&greeting);
    // What the client relies on, having been promised it.
    let promised = greeted.capabilities;
    if !offered.covers(promised.shared_with(login.capabilities())) {
        ErrorAnswer::of_change().tell(client).await;
        return Err(Ended::Client(
            "it was greeted with what the server offered before",
        ));
    }
    let server = login.carry(client, reached, deadline).await?;
    Ok((server, number))
}

/// Tells a client why it may not come in.
pub(super) async fn turn_away(incoming: Incoming, refusal: Refusal) {
    let mut client = Channel::new(incoming.stream);
    ErrorAnswer::of_refusal(refusal)
        .in_place_of_greeting(&mut client)
        .await;
}
