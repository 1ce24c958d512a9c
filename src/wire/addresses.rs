//! The addresses of one server, one after the other until one is good.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::dial;
use super::handshake::Rejected;
use super::progress::Progress;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

/// Addresses that are still to be tried, under one deadline.
pub(crate) struct Addresses {
    left: Vec<SocketAddr>,
    deadline: Instant,
}

impl Addresses {
    /// In the order in which they are to be tried.
    pub(crate) fn new(addresses: Vec<SocketAddr>, deadline: Instant) -> Self {
        Self {
            left: addresses,
            deadline,
        }
    }

    /// Connects to the first that answers, and takes it off the list.
    ///
    /// # Errors
    /// None of them answers. `progress` keeps every one.
    pub(crate) async fn dial(
        &mut self,
        progress: &Progress,
    ) -> Result<(SocketAddr, TcpStream), Failure> {
        let (address, stream) = dial::first(&self.left, progress).await?;
        self.left.retain(|other| *other != address);
        Ok((address, stream))
    }

    /// Runs `attempt` on a connection, and where it fails, on those to the other addresses.
    ///
    /// An address that accepts and stays silent ends after an equal part of the time that is left,
    /// so that it cannot use up the time of those behind it; the last one has all of the rest, and
    /// whoever set the deadline ends it. A refused login ends the list: each address would count
    /// the same wrong password once more. What is returned is that refusal, or else the failure of the
    /// attempt that came furthest; `progress` keeps all of them.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(crate) async fn until_good<T, F>(
        mut self,
        first: (SocketAddr, TcpStream),
        progress: &Progress,
        mut attempt: impl FnMut(SocketAddr, TcpStream) -> F,
    ) -> Result<T, Rejected>
    where
        F: Future<Output = Result<T, Rejected>>,
    {
        let mut dialled: Result<_, Failure> = Ok(first);
        let mut furthest: Option<(SocketAddr, Rejected)> = None;
        loop {
            let (address, stream) = match dialled {
                Ok(dialled) => dialled,
                Err(failure) => return Err(later(furthest, None, failure.into(), progress)),
            };
            progress.at(address);
            let started = attempt(address, stream);
            let outcome = if self.left.is_empty() {
                started.await
            } else {
                let share = self.share();
                timeout(share, started)
                    .await
                    .unwrap_or_else(|_| Err(silent(address, progress.stage(), share).into()))
            };
            let rejected = match outcome {
                Ok(good) => return Ok(good),
                Err(rejected) => rejected,
            };
            progress.failed(address, rejected.failure.clone());
            if self.left.is_empty() || rejected.failure.is_refused_login() {
                return Err(later(furthest, Some(address), rejected, progress));
            }
            if is_further(furthest.as_ref(), &rejected) {
                furthest = Some((address, rejected));
            }
            progress.enter(Stage::Connect);
            dialled = self.dial(progress).await;
        }
    }

    /// How long the current address may take, those left being as good.
    fn share(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        left / u32::try_from(self.left.len() + 1).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.left.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", address.ip())?;
        }
        Ok(())
    }
}

fn is_further(furthest: Option<&(SocketAddr, Rejected)>, rejected: &Rejected) -> bool {
    furthest.is_none_or(|(_, other)| rejected.failure.decides_over(&other.failure))
}

/// The one of the two that came further; the progress ends at its address.
fn later(
    furthest: Option<(SocketAddr, Rejected)>,
    address: Option<SocketAddr>,
    rejected: Rejected,
    progress: &Progress,
) -> Rejected {
    if is_further(furthest.as_ref(), &rejected) {
        if let Some(address) = address {
            progress.at(address);
        }
        return rejected;
    }
    match furthest {
        Some((address, furthest)) => {
            progress.at(address);
            furthest
        }
        None => rejected,
    }
}

