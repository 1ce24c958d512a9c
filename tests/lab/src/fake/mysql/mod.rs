//! A MySQL server that misbehaves on purpose.

mod login;
mod prepared;
mod serve;
mod wire;

use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use openssl::ssl::SslAcceptor;

use super::fault::{Fault, Stage};
use super::link::{Link, Played};
use super::persona::Persona;
use super::seen::Event;
use super::server::{FakeServer, TlsIdentity};

pub use wire::{
    mysql_auth_switch, mysql_error, mysql_frame, mysql_greeting, mysql_ok, mysql_packet,
};

/// The plugin MySQL 8 and later announces.
pub const CACHING_SHA2: &str = "caching_sha2_password";
/// The plugin MariaDB announces.
pub const NATIVE: &str = "mysql_native_password";

/// What a fake MySQL server does to every client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MySqlScript {
    /// Behaves: TLS, the fast path of `caching_sha2_password` with any proof taken, answers to
    /// queries.
    Honest,
    /// Behaves, with `mysql_native_password`.
    HonestNative,
    /// Greets without offering TLS, and demands the password from a client that goes on.
    RefuseTls,
    /// Sends these bytes glued to the greeting, in the same segment. Then behaves.
    Inject(Vec<u8>),
    /// Sends an error packet in place of the greeting, and listens.
    ErrorGreeting {
        /// The server's error number.
        code: u16,
        /// The text, as raw as it is.
        text: String,
    },
    /// Breaks the greeting.
    Greeting(GreetingFault),
    /// Asks the client to switch to this plugin (`mysql_clear_password`, `mysql_old_password`, …)
    /// and takes its answer.
    SwitchTo(String),
    /// Asks the client to switch as servers did before plugins had names: the byte 0xfe alone.
    OldSwitch,
    /// Demands full authentication of `caching_sha2_password`: over TLS that is the password in the
    /// clear.
    FullAuthentication,
    /// The same after the client was asked to switch to that plugin, as servers ask whoever begins with
    /// another one.
    SwitchToFullAuthentication,
    /// Answers every query with a demand for this local file.
    LocalInfile(PathBuf),
    /// Names this Unix socket in `@@socket`.
    NameSocket(PathBuf),
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
        flood: MySqlFlood,
    },
}

/// How a greeting can be wrong. All but the cut one are followed by silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreetingFault {
    /// A whole packet that holds only this many bytes of the greeting.
    Short(usize),
    /// The length is true, but the stream ends after this many bytes of the greeting.
    Cut(usize),
    /// Another sequence number than 0.
    Sequence(u8),
    /// Another length than the true one.
    Length(u32),
    /// Another protocol version than 10.
    Protocol(u8),
}

/// What a fake sends without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MySqlFlood {
    /// One payload in packets of 16 MiB, each continued by the next.
    HugePacket,
    /// Small packets with more data for the plugin.
    AuthData,
    /// Rows of one result.
    Rows,
}

/// A running fake MySQL server.
#[derive(Debug)]
pub struct FakeMySql(FakeServer);

impl FakeMySql {
    /// Starts a fake with the default [`Persona`]. Without an identity it greets without offering
    /// TLS.
    ///
    /// # Errors
    /// When no port is free or the identity does not parse.
    pub fn start(script: MySqlScript, identity: Option<TlsIdentity>) -> io::Result<Self> {
        Self::start_as(Persona::default(), script, identity)
    }

    /// The same, as `persona`.
    ///
    /// # Errors
    /// When no port is free or the identity does not parse.
    pub fn start_as(
        persona: Persona,
        script: MySqlScript,
        identity: Option<TlsIdentity>,
    ) -> io::Result<Self> {
        let acceptor = identity.map(|identity| identity.acceptor()).transpose()?;
        let play = move |link: &mut Link| {
            Act {
                link,
                script: &script,
                persona: &persona,
                acceptor: acceptor.as_ref(),
                sequence: 0,
            }
            .play()
        };
        FakeServer::start(play).map(Self)
    }
}

impl Deref for FakeMySql {
    type Target = FakeServer;

    fn deref(&self) -> &FakeServer {
        &self.0
    }
}

/// The script being played on one connection.
struct Act<'a> {
    link: &'a mut Link,
    script: &'a MySqlScript,
    persona: &'a Persona,
    acceptor: Option<&'a SslAcceptor>,
    /// The number of the next packet to send.
    sequence: u8,
}

impl Act<'_> {
    fn play(&mut self) -> Played {
        self.reach(Stage::Accepted)?;
        self.greet()?;
        self.reach(Stage::Answered)?;
        self.negotiate()?;
        self.link.note(Event::LoginStarted);
        self.reach(Stage::Login)?;
        self.authenticate()?;
        // Noted first, so that a client that has its answer finds the note.
        self.link.note(Event::LoggedIn);
        self.send(&mysql_ok())?;
        self.reach(Stage::LoggedIn)?;
        self.serve()
    }

    /// Plays the fault, if this is its stage.
    fn reach(&mut self, stage: Stage) -> Played {
        match self.script {
            MySqlScript::Break { at, fault } if *at == stage => fault.play(self.link),
            MySqlScript::Flood { at, flood } if *at == stage => self.flood(*flood),
            _ => Ok(()),
        }
    }

    /// Sends one packet with the next number.
    fn send(&mut self, payload: &[u8]) -> Played {
        self.link.send(&mysql_packet(self.sequence, payload))?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Reads one packet; the answer to it carries the number after its own.
    fn read(&mut self) -> Played<Vec<u8>> {
        let (sequence, payload) = wire::read_packet(self.link)?;
        self.sequence = sequence.wrapping_add(1);
        Ok(payload)
    }

    fn flood(&mut self, flood: MySqlFlood) -> Played {
        let first = self.sequence;
        match flood {
            MySqlFlood::HugePacket => self.flood_huge(first),
            MySqlFlood::AuthData => self.flood_packets(first, &[1, 3]),
            MySqlFlood::Rows => {
                let row = [("filler".to_owned(), "x".into())];
                let head = wire::columns(first, &row).bytes;
                self.link.send(&head)?;
                // A count, one column and an end were sent.
                self.flood_packets(first.wrapping_add(3), &wire::row(&row))
            }
        }
    }

    /// Numbers wrap at 256, so a chunk of 256 packets can be sent again and again.
    fn flood_packets(&mut self, first: u8, payload: &[u8]) -> Played {
        let mut packets = wire::Numbered::from(first);
        for _ in 0..256 {
            packets.push(payload);
        }
        self.link.flood(|| packets.bytes.clone())
    }

    /// A packet of the largest length is continued by the next one; 255 pieces of 65,793 bytes make
    /// one up.
    fn flood_huge(&mut self, first: u8) -> Played {
        const PIECES: usize = 255;
        let piece = vec![10; wire::LARGEST / PIECES];
        let mut sequence = first;
        let mut sent = 0;
        self.link.flood(|| {
            let mut chunk = Vec::new();
            if sent % PIECES == 0 {
                chunk = mysql_frame(sequence, 0x00ff_ffff, b"");
                sequence = sequence.wrapping_add(1);
            }
            sent += 1;
            chunk.extend_from_slice(&piece);
            chunk
        })
    }
}
