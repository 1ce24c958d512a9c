//! A PostgreSQL server that misbehaves on purpose.

mod login;
mod scram;
mod serve;
mod wire;

use std::io;
use std::ops::Deref;
use std::time::Duration;

use openssl::ssl::SslAcceptor;

use super::fault::{Fault, Stage};
use super::link::{Halt, Link, Played};
use super::persona::Persona;
use super::seen::Event;
use super::server::{FakeServer, TlsIdentity};

pub use wire::{
    postgres_authentication, postgres_error, postgres_frame, postgres_message, postgres_notice,
    postgres_old_error, postgres_parameter, postgres_ready,
};

/// What a fake PostgreSQL server does to every client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresScript {
    /// Behaves: TLS, SCRAM with any proof taken, answers to queries.
    Honest,
    /// Answers `N`, and asks a client that goes on for its password in the clear.
    RefuseTls,
    /// Sends plaintext with the TLS answer, all in one segment: `before`, `S`, `after`. Then
    /// behaves.
    Inject {
        /// Bytes before the `S`.
        before: Vec<u8>,
        /// Bytes after the `S`.
        after: Vec<u8>,
    },
    /// Answers the request for TLS with these bytes, such as an error's, and listens.
    AnswerInstead(Vec<u8>),
    /// Asks for the password in the clear once TLS is up, and takes any.
    AskClearPassword,
    /// Asks for the password hashed with MD5 once TLS is up, and takes any.
    AskMd5Password,
    /// Asks for nothing at all: the login is good without a proof of either side.
    Trust,
    /// Cheats within SCRAM.
    Scram(ScramFault),
    /// Sends its half of the TLS handshake byte by byte, this far apart.
    Drip(Duration),
    /// Behaves up to a stage, then fails.
    Break {
        /// The stage.
        at: Stage,
        /// The failure.
        fault: Fault,
    },
    /// Behaves up to a stage, then sends without end (4 GiB or 20 s).
    Flood {
        /// The stage.
        at: Stage,
        /// What it sends.
        flood: PostgresFlood,
    },
}

/// How a fake cheats within SCRAM-SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScramFault {
    /// Offers no mechanism with channel binding, though TLS is up.
    PlusStripped,
    /// Offers only a mechanism that nobody knows.
    UnknownMechanism,
    /// Claims this many iterations.
    Iterations(u64),
    /// Answers with a nonce that does not start with the client's.
    ForeignNonce,
    /// Lets the client in right after its first message.
    OkAfterFirst,
    /// Lets the client in after its proof, without a proof of its own.
    OkWithoutProof,
    /// Sends a wrong proof, then lets the client in.
    WrongProof,
    /// Sends `e=…` in place of the proof, then lets the client in.
    ErrorProof(String),
}

/// What a fake sends without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresFlood {
    /// One message with this tag that claims 2 GiB, and its body.
    HugeMessage(u8),
    /// Notices.
    Notices,
    /// Parameters, each by another name.
    Parameters,
    /// Messages of nine bytes that a client may expect (`BackendKeyData`).
    Small,
    /// Rows of one result.
    Rows,
}

/// A running fake PostgreSQL server.
#[derive(Debug)]
pub struct FakePostgres(FakeServer);

impl FakePostgres {
    /// Starts a fake with the default [`Persona`]. Without an identity it answers `N` to every
    /// request for TLS, and a client that goes on is treated as by [`PostgresScript::RefuseTls`].
    ///
    /// # Errors
    /// When no port is free or the identity does not parse.
    pub fn start(script: PostgresScript, identity: Option<TlsIdentity>) -> io::Result<Self> {
        Self::start_as(Persona::default(), script, identity)
    }

    /// The same, as `persona`.
    ///
    /// # Errors
    /// When no port is free or the identity does not parse.
    pub fn start_as(
        persona: Persona,
        script: PostgresScript,
        identity: Option<TlsIdentity>,
    ) -> io::Result<Self> {
        let acceptor = identity.map(|identity| identity.acceptor()).transpose()?;
        let play = move |link: &mut Link| {
            Act {
                link,
                script: &script,
                persona: &persona,
                acceptor: acceptor.as_ref(),
            }
            .play()
        };
        FakeServer::start(play).map(Self)
    }
}

