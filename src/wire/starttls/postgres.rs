//! PostgreSQL's SSLRequest.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{broken, not_the_protocol, refused};
use crate::code::Stage;
use crate::failure::{Failure, hearsay};

/// Length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// How much of an error text before TLS is read, and how long it may take to come.
const HEARSAY_LIMIT: u64 = 1024;
const HEARSAY_WAIT: Duration = Duration::from_millis(200);

/// Asks the server to go on in TLS.
///
/// # Errors
/// `tls_refused` where the server does not speak TLS; `protocol_error` where it speaks something
/// else or hangs up.
pub(crate) async fn request<S>(stream: &mut S) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
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
            let text = error_text(&read_hearsay(stream).await);
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
fn error_text(bytes: &[u8]) -> String {
    let mut fields = bytes.get(4..).unwrap_or_default().split(|byte| *byte == 0);
    let message = fields.find_map(|field| field.strip_prefix(b"M"));
    let text = message.unwrap_or_else(|| bytes.split(|byte| *byte == 0).next().unwrap_or_default());
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::error_text;

    #[test]
    fn the_message_field_is_taken_and_old_servers_plain_text_too() {
        assert_eq!(
            error_text(b"\0\0\0\x20SFATAL\0C53300\0Mtoo many\0\0"),
            "too many"
        );
        assert_eq!(
            error_text(b"unsupported frontend\0"),
            "unsupported frontend"
        );
        assert_eq!(error_text(b""), "");
    }
}
