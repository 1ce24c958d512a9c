//! A login by a name that no account has, to see whether the server would let anyone try: [`Tried`].
//!
//! No password is ever sent, whatever the server asks for. A PostgreSQL that refuses such a name is
//! asked once more by the name of the settings, since it decides by name and database.

pub(super) mod mysql;
pub(super) mod postgres;

/// What became of the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The server went into it: it asked for a proof, or turned down the name itself. Holds what it
    /// did.
    Entertained(String),
    /// The server takes no login on such a connection.
    Refused,
    /// Neither can be said. Holds what happened.
    Unclear(String),
}

/// A name that no account has, and by which administrators know who knocked.
fn name() -> String {
    format!("wa-db-audit-{:012x}", rand::random::<u64>() >> 16)
}
