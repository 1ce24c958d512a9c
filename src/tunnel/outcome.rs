//! How the front of a session ends: with both ends joined, or without.

use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::client::ClientStream;
use super::{mysql, postgres};
use crate::failure::Failure;

/// The way to the server: always TLS.
pub(super) type ServerStream = SslStream<TcpStream>;

/// A session that is logged in. From here on bytes are only moved, but for a MySQL client's first words.
pub(super) struct Joined {
    pub(super) client: ClientStream,
    pub(super) server: ServerStream,
    /// What the client sent ahead, to be passed on first.
    pub(super) to_server: Vec<u8>,
    /// What the server sent ahead, to be passed on first.
    pub(super) to_client: Vec<u8>,
    /// The session's number, where clients are told another than the server's.
    pub(super) numbered: Option<mysql::Numbered>,
    /// Where the session is, for cancel requests; only where they are connections of their own.
    pub(super) keyed: Option<postgres::Keyed>,
}

/// Why there is no session. The client was told, as far as its protocol allows.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client left, said nothing for too long, or said what has no meaning.
    Client(&'static str),
    /// The server cannot be reached, is not to be trusted, or broke the protocol.
    Failed(Failure),
    /// All was said: the server refused the login in its own words, or the one request that the
    /// connection was for has been carried.
    Done(&'static str),
}
