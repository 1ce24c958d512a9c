//! The login: the server asks, the client or the tunnel itself answers, until one of them is done.

use std::error::Error;

use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::state::State;
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::tunnel::client::ClientStream;
use crate::tunnel::context::Shared;
use crate::tunnel::outcome::{Ended, ServerStream};
use crate::tunnel::upstream::{Reached, Server};
use crate::wire::SslRequest;
use crate::wire::mysql::{Answer, Capabilities, Channel, ED25519, Greeting, LARGEST, Response};

pub(super) const NATIVE: &[u8] = b"mysql_native_password";
pub(super) const CACHING_SHA2: &[u8] = b"caching_sha2_password";
pub(super) const SHA256: &[u8] = b"sha256_password";
/// The methods in which a password is not given away at once: what a server that nobody vouches for
/// may ask for.
const GUARDED: [&[u8]; 4] = [NATIVE, CACHING_SHA2, ED25519, b"parsec"];
/// A method that no account has, so that the server names the one that the account has.
const NOBODYS: &[u8] = b"wa_db_tunnel";

/// The most packets of a login. Real ones take 6; each further factor, question or switch adds 2.
const PACKETS: usize = 64;
/// `caching_sha2_password` wants the password itself.
const FULL: &[u8] = &[4];
/// It says that the proof was enough, and goes on by itself.
const VERDICT: &[u8] = &[3];
/// The packet with that word.
const ENOUGH: &[u8] = &[1, 3];

/// A login that is being carried.
pub(super) struct Login<'a> {
    shared: &'a Shared,
    state: &'a State,
    /// Whose login it is, where it is not the client's.
    credentials: Option<Credentials>,
    /// Whether the client, whatever its proof is worth, waits for a word on it before all is well.
    awaits_verdict: bool,
    response: Response,
    /// What the server has asked for last.
    method: Vec<u8>,
    nonce: Vec<u8>,
    /// Whether the server has named a method: until then there is nothing that could go on.
    is_named: bool,
    due: Due,
}

/// What is to come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Something of the server's.
    Word,
    /// The client's proof, which only the server can judge.
    Proof,
    /// The client's password, or its question for the key to send it with.
    Password,
    /// The client's password, encrypted.
    Sealed,
}

impl<'a> Login<'a> {
    /// The login of a client that was greeted so, or that of the settings' account in its place.
    ///
    /// # Errors
    /// The account's password cannot be read.
    pub(super) fn new(
        mut response: Response,
        greeting: &Greeting,
        shared: &'a Shared,
        state: &'a State,
    ) -> Result<Self, Failure> {
        let settings = &shared.settings;
        let credentials = if shared.inject {
            response.user = settings.username().as_bytes().to_vec();
            if let (None, Some(database)) = (&response.database, settings.database()) {
                let capabilities = &mut response.hello.capabilities;
                *capabilities = capabilities.with(Capabilities::CONNECT_WITH_DB);
                response.database = Some(database.as_bytes().to_vec());
            }
            Some(Credentials::of(settings)?)
        } else {
            None
        };
        let awaits_verdict = credentials.is_some()
            && response.plugin.as_deref() == Some(CACHING_SHA2)
            // An empty password is a single zero, or nothing.
            && response.proof.len() > 1;
        // Mixed with the tunnel's nonce, it would prove nothing to the server.
        response.proof = Vec::new();
        // What the client goes on with, should the server not care for the name.
        let own = response.plugin.replace(NOBODYS.to_vec());
        let capabilities = &mut response.hello.capabilities;
        *capabilities = capabilities.with(Capabilities::SSL);
        Ok(Self {
            shared,
            state,
            credentials,
            awaits_verdict,
            response,
            method: own.unwrap_or_default(),
            nonce: greeting.nonce.clone(),
            is_named: false,
            due: Due::Word,
        })
    }

    /// What the client can do, and so the session will.
    pub(super) fn capabilities(&self) -> Capabilities {
        self.response.hello.capabilities
    }

    /// The request for TLS that goes before the response.
    pub(super) fn request(&self) -> SslRequest {
        SslRequest::of(self.response.hello.head())
    }

