//! What a client says first: [`hear`].

use super::answer::ErrorAnswer;
use crate::tunnel::client::{ClientStream, Incoming};
use crate::tunnel::outcome::Ended;
use crate::wire::mysql::{Broken, Capabilities, Channel, Greeting, Hello, Response};

/// The longest that a client may say before anybody knows it: real ones stay below 1 KiB, most of which
/// are its attributes.
const LONGEST: usize = 64 * 1024;

/// Why there is no session with a client that did not go on after the greeting.
pub(super) const LEFT: &str = "the client left before it said who it is";

/// A client that has said who it is.
pub(super) struct Opening {
    pub(super) client: Channel<ClientStream>,
    pub(super) response: Response,
}

/// Greets a client and hears its response, in TLS where that is what the listener speaks.
///
/// # Errors
/// It has left, or was told why it cannot go on.
pub(super) async fn hear(incoming: Incoming, greeting: &Greeting) -> Result<Opening, Ended> {
    let mut client = Channel::new(incoming.stream);
    let greeted = client.write(&greeting.build()).await;
    greeted.map_err(|_| Ended::Client("the client left before it was greeted"))?;
    let mut first = client
        .read(LONGEST)
        .await
        .map_err(|error| no_sense(&error))?;
    if let Some(tls) = incoming.tls {
        if Hello::parse_tls_request(&first).is_none() {
            return refuse(
                client,
                &ErrorAnswer::tls_required(),
                "the client does not ask for TLS where that is spoken",
            )
            .await;
        }
        let secured = client.into_stream().secure(&tls).await.map_err(|error| {
            tracing::debug!(%error, "a client's TLS handshake failed");
            Ended::Client("the TLS handshake with the client failed")
        })?;
        // The request was number 1.
        client = Channel::going_on(secured, 2);
        first = client
            .read(LONGEST)
            .await
            .map_err(|error| no_sense(&error))?;
    }
    let Some(response) = Response::parse(&first) else {
        return refuse(
            client,
            &ErrorAnswer::bad_handshake(),
            "the client's response cannot be read",
        )
        .await;
    };
    let needed = Capabilities::PLUGIN_AUTH | Capabilities::SECURE_CONNECTION;
    if !response.hello.capabilities.has(needed) {
        return refuse(
            client,
            &ErrorAnswer::plugins_required(),
            "the client does not support CLIENT_PLUGIN_AUTH",
        )
        .await;
    }
    Ok(Opening { client, response })
}

async fn refuse(
    mut client: Channel<ClientStream>,
    answer: &ErrorAnswer,
    why: &'static str,
) -> Result<Opening, Ended> {
    answer.tell(&mut client).await;
    Err(Ended::Client(why))
}

fn no_sense(error: &Broken) -> Ended {
    Ended::Client(match error {
        Broken::Closed(_) => LEFT,
        Broken::OutOfTurn { .. } | Broken::TooLong(_) => "the client does not speak the protocol",
    })
}
