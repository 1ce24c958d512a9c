//! What a fake pretends to be once a client is logged in.

/// The password every fake takes for its own unless told otherwise.
pub const FAKE_PASSWORD: &str = "fake-password-3f9c";

/// A value in a fake's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A 32-bit number.
    Int(i32),
    /// A boolean; 1 or 0 for MySQL.
    Bool(bool),
    /// SQL's NULL.
    Null,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// One row for every query that holds a piece of text.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The piece of text, compared without case.
    pub needle: String,
    /// Column names and values.
    pub row: Vec<(String, Cell)>,
}

impl Reply {
    /// Answers every query that contains `needle` with the one row `row`.
    pub fn row<const N: usize>(needle: &str, row: [(&str, Cell); N]) -> Self {
        Self {
            needle: needle.to_lowercase(),
            row: row.map(|(name, cell)| (name.to_owned(), cell)).into(),
        }
    }
}

/// What a fake pretends to be: its password, its version and its answers.
///
/// # Defaults
/// [`FAKE_PASSWORD`], no replies, a recent version of the protocol's own server.
#[derive(Clone, Debug)]
pub struct Persona {
    /// The password with which the fake proves itself (SCRAM); what the client sends is taken
    /// unseen.
    pub password: String,
    /// The version in the greeting (MySQL) or in the parameters (PostgreSQL).
    pub version: Option<String>,
    /// Looked up in order before the built-in answers: `SELECT 1`, and MySQL's `@@variables`. Any
    /// other query yields no rows.
    pub replies: Vec<Reply>,
}

impl Default for Persona {
    fn default() -> Self {
        Self {
            password: FAKE_PASSWORD.into(),
            version: None,
            replies: Vec::new(),
        }
    }
}

impl Persona {
    /// A PostgreSQL server that tells `check` what it wants to hear about the session: version,
    /// not read-only, encrypted.
    pub fn healthy_postgres() -> Self {
        let facts = [
            ("version", "15.18".into()),
            ("read_only", "false".into()),
            ("encrypted", "true".into()),
        ];
        Self {
            replies: vec![
                Reply::row("pg_stat_ssl", facts),
                Reply::row("pg_is_in_recovery", [("read_only", "false".into())]),
            ],
            ..Self::default()
        }
    }

    /// The same for MySQL.
    pub fn healthy_mysql() -> Self {
        let pair =
            |name: &str, value: &str| [("Variable_name", name.into()), ("Value", value.into())];
        Self {
            replies: vec![
                Reply::row("version()", [("version()", "8.4.6".into())]),
                Reply::row("ssl_cipher", pair("Ssl_cipher", "TLS_AES_256_GCM_SHA384")),
                Reply::row("show global variables", pair("read_only", "OFF")),
            ],
            ..Self::default()
        }
    }

    /// The caller's answer to `query`, if there is one.
    pub(crate) fn reply(&self, query: &str) -> Option<&[(String, Cell)]> {
        let query = query.to_lowercase();
        self.replies
            .iter()
            .find(|reply| query.contains(&reply.needle.to_lowercase()))
            .map(|reply| reply.row.as_slice())
    }
}
