//! Why no server of the list could be used: [`ConnectError`] keeps every [`Attempt`].

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::Fault;
use crate::wire::Progress;

/// One address of a server that was tried, or a server that had none.
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

/// No connection: an attempt for each address that failed, in that order. Never empty.
///
/// Cheap to clone, so that one outage can be told to everyone who waits.
#[derive(Clone, Debug)]
pub struct ConnectError {
    attempts: Vec<Attempt>,
    deciding: usize,
    retryable: bool,
}

impl ConnectError {
    pub(crate) fn settings(failure: Failure) -> Self {
        Self {
            deciding: 0,
            retryable: failure.is_retryable(),
            attempts: vec![Attempt {
                endpoint: None,
                address: None,
                failure,
            }],
        }
    }

    /// What each address of one server said. `last` is what the server as a whole came to; that of
    /// an address that came further still decides.
    pub(crate) fn of_server(endpoint: &Endpoint, progress: &Progress, last: Failure) -> Self {
        let address = progress.address();
        let failures = progress.failures().into_iter();
        let mut failures: Vec<_> = failures.map(|(at, failure)| (Some(at), failure)).collect();
        let known = failures
            .iter()
            .position(|(at, _)| at.is_some() && *at == address);
        let mut deciding = known.unwrap_or(failures.len());
        match known {
            Some(known) => failures[known].1 = last,
            None => failures.push((address, last)),
        }
        for (index, (_, failure)) in failures.iter().enumerate() {
            if failure.decides_over(&failures[deciding].1) {
                deciding = index;
            }
        }
        let attempt = |(address, failure)| Attempt {
            endpoint: Some(endpoint.clone()),
            address,
            failure,
        };
        Self {
            deciding,
            retryable: failures[deciding].1.is_retryable(),
            attempts: failures.into_iter().map(attempt).collect(),
        }
    }

    /// Adds what another server of the list said. A refused login, or else the attempt that came
    /// furthest, decides what the error as a whole says.
    pub(crate) fn and(mut self, later: Self) -> Self {
        let offset = self.attempts.len();
        if later.failure().decides_over(self.failure()) {
            self.deciding = offset + later.deciding;
        }
        self.attempts.extend(later.attempts);
        // Whoever tries a refused password again, for the sake of another server, locks the account.
        self.retryable = (self.retryable || later.retryable) && !self.failure().is_refused_login();
        self
    }

    /// Every attempt.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The failure of the attempt that came furthest, or of the one whose login was refused: the
    /// list ends there.
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
    /// for any server of the list and none refused the login. Of a server's addresses, the one that
    /// came furthest counts.
    pub fn is_retryable(&self) -> bool {
        self.retryable
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::ConnectError;
    use crate::code::{ErrorCode, Stage};
    use crate::endpoint::{Endpoint, Host};
    use crate::failure::Failure;
    use crate::wire::Progress;

    fn refused() -> Failure {
        Failure::new(Stage::Connect, ErrorCode::ConnectionRefused, "", "")
    }

    fn expired() -> Failure {
        Failure::new(Stage::Tls, ErrorCode::CertificateExpired, "", "")
    }

    fn timed_out() -> Failure {
        Failure::new(Stage::Connect, ErrorCode::Timeout, "", "")
    }

    /// What the error says as a whole, and of each attempt where and what.
    fn said(error: &ConnectError) -> (ErrorCode, bool, Vec<(Option<String>, ErrorCode)>) {
        let attempts = error.attempts().iter().map(|attempt| {
            let address = attempt.address.map(|address| address.ip().to_string());
            (address, attempt.failure.code())
        });
        (error.code(), error.is_retryable(), attempts.collect())
    }

    #[test]
    fn the_address_that_came_furthest_decides_what_a_server_says() {
        let endpoint = Endpoint::new(Host::Name("db.example".to_owned()), 5432);
        let [first, second] = ["192.0.2.1", "192.0.2.2"]
            .map(|ip| (Some(ip.to_owned()), format!("{ip}:5432").parse().unwrap()));
        let progress = Progress::start(Stage::Connect);
        progress.failed(first.1, expired());
        progress.failed(second.1, refused());
        // The deadline passes while an address is dialled that nothing is known of yet.
        let error = ConnectError::of_server(&endpoint, &progress, timed_out());
        let both = [
            (first.0.clone(), ErrorCode::CertificateExpired),
            (second.0, ErrorCode::ConnectionRefused),
        ];
        let mut all = both.to_vec();
        all.push((None, ErrorCode::Timeout));
        assert_eq!(said(&error), (ErrorCode::CertificateExpired, false, all));

        // A server of the list that may be back makes the whole worth another try.
        let other = Progress::start(Stage::Connect);
        let error = error.and(ConnectError::of_server(&endpoint, &other, refused()));
        assert_eq!(error.attempts().len(), 4);
        assert_eq!(
            (error.code(), error.is_retryable()),
            (ErrorCode::CertificateExpired, true)
        );

        // But not one that follows a refused login, however far the others came.
        let denied = Failure::new(Stage::Authenticate, ErrorCode::AuthenticationFailed, "", "");
        let absent = Failure::new(Stage::Session, ErrorCode::DatabaseMissing, "", "");
        let locked = Progress::start(Stage::Connect);
        locked.failed(first.1, denied);
        locked.failed(second.1, refused());
        locked.at(second.1);
        let error = error.and(ConnectError::of_server(&endpoint, &locked, absent));
        assert_eq!(
            (error.code(), error.is_retryable()),
            (ErrorCode::AuthenticationFailed, false)
        );

        // What was made of an address's failure afterwards stands in its place.
        progress.at(first.1);
        let revoked = Failure::new(Stage::Tls, ErrorCode::CertificateRevoked, "", "");
        let error = ConnectError::of_server(&endpoint, &progress, revoked);
        let mut replaced = both.to_vec();
        replaced[0].1 = ErrorCode::CertificateRevoked;
        assert_eq!(
            said(&error),
            (ErrorCode::CertificateRevoked, false, replaced)
        );
    }
}
