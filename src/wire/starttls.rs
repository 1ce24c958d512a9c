//! The question "do you speak TLS?" in both protocols.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::code::{ErrorCode, Stage};
use crate::endpoint::Engine;
use crate::failure::{Failure, hearsay};

/// PostgreSQL's SSLRequest: length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// A greeting is below 200 bytes; this leaves room for long version strings.
const GREETING_LIMIT: usize = 4096;
/// How much of an error text before TLS is read, and how long it may take to come.
const HEARSAY_LIMIT: u64 = 1024;
const HEARSAY_WAIT: Duration = Duration::from_millis(200);

/// `CLIENT_SSL` of MySQL's capability flags.
const CLIENT_SSL: u32 = 0x0800;
/// `CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH`.
const REQUESTED: u32 = 0x0001 | 0x0200 | CLIENT_SSL | 0x8000 | 0x0008_0000;
const MAX_PACKET: u32 = 16 * 1024 * 1024;
const UTF8MB4: u8 = 45;

/// Asks the server to go on in TLS. When this returns `Ok`, the next byte on the stream must be TLS.
///
/// # Errors
/// `tls_refused` where the server does not speak TLS; `protocol_error` where it speaks something
/// else or hangs up; `server_error` where MySQL turns the connection away before TLS.
pub(crate) async fn request<S>(engine: Engine, stream: &mut S) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match engine {
        Engine::Postgres => postgres(stream).await,
        Engine::MySql => mysql(stream).await,
    }
}

async fn postgres<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Failure> {
    // Hung up without a word: nobody serves behind that port, or not yet. A proxy before a server
    // that is starting does the same.
    let broken = |error| broken(Stage::Connect, error);
    stream.write_all(&SSL_REQUEST).await.map_err(broken)?;
    // One byte and no more: whatever stands behind it must not be taken for an answer.
    let answer = stream.read_u8().await.map_err(broken)?;
    match answer {
        b'S' => Ok(()),
        b'N' => Err(refused("answered that it does not speak TLS")),
        b'E' => {
            let text = postgres_error_text(&read_hearsay(stream).await);
            Err(refused(&format!(
                "answered the TLS request with an error ({})",
                hearsay(&text)
            )))
        }
        other => Err(not_the_protocol(
            Stage::Tls,
            &format!("answered the TLS request with byte 0x{other:02x}"),
        )),
    }
}

async fn mysql<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Failure> {
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
    let mut request = Vec::with_capacity(36);
    request.extend([32, 0, 0, 1]);
    request.extend(REQUESTED.to_le_bytes());
    request.extend(MAX_PACKET.to_le_bytes());
    request.push(UTF8MB4);
    request.resize(36, 0);
    stream
        .write_all(&request)
        .await
        .map_err(|error| broken(Stage::Tls, error))
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

async fn read_hearsay<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The text is a courtesy: whether it comes whole, late or never changes nothing.
    let _ = tokio::time::timeout(
        HEARSAY_WAIT,
        stream.take(HEARSAY_LIMIT).read_to_end(&mut bytes),
    )
    .await;
    bytes
}

/// The message field of an ErrorResponse, or the plain text that servers before version 7.4 sent.
fn postgres_error_text(bytes: &[u8]) -> String {
    let mut fields = bytes.get(4..).unwrap_or_default().split(|byte| *byte == 0);
    let message = fields.find_map(|field| field.strip_prefix(b"M"));
    let text = message.unwrap_or_else(|| bytes.split(|byte| *byte == 0).next().unwrap_or_default());
    String::from_utf8_lossy(text).into_owned()
}

fn refused(problem: &str) -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsRefused,
        format!("the server at WA_DB_HOSTNAME {problem}; nothing further was sent"),
        "switch TLS on at the server (PostgreSQL: ssl = on; MySQL and MariaDB: ssl_cert and ssl_key); there is no variable for plaintext",
    )
}

fn not_the_protocol(stage: Stage, problem: &str) -> Failure {
    Failure::new(
        stage,
        ErrorCode::ProtocolError,
        format!("the server at WA_DB_HOSTNAME and WA_DB_PORT {problem}"),
        "check that WA_DB_ENGINE fits and that WA_DB_PORT leads to the database itself, not to a proxy or a web server",
    )
}

fn broken(stage: Stage, error: io::Error) -> Failure {
    Failure::new(
        stage,
        ErrorCode::ProtocolError,
        "the server at WA_DB_HOSTNAME and WA_DB_PORT closed the connection before TLS",
        "check that WA_DB_ENGINE fits and that the server has started, and look into its log",
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::{CLIENT_SSL, capabilities, postgres_error_text};

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

    #[test]
    fn the_message_field_is_taken_and_old_servers_plain_text_too() {
        assert_eq!(
            postgres_error_text(b"\0\0\0\x20SFATAL\0C53300\0Mtoo many\0\0"),
            "too many"
        );
        assert_eq!(
            postgres_error_text(b"unsupported frontend\0"),
            "unsupported frontend"
        );
        assert_eq!(postgres_error_text(b""), "");
    }
}