    /// Carries it to its end.
    ///
    /// # Errors
    /// Nobody is logged in. The server's own refusal was passed on; of a failure the client is to be
    /// told.
    pub(super) async fn carry(
        mut self,
        client: &mut Channel<ClientStream>,
        reached: Reached,
        deadline: Instant,
    ) -> Result<ServerStream, Ended> {
        let Reached { stream, server } = reached;
        // The request for TLS was number 1.
        let mut upstream = Channel::going_on(stream, 2);
        let outcome = timeout_at(deadline, self.run(client, &mut upstream, &server)).await;
        match outcome.unwrap_or_else(|_| Err(self.too_late())) {
            Ok(()) => Ok(upstream.into_stream()),
            Err(Ended::Failed(failure)) => {
                drop(upstream);
                let failure = self.shared.upstream.explain(failure, &server).await;
                self.shared.meters.failed(failure.code());
                Err(Ended::Failed(failure))
            }
            Err(ended) => Err(ended),
        }
    }

    async fn run(
        &mut self,
        client: &mut Channel<ClientStream>,
        upstream: &mut Channel<ServerStream>,
        server: &Server,
    ) -> Result<(), Ended> {
        let response = Zeroizing::new(self.response.build());
        upstream.write(&response).await.map_err(broken)?;
        let relays = self.credentials.is_none();
        for _ in 0..PACKETS {
            tokio::select! {
                biased;
                said = upstream.read(LARGEST) => {
                    let said = said.map_err(broken)?;
                    let answer = Answer::parse(&said);
                    self.judge(&answer, server)?;
                    let is_over = matches!(answer, Answer::Ok | Answer::Error(_));
                    if answer == Answer::Ok && self.awaits_verdict {
                        client.write(ENOUGH).await.map_err(left)?;
                    }
                    if relays || is_over {
                        client.write(&said).await.map_err(left)?;
                    } else if let Some(proof) = self.own_answer(&answer, server)? {
                        upstream.write(&proof).await.map_err(broken)?;
                        self.due = Due::Word;
                    }
                    match answer {
                        Answer::Ok => return Ok(()),
                        Answer::Error(_) => {
                            return Err(Ended::Done("the server refused the login"));
                        }
                        _ => {}
                    }
                }
                answered = client.read(LARGEST), if relays => {
                    let answered = answered.map_err(left)?;
                    self.answered(answered, client, upstream).await?;
                }
            }
        }
        Err(refused("a login of more packets than any method takes").into())
    }

    /// Takes note of what the server asks for, and stops what a server of its kind may not ask.
    fn judge(&mut self, answer: &Answer<'_>, server: &Server) -> Result<(), Failure> {
        let asked = match answer {
            Answer::Switch { plugin, nonce } => {
                self.nonce = nonce.to_vec();
                self.is_named = true;
                Some(*plugin)
            }
            Answer::More(_) | Answer::NextFactor { .. } if !self.is_named => {
                return Err(refused("a word on a method that it has not named"));
            }
            Answer::NextFactor { plugin } => Some(*plugin),
            Answer::OldSwitch => Some(b"mysql_old_password".as_slice()),
            Answer::More(FULL) if self.method == CACHING_SHA2 => {
                if !server.is_verified() {
                    tracing::warn!(
                        "the password of a session goes to a server that was not verified (WA_DB_SSL_VERIFY): it asks for full authentication"
                    );
                }
                self.due = Due::Password;
                None
            }
            Answer::More(VERDICT) if self.method == CACHING_SHA2 => {
                self.due = Due::Word;
                None
            }
            Answer::More(_) => {
                self.due = Due::Proof;
                None
            }
            Answer::Unknown => return Err(refused("a packet that belongs to no login")),
            Answer::Ok | Answer::Error(_) | Answer::Progress => None,
        };
        let Some(method) = asked else {
            return Ok(());
        };
        if !server.is_verified() && !GUARDED.contains(&method) {
            return Err(gives_away(method));
        }
        self.method = method.to_vec();
        self.due = if method == SHA256 {
            Due::Password
        } else {
            Due::Proof
        };
        Ok(())
    }

