//! Errors in the protocol's own form: [`ErrorAnswer`].

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::tunnel::client::ClientStream;
use crate::tunnel::session::Refusal;
use crate::wire::mysql::{Channel, ErrorPacket};

/// How long a client may take to hear of an error.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest text that clients show (`MYSQL_ERRMSG_SIZE`).
const LONGEST: usize = 511;

/// `ER_UNKNOWN_ERROR`: no number of the server's is about a tunnel.
const UNKNOWN: u16 = 1105;
const CON_COUNT: u16 = 1040;
const HANDSHAKE: u16 = 1043;
const HOST_NOT_PRIVILEGED: u16 = 1130;
const NOT_SUPPORTED_AUTH_MODE: u16 = 1251;
const SECURE_TRANSPORT_REQUIRED: u16 = 3159;

/// `08S01`: the connection to the server failed.
const NO_CONNECTION: [u8; 5] = *b"08S01";
/// `08004`: the server does not want this connection.
const REJECTED: [u8; 5] = *b"08004";
/// `28000`: the client may not log in, or not in this way.
const NO_LOGIN: [u8; 5] = *b"28000";
const GENERAL: [u8; 5] = *b"HY000";

/// An error that ends the connection.
#[derive(Debug)]
pub(super) struct ErrorAnswer(ErrorPacket);

impl ErrorAnswer {
    fn new(number: u16, state: [u8; 5], text: &str) -> Self {
        let mut text = format!("wa-db tunnel: {text}");
        let end = (0..=LONGEST.min(text.len()))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        Self(ErrorPacket {
            number,
            state: Some(state),
            text: text.into_bytes(),
        })
    }

    /// A failure of ours: the contract's code stands before the message, and the hint behind it.
    pub(super) fn of_failure(failure: &Failure) -> Self {
        let state = match (failure.stage(), failure.code()) {
            (Stage::Settings, _) => GENERAL,
            (_, ErrorCode::AuthenticationMethodRefused | ErrorCode::AuthenticationFailed) => {
                NO_LOGIN
            }
            _ => NO_CONNECTION,
        };
        let text = format!("{}: {failure}. hint: {}", failure.code(), failure.hint());
        Self::new(UNKNOWN, state, &text)
    }

    /// To a client at the door.
    pub(super) fn of_refusal(refusal: Refusal) -> Self {
        let number = match refusal {
            Refusal::Stranger => HOST_NOT_PRIVILEGED,
            Refusal::Full(_) => CON_COUNT,
        };
        Self::new(number, REJECTED, refusal.message())
    }

    /// To a client that was greeted in the name of a server that has been replaced by a lesser one.
    pub(super) fn of_change() -> Self {
        let text = "the server has changed since the tunnel learnt of it. hint: connect again";
        Self::new(UNKNOWN, NO_CONNECTION, text)
    }

    /// To a client whose response cannot be read.
    pub(super) fn bad_handshake() -> Self {
        let text = "what the client sent is no handshake response of protocol 4.1";
        Self::new(HANDSHAKE, NO_CONNECTION, text)
    }

    /// To a client that logs in in plaintext where TLS is spoken.
    pub(super) fn tls_required() -> Self {
        let text = "this address speaks TLS only. hint: set the client's ssl-mode to VERIFY_IDENTITY (MariaDB: --ssl-verify-server-cert)";
        Self::new(SECURE_TRANSPORT_REQUIRED, GENERAL, text)
    }

    /// To a client that does not know methods by name, and so cannot follow the server's.
    pub(super) fn plugins_required() -> Self {
        let text = "the client does not support CLIENT_PLUGIN_AUTH, which every client since MySQL 5.5 and MariaDB 5.2 does. hint: update the client's library";
        Self::new(NOT_SUPPORTED_AUTH_MODE, REJECTED, text)
    }

    /// Tells the client, and that nothing will follow.
    pub(super) async fn tell(&self, client: &mut Channel<ClientStream>) {
        let told = async {
            client.write(&self.0.build()).await?;
            client.stream().shutdown().await
        };
        // A client that has left or does not listen misses it.
        let _ = timeout(PATIENCE, told).await;
    }

    /// The same as the first word of all, where there are no SQLSTATEs yet. The client is not waited
    /// for: it says nothing before it is greeted.
    pub(super) async fn in_place_of_greeting(self, client: &mut Channel<ClientStream>) {
        let bare = ErrorPacket {
            state: None,
            ..self.0
        };
        Self(bare).tell(client).await;
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorAnswer;
    use crate::code::{ErrorCode, Stage};
    use crate::failure::Failure;

    #[test]
    fn failure_becomes_an_error_with_code_and_hint() {
        for (stage, code, state) in [
            (Stage::Settings, ErrorCode::FileMissing, "HY000"),
            (Stage::Tls, ErrorCode::PinMismatch, "08S01"),
            (
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                "28000",
            ),
        ] {
            let failure = Failure::new(stage, code, "another key", "pin it");
            let answer = ErrorAnswer::of_failure(&failure).0.build();
            let text = format!("#{state}wa-db tunnel: {code}: another key. hint: pin it");
            assert_eq!(answer, [b"\xff\x51\x04", text.as_bytes()].concat());
        }
    }

    #[test]
    fn text_that_no_client_would_show_whole_is_cut_between_characters() {
        let failure = Failure::new(
            Stage::Tls,
            ErrorCode::Timeout,
            format!("x{}", "ü".repeat(400)),
            "",
        );
        let text = ErrorAnswer::of_failure(&failure).0.text;
        assert!((510..=511).contains(&text.len()));
        assert!(String::from_utf8(text).is_ok());
    }
}
