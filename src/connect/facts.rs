//! What a server says of a session when it is asked: [`SessionFacts`].

/// The answers of one server, in words that both engines share.
pub(crate) struct SessionFacts {
    /// Product and version.
    pub(crate) version: String,
    /// Whether it refuses writes.
    pub(crate) read_only: bool,
    /// Whether it says that the session is encrypted.
    pub(crate) encrypted: bool,
}
