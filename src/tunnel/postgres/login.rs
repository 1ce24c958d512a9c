//! The login: the server asks, the client or the tunnel itself answers, until the session is ready.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::credentials::{Credentials, Response};
use super::inbound::{Inbound, Message, frame};
use super::keys::Keyed;
use super::startup::Packet;
use crate::code::{ErrorCode, Stage};
use crate::connect::{Demands, LoginJudge, Refused};
use crate::failure::Failure;
use crate::settings::ChannelBinding;
use crate::tunnel::client::ClientStream;
use crate::tunnel::context::Shared;
use crate::tunnel::outcome::{Ended, ServerStream};
use crate::tunnel::upstream::Reached;

/// A process id, and the longest key that protocol 3.2 knows.
const KEY_LIMIT: usize = 4 + 256;
const CHUNK: usize = 8 * 1024;
const LEFT: Ended = Ended::Client("the client left during its login");
/// `AuthenticationSASL`: the server names its mechanisms.
const SASL: [u8; 4] = 10_u32.to_be_bytes();
/// What cannot be used where the client sees no TLS. libpq breaks off where it is offered there.
const BOUND_MECHANISM: &[u8] = b"SCRAM-SHA-256-PLUS";

/// A session that is ready.
pub(super) struct LoggedIn {
    pub(super) server: ServerStream,
    pub(super) to_client: Vec<u8>,
    pub(super) keyed: Option<Keyed>,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Relays the login between client and server, or makes it, up to the server's first `ReadyForQuery`.
///
/// # Errors
/// Nobody is logged in. The server's own refusal was passed on; of a failure the client is to be told.
pub(super) async fn relay(
    client: &mut ClientStream,
    reached: Reached,
    startup: &Packet,
    shared: &Shared,
    turn: &Turn,
) -> Result<LoggedIn, Ended> {
    let Reached { mut stream, server } = reached;
    let credentials = if shared.inject {
        Some(Credentials::of(&shared.settings, stream.ssl())?)
    } else {
        None
    };
    let demands = Demands {
        trusted: server.is_verified(),
        // Of a client's own login nothing is demanded: the plan has seen to it.
        channel_binding: match credentials {
            Some(_) => shared.settings.channel_binding(),
            None => ChannelBinding::Prefer,
        },
    };
    let mut login = Login {
        strips: client.is_plaintext(),
        judge: LoginJudge::new(demands),
        credentials,
        inbound: Inbound::default(),
        turn,
        key: None,
    };
    let startup = login.startup(startup, shared)?;
    let outcome = login.run(client, &mut stream, startup.bytes()).await;
    match outcome {
        Ok(()) => Ok(LoggedIn {
            server: stream,
            keyed: login
                .key
                .map(|key| shared.keys.enter(key, server.endpoint())),
            to_client: login.inbound.rest(),
        }),
        Err(Ended::Failed(failure)) => {
            drop(stream);
            let failure = shared.upstream.explain(failure, &server).await;
            shared.meters.failed(failure.code());
            Err(Ended::Failed(failure))
        }
        Err(ended) => Err(ended),
    }
}

/// Whose turn it is during a login, for whoever has to say who was late.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicBool);

impl Turn {
    /// Whether the client has to answer, or to take what it was sent.
    pub(super) fn is_clients(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn pass_to_client(&self, client: bool) {
        self.0.store(client, Ordering::Relaxed);
    }
}

struct Login<'a> {
    strips: bool,
    turn: &'a Turn,
    /// What a cancel request for this session will hold.
    key: Option<Vec<u8>>,
    judge: LoginJudge,
    /// Whose login it is, where it is not the client's.
    credentials: Option<Credentials>,
    inbound: Inbound,
}

/// What one message of the server leads to.
enum Step {
    GoOn,
    Ready,
}

impl Login<'_> {
    fn startup(&self, startup: &Packet, shared: &Shared) -> Result<Packet, Ended> {
        if self.credentials.is_none() {
            return Ok(startup.clone());
        }
        let settings = &shared.settings;
        startup
            .for_account(settings.username(), settings.database())
            .ok_or(Ended::Client("a start of a session that cannot be read"))
    }

