//! The greeting of MySQL and MariaDB, and the SSLRequest that answers it.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{broken, not_the_protocol, refused};
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};

/// A greeting is below 200 bytes; this leaves room for long version strings.
const GREETING_LIMIT: usize = 4096;

/// `CLIENT_SSL` of MySQL's capability flags.
const CLIENT_SSL: u32 = 0x0800;
/// `CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH`.
const OWN: u32 = 0x0001 | 0x0200 | 0x8000 | 0x0008_0000;
const MAX_PACKET: u32 = 16 * 1024 * 1024;
const UTF8MB4: u8 = 45;

/// What a handshake response begins with: flags, packet size, character set, and a filler in which
/// MariaDB has flags of its own.
pub(crate) type ResponseHead = [u8; 32];

/// A client's request for TLS: the head of its handshake response, with `CLIENT_SSL`.
///
/// Servers take the session's flags from it, so it must say what the response will say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SslRequest(ResponseHead);

impl SslRequest {
    /// The request of a client whose response begins so.
    pub(crate) fn of(mut head: ResponseHead) -> Self {
        let [first, second, third, fourth, ..] = head;
        let flags = u32::from_le_bytes([first, second, third, fourth]) | CLIENT_SSL;
        head[..4].copy_from_slice(&flags.to_le_bytes());
        Self(head)
    }

    /// For a handshake that nobody logs in after.
    pub(crate) fn own() -> Self {
        let mut head = [0; 32];
        head[..4].copy_from_slice(&OWN.to_le_bytes());
        head[4..8].copy_from_slice(&MAX_PACKET.to_le_bytes());
        head[8] = UTF8MB4;
        Self::of(head)
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

/// Reads the greeting of a server that offers TLS: the packet's payload.
///
/// # Errors
/// `tls_refused` where the server does not offer TLS; `protocol_error` where it speaks something
/// else or hangs up; `server_error` where it turns the connection away.
pub(in crate::wire) async fn greeting<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<Vec<u8>, Failure> {
    let greeting = read_greeting(stream).await?;
    match greeting.first() {
        Some(10) => {}
        Some(0xff) => return Err(turned_away(&greeting)),
        _ => {
            return Err(not_the_protocol(
                Stage::Connect,
                "sent something else than a MySQL greeting",
            ));
        }
    }
    let capabilities = capabilities(&greeting)
        .ok_or_else(|| not_the_protocol(Stage::Connect, "sent a greeting that ends too early"))?;
    if capabilities & CLIENT_SSL == 0 {
        return Err(refused("does not offer TLS in its greeting"));
    }
    Ok(greeting)
}

async fn read_greeting<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Failure> {
    let broken = |error| broken(Stage::Connect, error);
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.map_err(broken)?;
    let [low, middle, high, sequence] = header;
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if sequence != 0 || length == 0 || length > GREETING_LIMIT {
        return Err(not_the_protocol(
            Stage::Connect,
            "sent something else than a MySQL greeting",
        ));
    }
    let mut greeting = vec![0; length];
    stream.read_exact(&mut greeting).await.map_err(broken)?;
    Ok(greeting)
}

/// Version text up to its NUL, 4 bytes connection id, 8 bytes nonce, filler, then the flags' lower
/// half; the upper half stands 3 bytes further.
fn capabilities(greeting: &[u8]) -> Option<u32> {
    let version_end = greeting.iter().position(|byte| *byte == 0)?;
    let flags = greeting.get(version_end + 14..)?;
    let lower = u16::from_le_bytes(flags.get(..2)?.try_into().ok()?);
    Some(u32::from(lower))
}

/// The server's ERR packet in place of a greeting: host blocked, too many connections.
fn turned_away(packet: &[u8]) -> Failure {
    let number = packet
        .get(1..3)
        .map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let text = String::from_utf8_lossy(packet.get(3..).unwrap_or_default()).into_owned();
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

    use super::{CLIENT_SSL, SslRequest, capabilities};

    #[test]
    fn the_flags_of_a_greeting_are_found_behind_a_version_of_any_length() {
        for version in ["", "8.0.36", "5.5.5-10.11.6-MariaDB-1~deb12u1-log"] {
            let mut greeting = vec![10];
            greeting.extend(version.as_bytes());
            greeting.push(0);
            greeting.extend([7; 4 + 8]);
            greeting.push(0);
            greeting.extend([0xff, 0xff]);
            assert_eq!(
                capabilities(&greeting).map(|flags| flags & CLIENT_SSL),
                Some(CLIENT_SSL),
                "{version}"
            );
            greeting.pop();
            assert_eq!(capabilities(&greeting), None);
        }
    }

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
