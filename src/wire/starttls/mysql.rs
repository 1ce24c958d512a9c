//! The greeting of MySQL and MariaDB, and the SSLRequest that answers it.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{broken, not_the_protocol, refused};
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::wire::mysql::{Broken, Capabilities, Channel, ErrorPacket, Greeting, Hello};

/// A greeting is below 200 bytes; this leaves room for long version strings.
const GREETING_LIMIT: usize = 4096;

/// What a client without a login says that it can.
const OWN: u32 = Capabilities::MYSQL
    | Capabilities::PROTOCOL_41
    | Capabilities::SECURE_CONNECTION
    | Capabilities::PLUGIN_AUTH;
const MAX_PACKET: u32 = 16 * 1024 * 1024;
const UTF8MB4: u8 = 45;

/// What a handshake response begins with: flags, packet size, character set, and a filler in which
/// MariaDB has flags of its own.
pub(crate) type ResponseHead = [u8; 32];

/// What the first packet of such a client begins with.
pub(in crate::wire) fn own_hello() -> Hello {
    Hello {
        capabilities: Capabilities::of(OWN),
        max_packet: MAX_PACKET,
        charset: UTF8MB4,
    }
}

/// A client's request for TLS: the head of its handshake response, with `CLIENT_SSL`.
///
/// Servers take the session's flags from it, so it must say what the response will say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SslRequest(ResponseHead);

impl SslRequest {
    /// The request of a client whose response begins so.
    pub(crate) fn of(mut head: ResponseHead) -> Self {
        let [first, second, third, fourth, ..] = head;
        let flags = u32::from_le_bytes([first, second, third, fourth]) | Capabilities::SSL;
        head[..4].copy_from_slice(&flags.to_le_bytes());
        Self(head)
    }

    /// For a handshake that nobody logs in after.
    pub(crate) fn own() -> Self {
        Self::of(own_hello().head())
    }

    /// Sends it. The next byte on the stream must be TLS.
    pub(in crate::wire) async fn send<S: AsyncWrite + Unpin>(
        self,
        stream: &mut S,
    ) -> Result<(), Failure> {
        let mut packet = [0; 36];
        packet[..4].copy_from_slice(&[32, 0, 0, 1]);
        packet[4..].copy_from_slice(&self.0);
        let sent = stream.write_all(&packet).await;
        sent.map_err(|error| broken(Stage::Tls, error))
    }
}

/// Reads the greeting of a server that offers TLS.
///
/// # Errors
/// `tls_refused` where the server does not offer TLS; `protocol_error` where it speaks something
/// else or hangs up; `server_error` where it turns the connection away.
pub(in crate::wire) async fn greeting<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<Greeting, Failure> {
    let payload = match Channel::new(stream).read(GREETING_LIMIT).await {
        Ok(payload) => payload,
        Err(Broken::Closed(error)) => return Err(broken(Stage::Connect, error)),
        Err(Broken::OutOfTurn { .. } | Broken::TooLong(_)) => return Err(no_greeting()),
    };
    let greeting = match payload.first() {
        Some(10) => Greeting::parse(&payload)
            .ok_or_else(|| not_the_protocol(Stage::Connect, "sent a greeting that ends too early")),
        Some(0xff) => Err(turned_away(&payload)),
        _ => Err(no_greeting()),
    }?;
    if !greeting.capabilities.has(Capabilities::SSL) {
        return Err(refused("does not offer TLS in its greeting"));
    }
    Ok(greeting)
}

fn no_greeting() -> Failure {
    not_the_protocol(Stage::Connect, "sent something else than a MySQL greeting")
}

/// The server's ERR packet in place of a greeting: host blocked, too many connections.
fn turned_away(packet: &[u8]) -> Failure {
    let (number, text) = ErrorPacket::parse(packet)
        .map(|error| (error.number, error.text))
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Failure::new(
        Stage::Connect,
        ErrorCode::ServerError,
        format!(
            "the server at WA_DB_HOSTNAME turned the connection away with error {number} before TLS ({})",
            hearsay(&text)
        ),
        "1040 is \"too many connections\", 1129 a host blocked after many broken attempts (FLUSH HOSTS), 1130 a host without any account",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SslRequest;

    #[tokio::test]
    async fn a_request_for_tls_is_the_responses_head_with_the_flag_for_tls() {
        let mut head = [7; 32];
        head[..4].copy_from_slice(&[0x85, 0xa2, 0xbf, 0x01]);
        let mut sent = Vec::new();
        SslRequest::of(head).send(&mut sent).await.unwrap();
        assert_eq!(sent[..8], [32, 0, 0, 1, 0x85, 0xaa, 0xbf, 0x01]);
        assert_eq!(sent[8..], [7; 28]);
    }
}
