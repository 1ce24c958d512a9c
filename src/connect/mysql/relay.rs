//! Runs `mysql_async`, which takes no stream, on a stream that our own dialer has secured: [`open`].
//!
//! The driver dials a private socket within this process. It sees the server's greeting without the
//! offer of TLS and speaks as it would without; what it says is carried over TLS. From the end of the
//! login on, bytes are only moved.

use std::future::pending;
use std::io;

use futures_util::future::try_join;
use mysql_async::{Conn, OptsBuilder};
use tokio::net::UnixStream;

use super::connector::dial_and_login;
use super::failure::{self, Reached, broke_off};
use super::meeting::Meeting;
use super::pump;
use crate::code::{ErrorCode, Stage};
use crate::connect::after_tls;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::PasswordSource;
use crate::tls::TlsPolicy;
use crate::wire::mysql::{Answer, Capabilities, Channel, LARGEST, Response};
use crate::wire::{Dialer, Greeted, Progress, Rejected, Secured, SslRequest, TlsFacts};

/// The most packets of a login. Real ones take 4; each further factor, question or switch adds 2.
const PACKETS: usize = 64;

/// What a login needs to know besides its options.
pub(super) struct Way<'a> {
    pub(super) dialer: &'a Dialer,
    pub(super) endpoint: &'a Endpoint,
    pub(super) policy: &'a TlsPolicy,
    pub(super) password: &'a PasswordSource,
    pub(super) progress: &'a Progress,
}

/// Secures the connection to a server that has greeted and logs the driver in on it. The options say
/// who logs in; where the driver would dial and how it would do TLS is replaced.
///
/// # Errors
/// Stages `tls` and `authenticate`.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub(super) async fn open(
    way: Way<'_>,
    greeted: Greeted,
    options: OptsBuilder,
) -> Result<(Conn, TlsFacts), Rejected> {
    let address = greeted.address;
    let meeting = Meeting::arrange().map_err(no_meeting)?;
    let options = options
        .socket(Some(meeting.path()))
        .ssl_opts(None)
        .prefer_socket(false);
    let relayed = async {
        let driver = meeting.driver().await.map_err(no_meeting)?;
        let (driver, Secured { stream, facts, .. }) = relay(&way, greeted, driver).await?;
        // Whatever the driver asks before it hands the connection over is carried already. The
        // task ends with the driver's socket, which closes with the connection or this future.
        tokio::spawn(pump::run(driver, stream));
        Ok::<_, Rejected>(facts)
    };
    let name = way.policy.name_for(way.endpoint.host());
    let login = async {
        let reached = Reached::Address {
            address,
            policy: way.policy,
            name: &name,
        };
        let login = dial_and_login(options).await;
        login.map_err(|error| failure::of_login(&error, reached, way.password).into())
    };
    // The relay goes first: it knows why there is nothing more for the driver to read.
    match try_join(relayed, login).await {
        Ok((facts, conn)) => Ok((conn, facts)),
        Err(Rejected { failure, .. }) if failure.stage() > Stage::Tls => {
            let Way {
                dialer,
                endpoint,
                policy,
                ..
            } = way;
            let failure = after_tls::explain(dialer, failure, endpoint, address, policy).await;
            Err(failure.into())
        }
        Err(rejected) => Err(rejected),
    }
}

/// Carries the login. It returns once the server has accepted it; what the server refuses, and what
/// the driver refuses of the server's demands, ends the driver's half.
async fn relay(
    way: &Way<'_>,
    greeted: Greeted,
    driver: UnixStream,
) -> Result<(UnixStream, Secured), Rejected> {
    let mut near = Channel::new(driver);
    let mut greeting = greeted.greeting.clone();
    greeting.capabilities = greeting.capabilities.without(Capabilities::SSL);
    near.write(&greeting.build()).await.map_err(no_meeting)?;
    let Ok(first) = near.read(LARGEST).await else {
        return pending().await;
    };
    let (Some(mut response), Some(head)) = (Response::parse(&first), first.first_chunk()) else {
        return Err(broke_off(&"the driver's response has another form").into());
    };
    way.progress.enter(Stage::Tls);
    let request = SslRequest::of(*head);
    let Secured {
        address,
        stream,
        facts,
    } = way
        .dialer
        .answer(greeted, way.endpoint, way.policy, request)
        .await?;
    way.progress.enter(Stage::Authenticate);
    let capabilities = &mut response.hello.capabilities;
    *capabilities = capabilities.with(Capabilities::SSL);
    // The request for TLS took number 1.
    let mut far = Channel::going_on(stream, 2);
    far.write(&response.build()).await.map_err(hung_up)?;
    for _ in 0..PACKETS {
        tokio::select! {
            biased;
            said = far.read(LARGEST) => {
                let said = said.map_err(hung_up)?;
                let (Ok(()), answer) = (near.write(&said).await, Answer::parse(&said)) else {
                    return pending().await;
                };
                match answer {
                    Answer::Ok => {
                        let stream = far.into_stream();
                        let secured = Secured { address, stream, facts };
                        return Ok((near.into_stream(), secured));
                    }
                    Answer::Error(_) => return pending().await,
                    _ => {}
                }
            }
            answered = near.read(LARGEST) => {
                let Ok(answered) = answered else {
                    return pending().await;
                };
                far.write(&answered).await.map_err(hung_up)?;
            }
        }
    }
    Err(broke_off(&format!("a login of more than {PACKETS} packets")).into())
}

fn hung_up(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    broke_off(&error).caused_by(error)
}

fn no_meeting(error: io::Error) -> Failure {
    Failure::new(
        Stage::Connect,
        ErrorCode::ProtocolError,
        format!("the driver cannot be given the connection to WA_DB_HOSTNAME: {error}"),
        "check that XDG_RUNTIME_DIR or TMPDIR names a directory that this process may write to, that /proc is there, and that descriptors are left",
    )
    .caused_by(error)
}
