//! Why one stage of a connection failed, in a form a person and a program can use: [`Failure`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::code::{ErrorCode, Stage};

/// The longest text of a server that is ever repeated.
const SERVER_TEXT_LIMIT: usize = 300;

/// One failed stage: where, what, why and what to do next.
///
/// Display is the message alone; the driver's or the system's own error is the [`source`](Error::source).
#[derive(Clone, Debug)]
pub struct Failure {
    stage: Stage,
    code: ErrorCode,
    message: String,
    hint: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure without an underlying error. The message names the variable to change.
    pub fn new(
        stage: Stage,
        code: ErrorCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            stage,
            code,
            message: message.into(),
            hint: hint.into(),
            source: None,
        }
    }

    /// The same with the error that caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    #[cfg(feature = "cli")]
    /// The same failure with more in its message.
    #[must_use]
    pub(crate) fn adding(mut self, more: &str) -> Self {
        self.message.push_str(more);
        self
    }

    #[cfg(feature = "cli")]
    /// The same failure, found to belong to another stage.
    #[must_use]
    pub(crate) fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    /// The stage that failed.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The contract's word for what went wrong.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What went wrong: lower case, no full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Whether the same attempt may succeed later without anyone changing a setting.
    ///
    /// Faults of settings and of trust stay until someone acts; a server that is down, starting
    /// or full may be back in a moment. A refused login counts as the latter only where the
    /// server says that it is starting or busy.
    pub fn is_retryable(&self) -> bool {
        match self.code {
            ErrorCode::NameNotResolved
            | ErrorCode::ConnectionRefused
            | ErrorCode::NetworkUnreachable
            | ErrorCode::Timeout
            | ErrorCode::ServerError
            | ErrorCode::ReadOnly
            | ErrorCode::PoolTimeout => true,
            ErrorCode::ProtocolError => self.stage != Stage::Tls,
            _ => false,
        }
    }
}

impl Failure {
    /// Whether the server refused the login. It would do so at its other addresses too, and so would
    /// the other servers of a list.
    pub(crate) fn is_refused_login(&self) -> bool {
        self.stage == Stage::Authenticate && !self.is_retryable()
    }

    /// Whether this is what to tell of the two: what came further, or a refused login, after which
    /// nobody may go on.
    pub(crate) fn decides_over(&self, other: &Self) -> bool {
        let weight = |failure: &Self| (failure.is_refused_login(), failure.stage);
        weight(self) > weight(other)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// Text of a server, made safe to print: control characters and what terminals act on are shown
/// as escapes, and a flood is cut.
pub(crate) fn printable(text: &str) -> String {
    printable_up_to(SERVER_TEXT_LIMIT, text)
}

/// The same for text that is to be read and not only shown: cut where it is longer than `limit`
/// characters.
pub(crate) fn printable_up_to(limit: usize, text: &str) -> String {
    let mut safe = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            safe.push('…');
            break;
        }
        if character.is_control() || is_invisible(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The same for text that came before the server was verified: marked as hearsay.
pub(crate) fn hearsay(text: &str) -> String {
    format!("unverified text from the peer: \"{}\"", printable(text))
}

/// Characters that change how their neighbours are shown: bidirectional controls, zero widths,
/// line and paragraph separators.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{Failure, SERVER_TEXT_LIMIT, hearsay, printable};
    use crate::code::{ErrorCode, Stage};

    #[test]
    fn only_a_login_that_was_refused_for_good_is_everyones_refusal() {
        for (stage, code, is_refused) in [
            (Stage::Authenticate, ErrorCode::AuthenticationFailed, true),
            (
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                true,
            ),
            (Stage::Authenticate, ErrorCode::ServerError, false),
            (Stage::Authenticate, ErrorCode::ProtocolError, false),
            (Stage::Tls, ErrorCode::HostnameMismatch, false),
            (Stage::Connect, ErrorCode::ConnectionRefused, false),
            (Stage::Session, ErrorCode::DatabaseMissing, false),
        ] {
            let failure = Failure::new(stage, code, "", "");
            assert_eq!(failure.is_refused_login(), is_refused, "{stage} {code}");
        }
    }

    #[test]
    fn controls_and_direction_marks_are_shown_as_escapes() {
        for (text, safe) in [
            ("plain, ünïcode", "plain, ünïcode"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}txt", "\\u{202e}txt"),
        ] {
            assert_eq!(printable(text), safe);
        }
    }

    #[test]
    fn a_flood_is_cut() {
        assert_eq!(
            printable(&"x".repeat(5000)).chars().count(),
            SERVER_TEXT_LIMIT + 1
        );
    }

    #[test]
    fn hearsay_says_that_it_is() {
        assert_eq!(
            hearsay("come\nin"),
            "unverified text from the peer: \"come\\nin\""
        );
    }
}