impl Deref for FakePostgres {
    type Target = FakeServer;

    fn deref(&self) -> &FakeServer {
        &self.0
    }
}

/// The script being played on one connection.
struct Act<'a> {
    link: &'a mut Link,
    script: &'a PostgresScript,
    persona: &'a Persona,
    acceptor: Option<&'a SslAcceptor>,
}

impl Act<'_> {
    fn play(&mut self) -> Played {
        self.reach(Stage::Accepted)?;
        self.negotiate()?;
        self.reach(Stage::Login)?;
        self.authenticate()?;
        self.reach(Stage::LoggedIn)?;
        self.serve()
    }

    /// Plays the fault, if this is its stage.
    fn reach(&mut self, stage: Stage) -> Played {
        match self.script {
            PostgresScript::Break { at, fault } if *at == stage => fault.play(self.link),
            PostgresScript::Flood { at, flood } if *at == stage => self.flood(*flood),
            _ => Ok(()),
        }
    }

    /// Reads up to the start-up packet, through TLS if the client wants it and the script lets it.
    fn negotiate(&mut self) -> Played {
        loop {
            let (code, _) = wire::read_untagged(self.link)?;
            match code {
                wire::SSL_REQUEST => {
                    self.link.note(Event::TlsRequested);
                    self.answer_tls()?;
                }
                wire::GSS_REQUEST => self.link.send(b"N")?,
                wire::CANCEL_REQUEST => return Err(Halt::Over),
                _ => {
                    self.link.note(Event::LoginStarted);
                    return Ok(());
                }
            }
        }
    }

    fn answer_tls(&mut self) -> Played {
        if let PostgresScript::AnswerInstead(bytes) = self.script {
            self.link.send(bytes)?;
            return self.link.hold();
        }
        let acceptor = match self.acceptor {
            Some(acceptor) if *self.script != PostgresScript::RefuseTls => acceptor,
            _ => return Ok(self.link.send(b"N")?),
        };
        match self.script {
            PostgresScript::Inject { before, after } => {
                self.link.send(&[before.as_slice(), b"S", after].concat())?;
            }
            _ => self.link.send(b"S")?,
        }
        self.reach(Stage::Answered)?;
        if matches!(
            self.script,
            PostgresScript::Break {
                at: Stage::Hello,
                ..
            } | PostgresScript::Flood {
                at: Stage::Hello,
                ..
            }
        ) {
            self.link.swallow_hello()?;
            self.reach(Stage::Hello)?;
        }
        let drip = match self.script {
            PostgresScript::Drip(every) => Some(*every),
            _ => None,
        };
        self.link.secure(acceptor, drip)?;
        self.reach(Stage::Secured)
    }

    fn flood(&mut self, flood: PostgresFlood) -> Played {
        match flood {
            PostgresFlood::HugeMessage(tag) => {
                // 'M' opens the text of an error or a notice, so that the body is no nonsense.
                self.link
                    .send(&postgres_frame(tag, i32::MAX.unsigned_abs(), b""))?;
                self.repeat(b"M")
            }
            PostgresFlood::Notices => self.repeat(&postgres_notice("the fake has more to say")),
            PostgresFlood::Small => self.repeat(&postgres_message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2])),
            PostgresFlood::Rows => {
                let row = [("filler".to_owned(), "x".into())];
                self.link.send(&wire::description(&row, false))?;
                self.repeat(&wire::data(&row, false))
            }
            PostgresFlood::Parameters => {
                let mut number = 0_u64;
                self.link.flood(|| {
                    (0..512)
                        .flat_map(|_| {
                            number += 1;
                            postgres_parameter(&format!("fake.parameter_{number}"), "filler")
                        })
                        .collect()
                })
            }
        }
    }

    fn repeat(&mut self, unit: &[u8]) -> Played {
        let chunk = unit.repeat(65_536 / unit.len().max(1));
        self.link.flood(|| chunk.clone())
    }
}