    async fn run(
        &mut self,
        client: &mut ClientStream,
        server: &mut ServerStream,
        startup: &[u8],
    ) -> Result<(), Ended> {
        server.write_all(startup).await.map_err(broken)?;
        let (mut up, mut down) = (Zeroizing::new(vec![0; CHUNK]), vec![0; CHUNK]);
        let relays = self.credentials.is_none();
        loop {
            tokio::select! {
                read = client.read(&mut up), if relays => {
                    let sent = read.ok().and_then(|count| up.get(..count)).unwrap_or_default();
                    if sent.is_empty() {
                        return Err(LEFT);
                    }
                    self.turn.pass_to_client(false);
                    server.write_all(sent).await.map_err(broken)?;
                }
                read = server.read(&mut down) => {
                    let received = down.get(..read.map_err(broken)?).unwrap_or_default();
                    if received.is_empty() {
                        return Err(broken(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.inbound.add(received);
                    if let Step::Ready = self.take(client, server).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes the messages that have come whole.
    async fn take(
        &mut self,
        client: &mut ClientStream,
        server: &mut ServerStream,
    ) -> Result<Step, Ended> {
        let mut onward = Vec::new();
        let mut step = Step::GoOn;
        let (mut asks, mut is_refused) = (false, false);
        while let Some(message) = self.inbound.next().map_err(|no| refused(&no))? {
            match message.tag() {
                b'R' => {
                    self.judge
                        .judge(message.body())
                        .map_err(|no| refused(&no))?;
                    self.asked(&message, server, &mut onward).await?;
                    asks = self.credentials.is_none() && !is_verdict(message.body());
                }
                b'Z' if self.judge.is_accepted() => {
                    onward.extend_from_slice(message.bytes());
                    step = Step::Ready;
                    break;
                }
                b'E' => {
                    is_refused = true;
                    onward.extend_from_slice(message.bytes());
                }
                b'K' => {
                    let key = Some(message.body()).filter(|key| key.len() <= KEY_LIMIT);
                    self.key = key.map(<[u8]>::to_vec);
                    onward.extend_from_slice(message.bytes());
                }
                // Notices, parameters, the version to go on with.
                b'N' | b'S' | b'v' => onward.extend_from_slice(message.bytes()),
                _ => {
                    return Err(refused(&Refused::OutOfTurn(
                        "a message that belongs to no login",
                    )));
                }
            }
        }
        let before = self.turn.is_clients();
        self.turn.pass_to_client(true);
        let told = client.write_all(&onward).await;
        // All is said then, whoever leaves first.
        if is_refused {
            return Err(Ended::Done("the server refused the login"));
        }
        told.map_err(|_| LEFT)?;
        self.turn.pass_to_client(asks || before);
        Ok(step)
    }

    /// A permitted request of the server: for the client, or for the account of the settings.
    async fn asked(
        &mut self,
        request: &Message,
        server: &mut ServerStream,
        onward: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        let Some(credentials) = &mut self.credentials else {
            onward.extend(self.offered(request)?);
            return Ok(());
        };
        match credentials.answer(request.body())? {
            Response::Silence => {}
            Response::Message(answer) => server.write_all(&answer).await.map_err(broken)?,
            Response::Choice(answer) => {
                self.judge.chose(answer.get(5..).unwrap_or_default());
                server.write_all(&answer).await.map_err(broken)?;
            }
        }
        if self.judge.is_accepted() {
            onward.extend_from_slice(request.bytes());
        }
        Ok(())
    }

    /// The request as the client is to see it.
    fn offered(&self, request: &Message) -> Result<Vec<u8>, Failure> {
        let Some(mechanisms) = request.body().strip_prefix(&SASL).filter(|_| self.strips) else {
            return Ok(request.bytes().to_vec());
        };
        let kept: Vec<&[u8]> = mechanisms
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty() && *name != BOUND_MECHANISM)
            .collect();
        if kept.is_empty() {
            return Err(Failure::new(
                Stage::Authenticate,
                ErrorCode::ChannelBindingUnavailable,
                "the server offers no login without channel binding, which a client cannot do through a tunnel",
                "let the tunnel log in itself with --inject",
            ));
        }
        let mut body = SASL.to_vec();
        for name in kept {
            body.extend([name, &[0]].concat());
        }
        body.push(0);
        Ok(frame(b'R', &body))
    }
}

/// `AuthenticationOk` and `AuthenticationSASLFinal`: nobody has to answer.
fn is_verdict(body: &[u8]) -> bool {
    [0_u32, 12]
        .iter()
        .any(|code| body.starts_with(&code.to_be_bytes()))
}

fn refused(refused: &Refused) -> Ended {
    Ended::Failed(refused.failure())
}

fn broken(error: io::Error) -> Ended {
    let failure = Failure::new(
        Stage::Authenticate,
        ErrorCode::ProtocolError,
        "the server at WA_DB_HOSTNAME broke off during the login",
        "look into the server's log for its reason",
    );
    Ended::Failed(failure.caused_by(error))
}
