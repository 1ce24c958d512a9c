//! From addresses to a connected socket.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
#[cfg(feature = "postgres")]
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
#[cfg(feature = "postgres")]
use tokio::net::UnixStream;

use super::progress::Progress;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

/// Head start of one address over the next ("Connection Attempt Delay", RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Idle time before the kernel probes whether the server is still there.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
/// How long sent data may stay unacknowledged before the connection counts as dead.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs one attempt for each address, each with a head start over the next, until one succeeds.
/// An attempt that fails starts the next at once, unless `goes_on` says that its error would be
/// every address's: then the race is over. The error holds every attempt that ended.
///
/// # Cancel Safety
/// Dropping the future drops every attempt that is under way.
pub(crate) async fn race<T, E, F, A>(
    addresses: &[SocketAddr],
    mut attempt: A,
    goes_on: impl Fn(&E) -> bool,
) -> Result<(SocketAddr, T), Vec<(SocketAddr, E)>>
where
    A: FnMut(SocketAddr) -> F,
    F: Future<Output = Result<T, E>>,
{
    let mut failed = Vec::new();
    let mut running = FuturesUnordered::new();
    let mut waiting = addresses.iter().copied();
    loop {
        if let Some(address) = waiting.next() {
            let started = attempt(address);
            running.push(async move { (address, started.await) });
        } else if running.is_empty() {
            return Err(failed);
        }
        let more = waiting.len() > 0;
        let head_start = tokio::time::sleep(HEAD_START);
        tokio::pin!(head_start);
        loop {
            tokio::select! {
                Some((address, outcome)) = running.next() => match outcome {
                    Ok(connected) => return Ok((address, connected)),
                    Err(error) => {
                        let is_over = !goes_on(&error);
                        failed.push((address, error));
                        if is_over { return Err(failed); }
                        if more || running.is_empty() { break; }
                    }
                },
                () = &mut head_start, if more => break,
            }
        }
    }
}

/// Connects to the first address that answers. `progress` keeps what went wrong at the others.
///
/// # Errors
/// `connection_refused`, `network_unreachable` or `timeout`, of the address that tells most.
pub(crate) async fn first(
    addresses: &[SocketAddr],
    progress: &Progress,
) -> Result<(SocketAddr, TcpStream), Failure> {
    let attempt = |address| async move {
        let connected = one(address).await;
        if let Err(failure) = &connected {
            progress.failed(address, failure.clone());
        }
        connected
    };
    let attempts = match race(addresses, attempt, |_| true).await {
        Ok(connected) => return Ok(connected),
        Err(attempts) => attempts,
    };
    // A refusal tells more than a missing route: an IPv6 address without a route is common.
    let is_refusal = |failure: &Failure| failure.code() == ErrorCode::ConnectionRefused;
    let telling = attempts
        .iter()
        .find(|(_, failure)| is_refusal(failure))
        .or_else(|| attempts.first());
    let Some((address, failure)) = telling.cloned() else {
        return Err(no_address());
    };
    progress.at(address);
    Err(failure)
}

/// Connects to one address.
///
/// # Errors
/// As [`refused_by`] has them.
pub(crate) async fn one(address: SocketAddr) -> Result<TcpStream, Failure> {
    let connect = async {
        let stream = TcpStream::connect(address).await?;
        tune(&stream)?;
        Ok(stream)
    };
    connect
        .await
        .map_err(|error| refused_by(address, &error).caused_by(error))
}

#[cfg(feature = "postgres")]
/// Connects to a Unix socket.
///
/// # Errors
/// `connection_refused`, with the reason the system gives.
pub(crate) async fn dial_unix(path: &Path) -> Result<UnixStream, Failure> {
    UnixStream::connect(path).await.map_err(|error| {
        Failure::new(
            Stage::Connect,
            ErrorCode::ConnectionRefused,
            format!("the socket {} of WA_DB_HOSTNAME cannot be opened: {error}", path.display()),
            "PostgreSQL wants the socket's directory, MySQL and MariaDB the socket file; check that the server runs on this machine",
        )
        .caused_by(error)
    })
}

/// What a failed attempt on one address means.
pub(crate) fn refused_by(address: SocketAddr, error: &io::Error) -> Failure {
    let (code, problem, hint) = match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => (
            ErrorCode::ConnectionRefused,
            "refuses the connection",
            "check WA_DB_PORT, that the server runs, and that it listens on this address",
        ),
        io::ErrorKind::TimedOut => (
            ErrorCode::Timeout,
            "does not answer",
            "check firewalls and routes",
        ),
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::AddrNotAvailable => (
            ErrorCode::NetworkUnreachable,
            "cannot be reached",
            "check this machine's routes; in compose, both services must share a network",
        ),
        _ => (
            ErrorCode::NetworkUnreachable,
            "cannot be dialled",
            "check WA_DB_HOSTNAME and this machine's network",
        ),
    };
    Failure::new(
        Stage::Connect,
        code,
        format!("{address} of WA_DB_HOSTNAME and WA_DB_PORT {problem}"),
        hint,
    )
}

/// There is nothing to dial.
pub(crate) fn no_address() -> Failure {
    Failure::new(
        Stage::Resolve,
        ErrorCode::NameNotResolved,
        "WA_DB_HOSTNAME leads to no address",
        "check WA_DB_HOSTNAME",
    )
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_PROBES),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::race;

    fn addresses() -> [SocketAddr; 3] {
        ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"].map(|text| text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_loses_to_the_next_after_its_head_start() {
        let [slow, quick, _] = addresses();
        let start = Instant::now();
        let won = race(
            &addresses(),
            |address| async move {
                sleep(Duration::from_secs(if address == slow { 60 } else { 0 })).await;
                Ok::<_, ()>(())
            },
            |()| true,
        )
        .await;
        assert_eq!(won.unwrap().0, quick);
        assert_eq!(start.elapsed(), super::HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_address_starts_the_next_at_once_and_every_attempt_is_kept() {
        let start = Instant::now();
        let failed = race(
            &addresses(),
            |address| async move { Err::<(), _>(address.ip()) },
            |_| true,
        )
        .await
        .unwrap_err();
        assert_eq!(failed.len(), 3);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_may_still_win_when_the_others_fail() {
        let [slow, ..] = addresses();
        let won = race(
            &addresses(),
            |address| async move {
                sleep(Duration::from_secs(1)).await;
                if address == slow { Ok(()) } else { Err(()) }
            },
            |()| true,
        )
        .await;
        assert_eq!(won.unwrap().0, slow);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_ends_the_race_leaves_the_other_addresses_alone() {
        let [first, second, _] = addresses();
        let attempt = |address| async move { Err::<(), _>(address) };
        let failed = race(&addresses(), attempt, |address| *address == first).await;
        let tried: Vec<_> = failed.unwrap_err().into_iter().map(|(at, _)| at).collect();
        assert_eq!(tried, [first, second]);
    }
}
