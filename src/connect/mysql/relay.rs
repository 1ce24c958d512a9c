//! Runs `mysql_async`, which takes no stream, on a stream that our own dialer has secured: [`open`].
//!
//! The driver dials a private socket within this process. It sees the server's greeting without the
//! offer of TLS and speaks as it would without; what it says is carried over TLS. From the end of the
//! login on, bytes are only moved.

use std::borrow::Cow;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use futures_util::future::try_join;
use mysql_async::{Conn, OptsBuilder};
use tokio::net::UnixStream;

use super::failure::{self, Reached, broke_off};
use super::login::dial_and_login;
use super::meeting::Meeting;
use super::pump;
use crate::code::{ErrorCode, Stage};
use crate::connect::after_tls;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::PasswordSource;
use crate::tls::TlsPolicy;
use crate::wire::mysql::{Answer, Capabilities, Channel, ED25519, LARGEST, Response};
use crate::wire::{Dialer, Greeted, Progress, Rejected, Secured, SslRequest, TlsFacts};

/// The most packets of a login. Real ones take 4; each further factor, question or switch adds 2.
const PACKETS: usize = 64;

/// What a login needs to know besides its options.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) dialer: &'a Dialer,
    pub(super) endpoint: &'a Endpoint,
    pub(super) policy: &'a TlsPolicy,
    pub(super) password: &'a PasswordSource,
    pub(super) progress: &'a Progress,
}

/// The driver's own connect, under way.
type Login = Pin<Box<dyn Future<Output = Result<Conn, mysql_async::Error>> + Send>>;

/// A server that is secured, and a driver that is about to log in on that very connection.
pub(crate) struct Introduced {
    secured: Secured,
    near: Channel<UnixStream>,
    /// What the driver says first.
    response: Response,
    login: Login,
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
    introduce(&way, greeted, options).await?.login(&way).await
}

/// All of it but the login.
///
/// # Errors
/// Stage `tls`.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub(super) async fn introduce(
    way: &Way<'_>,
    greeted: Greeted,
    options: OptsBuilder,
) -> Result<Introduced, Rejected> {
    let address = greeted.address;
    let meeting = Meeting::arrange().map_err(no_meeting)?;
    let options = options
        .socket(Some(meeting.path()))
        .ssl_opts(None)
        .prefer_socket(false);
    let mut login: Login = Box::pin(dial_and_login(options));
    let secure = async {
        let driver = meeting.driver().await.map_err(no_meeting)?;
        secure(way, greeted, driver).await
    };
    // The server goes first: where it hangs up, that is why there is nothing more for the driver to read.
    let outcome = tokio::select! {
        biased;
        outcome = secure => outcome,
        ended = &mut login => Err(match ended {
            Ok(_) => broke_off(&"the driver was done before it logged in"),
            Err(error) => way.of_login(&error, address),
        }
        .into()),
    };
    match outcome {
        Ok((secured, near, response)) => Ok(Introduced {
            secured,
            near,
            response,
            login,
        }),
        Err(rejected) => Err(way.explain(rejected, address).await),
    }
}

impl Introduced {
    /// What was secured.
    #[cfg(feature = "cli")]
    pub(crate) fn secured(&self) -> &Secured {
        &self.secured
    }

    /// Lets the driver log in.
    ///
    /// # Errors
    /// Stage `authenticate`; `tls` where the server did not accept our certificate.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(super) async fn login(self, way: &Way<'_>) -> Result<(Conn, TlsFacts), Rejected> {
        let Self {
            secured,
            near,
            response,
            login,
        } = self;
        let address = secured.address;
        let relayed = async {
            way.progress.enter(Stage::Authenticate);
            let (driver, Secured { stream, facts, .. }) = relay(secured, near, response).await?;
            // Whatever the driver asks before it hands the connection over is carried already. The
            // task ends with the driver's socket, which closes with the connection or this future.
            pump::start(driver, stream);
            Ok::<_, Rejected>(facts)
        };
        let login = async {
            login
                .await
                .map_err(|error| way.of_login(&error, address).into())
        };
        // The relay goes first: it knows why there is nothing more for the driver to read.
        match try_join(relayed, login).await {
            Ok((facts, conn)) => Ok((conn, facts)),
            Err(rejected) => Err(way.explain(rejected, address).await),
        }
    }
}

impl Way<'_> {
    /// What an error of the driver's means.
    pub(super) fn of_login(&self, error: &mysql_async::Error, address: SocketAddr) -> Failure {
        let name = self.policy.name_for(self.endpoint.host());
        let reached = Reached::Address {
            address,
            policy: self.policy,
            name: &name,
        };
        failure::of_login(error, reached, self.password)
    }

    /// What is behind a login that failed.
    async fn explain(&self, rejected: Rejected, address: SocketAddr) -> Rejected {
        if rejected.failure.stage() <= Stage::Tls {
            return rejected;
        }
        let Self {
            dialer,
            endpoint,
            policy,
            ..
        } = self;
        let failure = after_tls::explain(dialer, rejected.failure, endpoint, address, policy).await;
        failure.into()
    }
}

/// Hears what the driver has to say first, and secures the connection with it.
async fn secure(
    way: &Way<'_>,
    greeted: Greeted,
    driver: UnixStream,
) -> Result<(Secured, Channel<UnixStream>, Response), Rejected> {
    let mut near = Channel::new(driver);
    let mut greeting = greeted.greeting.clone();
    greeting.capabilities = greeting.capabilities.without(Capabilities::SSL);
    near.write(&greeting.build()).await.map_err(no_meeting)?;
    let Ok(first) = near.read(LARGEST).await else {
        return pending().await;
    };
    let (Some(response), Some(head)) = (Response::parse(&first), first.first_chunk()) else {
        return Err(broke_off(&"the driver's response has another form").into());
    };
    way.progress.enter(Stage::Tls);
    let request = SslRequest::of(*head);
    let secured = way
        .dialer
        .answer(greeted, way.endpoint, way.policy, request)
        .await?;
    Ok((secured, near, response))
}

/// Carries the login. It returns once the server has accepted it; what the server refuses, and what
/// the driver refuses of the server's demands, ends the driver's half.
async fn relay(
    secured: Secured,
    mut near: Channel<UnixStream>,
    mut response: Response,
) -> Result<(UnixStream, Secured), Rejected> {
    let Secured {
        address,
        stream,
        facts,
    } = secured;
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
                let answer = Answer::parse(&said);
                if near.write(&for_driver(&said, &answer)).await.is_err() {
                    return pending().await;
                }
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

/// What the driver is given of what the server said.
///
/// It drops a zero from the end of every nonce (`mysql_common` 0.37, `AuthSwitchRequest::plugin_data`),
/// and ed25519's ends with one by chance once in 256 logins, which then fail. It may drop one of ours.
fn for_driver<'a>(said: &'a [u8], answer: &Answer<'_>) -> Cow<'a, [u8]> {
    match answer {
        // Not where the server has put a zero behind the nonce itself: the driver drops that one.
        Answer::Switch { plugin, nonce }
            if *plugin == ED25519 && nonce.ends_with(&[0]) && said.ends_with(nonce) =>
        {
            Cow::Owned([said, &[0]].concat())
        }
        _ => Cow::Borrowed(said),
    }
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
