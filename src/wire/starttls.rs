//! The question "do you speak TLS?" in both protocols.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::mysql::{self, Capabilities, Hello};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Engine;
use crate::failure::{Failure, hearsay};

/// PostgreSQL's SSLRequest: length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// How much of an error text before TLS is read, and how long it may take to come.
const HEARSAY_LIMIT: u64 = 1024;
const HEARSAY_WAIT: Duration = Duration::from_millis(200);

/// What the check and other callers without a driver say that they can.
const REQUESTED: u32 = Capabilities::MYSQL
    | Capabilities::PROTOCOL_41
    | Capabilities::SECURE_CONNECTION
    | Capabilities::PLUGIN_AUTH;
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
    let greeting = mysql::read_greeting(stream).await?;
    let hello = Hello {
        capabilities: Capabilities::of(REQUESTED),
        max_packet: MAX_PACKET,
        charset: UTF8MB4,
    };
    mysql::request_tls(stream, &greeting, hello).await
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

pub(super) fn refused(problem: &str) -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsRefused,
        format!("the server at WA_DB_HOSTNAME {problem}; nothing further was sent"),
        "switch TLS on at the server (PostgreSQL: ssl = on; MySQL and MariaDB: ssl_cert and ssl_key); there is no variable for plaintext",
    )
}

pub(super) fn not_the_protocol(stage: Stage, problem: &str) -> Failure {
    Failure::new(
        stage,
        ErrorCode::ProtocolError,
        format!("the server at WA_DB_HOSTNAME and WA_DB_PORT {problem}"),
        "check that WA_DB_ENGINE fits and that WA_DB_PORT leads to the database itself, not to a proxy or a web server",
    )
}

pub(super) fn broken(stage: Stage, error: io::Error) -> Failure {
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
    use super::postgres_error_text;

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