    /// What the settings' account answers.
    fn own_answer(
        &self,
        answer: &Answer<'_>,
        server: &Server,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        match answer {
            Answer::Switch { plugin, nonce } => credentials
                .proof(plugin, nonce, server.is_verified())
                .map(Some),
            Answer::More(FULL) if self.method == CACHING_SHA2 => Ok(Some(credentials.in_clear())),
            Answer::More(_) if self.method == CACHING_SHA2 => Ok(None),
            Answer::Progress => Ok(None),
            _ => Err(refused("a question that WA_DB_USERNAME has no answer to")),
        }
    }

    /// Passes on what the client answers; a password that it encrypts for want of TLS is encrypted
    /// for the tunnel.
    async fn answered(
        &mut self,
        answered: Zeroizing<Vec<u8>>,
        client: &mut Channel<ClientStream>,
        upstream: &mut Channel<ServerStream>,
    ) -> Result<(), Ended> {
        let onward = match self.due {
            Due::Word => return Err(Ended::Client("the client spoke out of turn")),
            Due::Password if self.asks_for_key(&answered) => {
                let key = self.state.key().await?;
                client.write(&key.packet()).await.map_err(left)?;
                self.due = Due::Sealed;
                return Ok(());
            }
            Due::Sealed => {
                let key = self.state.key().await?;
                key.open(&answered, &self.nonce).ok_or_else(foreign_key)?
            }
            // Its last byte is zero, unless it is none.
            Due::Password if answered.last() != Some(&0) => return Err(foreign_key().into()),
            Due::Password | Due::Proof => answered,
        };
        self.due = Due::Word;
        upstream.write(&onward).await.map_err(broken)?;
        Ok(())
    }

    fn asks_for_key(&self, answered: &[u8]) -> bool {
        let question = if self.method == SHA256 { 1 } else { 2 };
        answered == [question]
    }

    fn too_late(&self) -> Ended {
        if self.due != Due::Word && self.credentials.is_none() {
            return Ended::Client("the client did not log in in time");
        }
        let deadline = self.shared.settings.connect_timeout();
        Ended::Failed(Failure::new(
            Stage::Authenticate,
            ErrorCode::Timeout,
            format!(
                "the server at WA_DB_HOSTNAME let WA_DB_CONNECT_TIMEOUT ({deadline:?}) pass before the login was done"
            ),
            "check that the server is up and not overloaded; raise WA_DB_CONNECT_TIMEOUT if it is merely far away",
        ))
    }
}

fn left(_: impl Error) -> Ended {
    Ended::Client("the client left during its login")
}

fn broken(error: impl Error + Send + Sync + 'static) -> Ended {
    let failure = Failure::new(
        Stage::Authenticate,
        ErrorCode::ProtocolError,
        format!(
            "the server at WA_DB_HOSTNAME broke off or left the protocol during the login: {error}"
        ),
        "look into the server's log for its reason",
    );
    Ended::Failed(failure.caused_by(error))
}

fn refused(what: &str) -> Failure {
    Failure::new(
        Stage::Authenticate,
        ErrorCode::ProtocolError,
        format!("the server at WA_DB_HOSTNAME left the protocol during the login: {what}"),
        "check that WA_DB_ENGINE fits, and look into the server's log",
    )
}

fn gives_away(method: &[u8]) -> Failure {
    Failure::new(
        Stage::Authenticate,
        ErrorCode::AuthenticationMethodRefused,
        format!(
            "the server asks for the password by a method that gives it away, and is not verified ({}): nothing was sent",
            hearsay(&String::from_utf8_lossy(method))
        ),
        "set WA_DB_SSL_CA and leave WA_DB_SSL_VERIFY on, or let the account use caching_sha2_password, ed25519 or mysql_native_password",
    )
}

fn foreign_key() -> Failure {
    Failure::new(
        Stage::Authenticate,
        ErrorCode::AuthenticationFailed,
        "the client's password is encrypted with another key than the tunnel's",
        "let the client ask for the key (--get-server-public-key) instead of naming a file, or connect to a Unix socket of the tunnel",
    )
}
