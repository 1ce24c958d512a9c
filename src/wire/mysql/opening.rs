//! The first words with a server: its [`Greeting`], and the request to go on in TLS.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Broken, Capabilities, Channel, ErrorPacket, Greeting, Hello};
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::wire::starttls::{broken, not_the_protocol, refused};

/// A greeting is below 200 bytes; this leaves room for long version strings.
const GREETING_LIMIT: usize = 4096;

/// Reads a server's greeting, and not a byte beyond it.
///
/// # Errors
/// `protocol_error` where the server sends something else or hangs up; `server_error` where it turns
/// the connection away.
pub(crate) async fn read_greeting<S>(stream: &mut S) -> Result<Greeting, Failure>
where
    S: AsyncRead + Unpin,
{
    let payload = match Channel::new(stream).read(GREETING_LIMIT).await {
        Ok(payload) => payload,
        Err(Broken::Closed(error)) => return Err(broken(Stage::Connect, error)),
        Err(Broken::OutOfTurn { .. } | Broken::TooLong(_)) => return Err(no_greeting()),
    };
    match payload.first() {
        Some(10) => Greeting::parse(&payload)
            .ok_or_else(|| not_the_protocol(Stage::Connect, "sent a greeting that ends too early")),
        Some(0xff) => Err(turned_away(&payload)),
        _ => Err(no_greeting()),
    }
}

/// Asks the server that greeted to go on in TLS. When this returns `Ok`, the next byte on the stream
/// must be TLS, and the next packet in it is number 2.
///
/// # Errors
/// `tls_refused` where the server does not offer TLS: nothing was sent.
pub(crate) async fn request_tls<S>(
    stream: &mut S,
    greeting: &Greeting,
    hello: Hello,
) -> Result<(), Failure>
where
    S: AsyncWrite + Unpin,
{
    if !greeting.capabilities.has(Capabilities::SSL) {
        return Err(refused("does not offer TLS in its greeting"));
    }
    let request = Hello {
        capabilities: hello.capabilities.with(Capabilities::SSL),
        ..hello
    };
    Channel::going_on(stream, 1)
        .write(&request.build())
        .await
        .map_err(|error| broken(Stage::Tls, error))
}

fn no_greeting() -> Failure {
    not_the_protocol(Stage::Connect, "sent something else than a MySQL greeting")
}

/// The server's error in place of a greeting: host blocked, too many connections.
fn turned_away(payload: &[u8]) -> Failure {
    let (number, text) = ErrorPacket::parse(payload)
        .map(|error| (error.number, error.text))
        .unwrap_or_default();
    Failure::new(
        Stage::Connect,
        ErrorCode::ServerError,
        format!(
            "the server at WA_DB_HOSTNAME turned the connection away with error {number} before TLS ({})",
            hearsay(&String::from_utf8_lossy(&text))
        ),
        "1040 is \"too many connections\", 1129 a host blocked after many broken attempts (FLUSH HOSTS), 1130 a host without any account",
    )
}
