//! What one client did to a fake, kept for the assertions of a test.

/// How far TLS came on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Handshake {
    /// The script never got to it.
    #[default]
    NotReached,
    /// Under way.
    Started,
    /// The client accepted the certificate and finished.
    Completed,
    /// Broken off, with the words of the TLS library.
    Failed(String),
}

/// A step of the protocol that a test may want to forbid or to demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client asked for TLS.
    TlsRequested,
    /// The client named its account (start-up packet or handshake response).
    LoginStarted,
    /// The client sent what stands for a password in the clear, to a fake that asked for it.
    ClearPassword(Vec<u8>),
    /// The client sent a password hashed as the fake asked (MD5, or a MySQL plugin).
    HashedPassword(Vec<u8>),
    /// The client's last message of a SCRAM exchange, proof included.
    ScramProof(String),
    /// The client chose this SCRAM mechanism.
    ScramMechanism(String),
    /// The fake tells the client that it is logged in.
    LoggedIn,
    /// The text of a query.
    Query(String),
    /// One packet of a local file's content.
    FileContent(Vec<u8>),
    /// The client said goodbye in the protocol's own way.
    Goodbye,
}

/// The record of one connection.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Bytes that came outside TLS, the first mebibyte of them. Handshake records of TLS count only
    /// where the script left them unanswered.
    pub plain: Vec<u8>,
    /// Bytes that came inside TLS, decrypted, the first mebibyte of them.
    pub secured: Vec<u8>,
    /// How far TLS came.
    pub handshake: Handshake,
    /// The steps of the protocol, in order.
    pub events: Vec<Event>,
    /// Bytes the fake got rid of after the handshake and before it, not counting TLS's own.
    pub sent: u64,
    /// Whether the script has come to its end, because it was played or because the client left.
    pub ended: bool,
    /// Why the connection broke, where it did.
    pub error: Option<String>,
}

impl Seen {
    /// Whether `needle` arrived, in the clear or inside TLS.
    pub fn contains(&self, needle: &[u8]) -> bool {
        !needle.is_empty()
            && [&self.plain, &self.secured]
                .into_iter()
                .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    }
}
