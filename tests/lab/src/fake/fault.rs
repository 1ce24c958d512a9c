//! What can go wrong at any stage of a connection, whatever the protocol.

use super::link::{Link, Played};

/// How far a fake behaves before its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The connection is accepted; nothing was read or sent.
    Accepted,
    /// `S` (PostgreSQL) or the greeting (MySQL) is sent.
    Answered,
    /// The client's first TLS record is read and not answered.
    Hello,
    /// The TLS handshake is done; nothing was read inside it.
    Secured,
    /// The start-up packet or the handshake response is read and not answered.
    Login,
    /// The client is told that its login is good; PostgreSQL's `ReadyForQuery` is not sent.
    LoggedIn,
    /// The first query is read and not answered.
    Ready,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Answered,
        Self::Hello,
        Self::Secured,
        Self::Login,
        Self::LoggedIn,
        Self::Ready,
    ];
}

/// What a fake does once its stage is reached. All but the reset and the close then listen until
/// the client leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Says nothing more.
    Silence,
    /// Resets the TCP connection.
    Reset,
    /// Closes the TCP connection in order, without TLS's goodbye.
    Close,
    /// Answers as a web server would.
    HttpBanner,
    /// Sends four kilobytes of noise, the same for the same seed.
    Random {
        /// Where the noise starts.
        seed: u64,
    },
    /// Sends these bytes: wrong lengths, wrong sequence numbers, whatever the test writes.
    Raw(Vec<u8>),
}

impl Fault {
    pub(crate) fn play(&self, link: &mut Link) -> Played {
        match self {
            Self::Silence => {}
            Self::Reset => return link.reset(),
            Self::Close => return link.finish(),
            Self::HttpBanner => link.send(HTTP)?,
            Self::Random { seed } => link.send(&noise(*seed, 4096))?,
            Self::Raw(bytes) => link.send(bytes)?,
        }
        link.hold()
    }
}

const HTTP: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\
    Connection: close\r\n\r\nbad request";

/// Marsaglia's 64-bit xorshift: reproducible, and nothing hangs on its quality.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}
