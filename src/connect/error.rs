//! Why no server of the list could be used: [`ConnectError`] keeps every [`Attempt`].

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::Fault;

/// One server that was tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The server as the settings name it; `None` where the settings themselves are at fault.
    pub endpoint: Option<Endpoint>,
    /// The address that was dialled, if it came to that.
    pub address: Option<SocketAddr>,
    /// What went wrong and at which stage; its `source()` is the driver's or the system's error.
    pub failure: Failure,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.endpoint, self.address) {
            (Some(endpoint), Some(address)) if endpoint.to_string() != address.to_string() => {
                write!(f, "{endpoint} ({address}): {}", self.failure)
            }
            (Some(endpoint), _) => write!(f, "{endpoint}: {}", self.failure),
            (None, _) => write!(f, "{}", self.failure),
        }
    }
}

/// No connection: every attempt, in the order they were made. Never empty.
///
/// Cheap to clone, so that one outage can be told to everyone who waits.
#[derive(Clone, Debug)]
pub struct ConnectError {
    attempts: Vec<Attempt>,
    deciding: usize,
}

impl ConnectError {
    pub(crate) fn of(attempt: Attempt) -> Self {
        Self {
            attempts: vec![attempt],
            deciding: 0,
        }
    }

    pub(crate) fn settings(failure: Failure) -> Self {
        Self::of(Attempt {
            endpoint: None,
            address: None,
            failure,
        })
    }

    /// Adds what another server of the list said. The attempt that came furthest decides what the
    /// error as a whole says.
    pub(crate) fn and(mut self, later: Self) -> Self {
        let offset = self.attempts.len();
        let furthest = self.failure().stage();
        if later.failure().stage() > furthest {
            self.deciding = offset + later.deciding;
        }
        self.attempts.extend(later.attempts);
        self
    }

    /// Every attempt.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The failure of the attempt that came furthest.
    pub fn failure(&self) -> &Failure {
        &self.attempts[self.deciding].failure
    }

    /// The contract's word for it.
    pub fn code(&self) -> ErrorCode {
        self.failure().code()
    }

    /// The stage that failed.
    pub fn stage(&self) -> Stage {
        self.failure().stage()
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        self.failure().hint()
    }

    /// Whether trying again later may help without anyone changing a setting: true if that holds
    /// for any server of the list.
    pub fn is_retryable(&self) -> bool {
        self.attempts
            .iter()
            .any(|attempt| attempt.failure.is_retryable())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.attempts.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{attempt}")?;
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure().source()
    }
}

impl From<Vec<Fault>> for ConnectError {
    fn from(faults: Vec<Fault>) -> Self {
        let message = faults
            .iter()
            .map(|fault| fault.message.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        let (code, hint) = faults
            .first()
            .map_or((ErrorCode::VariableInvalid, ""), |fault| {
                (fault.code, fault.hint.as_str())
            });
        Self::settings(Failure::new(Stage::Settings, code, message, hint))
    }
}

impl From<Failure> for ConnectError {
    fn from(failure: Failure) -> Self {
        Self::settings(failure)
    }
}
