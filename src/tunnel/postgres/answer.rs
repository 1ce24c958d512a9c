//! Errors in the protocol's own form: [`ErrorAnswer`].

use std::time::Duration;

use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

/// How long a client may take to hear of an error.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The SQLSTATEs that a tunnel answers with (appendix A of PostgreSQL's manual).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlState {
    /// `08001`: the server cannot be reached, or not be trusted.
    CannotConnect,
    /// `08006`: the connection to the server broke.
    ConnectionFailure,
    /// `08P01`: the server does not speak the protocol.
    ProtocolViolation,
    /// `28000`: the client may not log in, or not in this way.
    InvalidAuthorization,
    /// `53300`.
    TooManyConnections,
    /// `F0000`: the settings or their files are at fault.
    ConfigFile,
}

impl SqlState {
    fn as_str(self) -> &'static str {
        match self {
            Self::CannotConnect => "08001",
            Self::ConnectionFailure => "08006",
            Self::ProtocolViolation => "08P01",
            Self::InvalidAuthorization => "28000",
            Self::TooManyConnections => "53300",
            Self::ConfigFile => "F0000",
        }
    }

    fn of(failure: &Failure) -> Self {
        match (failure.stage(), failure.code()) {
            (Stage::Settings, _) => Self::ConfigFile,
            (Stage::Resolve | Stage::Connect | Stage::Tls, _) => Self::CannotConnect,
            (_, ErrorCode::ProtocolError) => Self::ProtocolViolation,
            (_, ErrorCode::Timeout) => Self::ConnectionFailure,
            _ => Self::InvalidAuthorization,
        }
    }
}

/// An error that ends the connection.
pub(super) struct ErrorAnswer {
    state: SqlState,
    message: String,
    hint: String,
}

impl ErrorAnswer {
    pub(super) fn new(state: SqlState, message: &str, hint: &str) -> Self {
        Self {
            state,
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// A failure of ours: the contract's code stands before the message.
    pub(super) fn of_failure(failure: &Failure) -> Self {
        Self {
            state: SqlState::of(failure),
            message: format!("wa-db tunnel: {}: {failure}", failure.code()),
            hint: failure.hint().to_owned(),
        }
    }

    /// To a client that begins a session in plaintext where TLS is spoken.
    pub(super) fn tls_required() -> Self {
        Self::new(
            SqlState::InvalidAuthorization,
            "wa-db tunnel: this address speaks TLS only",
            "set sslmode=verify-full and channel_binding=disable",
        )
    }

    /// The message as it stands on the wire: `ErrorResponse`.
    pub(super) fn message(&self) -> Vec<u8> {
        let fields = [
            (b'S', "FATAL"),
            (b'V', "FATAL"),
            (b'C', self.state.as_str()),
            (b'M', &self.message),
            (b'H', &self.hint),
        ];
        let mut body = Vec::new();
        for (field, text) in fields {
            if text.is_empty() {
                continue;
            }
            body.push(field);
            // A zero byte would end the field.
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        }
        body.push(0);
        super::inbound::frame(b'E', &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_becomes_an_error_response_with_code_and_hint() {
        let failure = Failure::new(Stage::Tls, ErrorCode::PinMismatch, "other\0 key", "pin it");
        let message = ErrorAnswer::of_failure(&failure).message();
        let body = b"SFATAL\0VFATAL\0C08001\0Mwa-db tunnel: pin_mismatch: other key\0Hpin it\0\0";
        assert_eq!(message, super::super::inbound::frame(b'E', body));
    }

    #[test]
    fn each_stage_has_its_sqlstate() {
        for (stage, code, state) in [
            (Stage::Settings, ErrorCode::FileMissing, "F0000"),
            (Stage::Resolve, ErrorCode::NameNotResolved, "08001"),
            (Stage::Connect, ErrorCode::Timeout, "08001"),
            (Stage::Tls, ErrorCode::ProtocolError, "08001"),
            (Stage::Authenticate, ErrorCode::Timeout, "08006"),
            (Stage::Authenticate, ErrorCode::ProtocolError, "08P01"),
            (
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                "28000",
            ),
        ] {
            assert_eq!(
                SqlState::of(&Failure::new(stage, code, "", "")).as_str(),
                state
            );
        }
    }
}