fn silent(address: SocketAddr, stage: Stage, share: Duration) -> Failure {
    Failure::new(
        stage,
        ErrorCode::Timeout,
        format!(
            "{address} of WA_DB_HOSTNAME accepted the connection and let {share:?} pass, its share of WA_DB_CONNECT_TIMEOUT"
        ),
        "check what listens there, or take the address out of the name; raise WA_DB_CONNECT_TIMEOUT if it is merely far away",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::SocketAddr;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::Instant;

    use super::Addresses;
    use crate::code::{ErrorCode, Stage};
    use crate::failure::Failure;
    use crate::wire::{Progress, Rejected};

    async fn listeners() -> [TcpListener; 3] {
        let mut listeners = Vec::new();
        for address in ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"] {
            listeners.push(TcpListener::bind(address).await.unwrap());
        }
        listeners.try_into().unwrap()
    }

    fn addresses(of: &[TcpListener]) -> Vec<SocketAddr> {
        of.iter().map(|one| one.local_addr().unwrap()).collect()
    }

    /// Waits for a byte that no server here sends, at all addresses but one.
    async fn attempt(
        good: Option<SocketAddr>,
        address: SocketAddr,
        mut stream: TcpStream,
    ) -> Result<SocketAddr, Rejected> {
        if good != Some(address) {
            let _ = stream.read_u8().await;
        }
        Ok(address)
    }

    #[tokio::test]
    async fn addresses_that_accept_and_stay_silent_leave_the_last_its_share() {
        let listeners = listeners().await;
        let addresses = addresses(&listeners);
        let good = addresses[2];
        let limit = Duration::from_secs(9);
        let deadline = Instant::now() + limit;
        let progress = Progress::start(Stage::Connect);
        let mut tried = Addresses::new(addresses, deadline);
        let first = tried.dial(&progress).await.unwrap();
        let found = tried
            .until_good(first, &progress, |address, stream| {
                progress.enter(Stage::Tls);
                attempt(Some(good), address, stream)
            })
            .await
            .unwrap();
        assert_eq!((found, progress.address()), (good, Some(good)));
        assert!(Instant::now() < deadline, "two shares of three were used");
    }

    #[tokio::test]
    async fn the_attempt_that_came_furthest_says_what_is_wrong() {
        let listeners = listeners().await;
        let mut addresses = addresses(&listeners);
        let silent = addresses.remove(0);
        let refusing = addresses[0];
        let deadline = Instant::now() + Duration::from_millis(300);
        let progress = Progress::start(Stage::Connect);
        // The silent one goes first, so that it has a share and not all of the rest.
        let first = (silent, TcpStream::connect(silent).await.unwrap());
        let tried = Addresses::new(addresses, deadline);
        let failed = tried
            .until_good(first, &progress, async |address, stream| {
                let fails = |stage, code| Err(Failure::new(stage, code, "", "").into());
                if address == refusing {
                    return fails(Stage::Tls, ErrorCode::TlsRefused);
                }
                if address != silent {
                    return fails(Stage::Connect, ErrorCode::ProtocolError);
                }
                progress.enter(Stage::Authenticate);
                attempt(None, address, stream).await
            })
            .await
            .unwrap_err()
            .failure;
        assert_eq!(
            (failed.stage(), failed.code()),
            (Stage::Authenticate, ErrorCode::Timeout)
        );
        assert!(
            failed.message().starts_with(&silent.to_string()),
            "{failed}"
        );
        assert_eq!(progress.address(), Some(silent));
    }

    #[tokio::test]
    async fn a_refused_login_is_told_though_another_address_came_further() {
        let listeners = listeners().await;
        let addresses = addresses(&listeners);
        let deadline = Instant::now() + Duration::from_secs(10);
        let progress = Progress::start(Stage::Connect);
        let mut tried = Addresses::new(addresses.clone(), deadline);
        let first = tried.dial(&progress).await.unwrap();
        let failed = tried
            .until_good(first, &progress, |address, _| {
                let (stage, code) = if address == addresses[1] {
                    (Stage::Authenticate, ErrorCode::AuthenticationFailed)
                } else {
                    (Stage::Session, ErrorCode::DatabaseMissing)
                };
                let failed = Failure::new(stage, code, "", "");
                std::future::ready(Err::<(), _>(failed.into()))
            })
            .await
            .unwrap_err();
        assert_eq!(failed.failure.code(), ErrorCode::AuthenticationFailed);
        assert_eq!(progress.address(), Some(addresses[1]));
        assert_eq!(progress.failures().len(), 2, "the third is left alone");
    }

    #[tokio::test]
    async fn a_dial_that_fails_everywhere_tells_of_every_address() {
        // Bound all the while, and never listened on.
        let closed = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"].map(|address| {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(address.parse().unwrap()).unwrap();
            socket
        });
        let addresses = closed.each_ref().map(|one| one.local_addr().unwrap());
        let progress = Progress::start(Stage::Connect);
        let limit = Instant::now() + Duration::from_secs(10);
        let failed = Addresses::new(addresses.to_vec(), limit)
            .dial(&progress)
            .await
            .unwrap_err();
        let told = progress.failures();
        let told: Vec<_> = told.iter().map(|(address, _)| *address).collect();
        assert_eq!(told, addresses);
        assert_eq!(progress.address(), Some(addresses[0]));
        #[cfg(feature = "cli")]
        assert_eq!(
            progress.with_others(failed.clone()).message(),
            format!(
                "{failed} (also tried {}: Connection refused (os error 111), {}: Connection refused (os error 111))",
                addresses[1], addresses[2]
            )
        );
        assert_eq!(failed.code(), ErrorCode::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_refused_login_is_not_repeated_at_the_other_addresses() {
        let listeners = listeners().await;
        let deadline = Instant::now() + Duration::from_secs(10);
        let progress = Progress::start(Stage::Connect);
        let mut tried = Addresses::new(addresses(&listeners), deadline);
        let first = tried.dial(&progress).await.unwrap();
        let mut attempts = 0;
        let failed = tried
            .until_good(first, &progress, |_, _| {
                attempts += 1;
                let code = ErrorCode::AuthenticationFailed;
                let refused = Failure::new(Stage::Authenticate, code, "", "");
                std::future::ready(Err::<(), _>(refused.into()))
            })
            .await
            .unwrap_err();
        assert_eq!(failed.failure.code(), ErrorCode::AuthenticationFailed);
        assert_eq!(attempts, 1);
    }
}
