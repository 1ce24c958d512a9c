//! The small types that [`Settings`](super::Settings) is made of.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::fault::Fault;
use super::secret_file::SecretFile;
use super::{small_file, variables};
use crate::secret::Secret;

/// Which of the two services the connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The web application. `WA_DB_SSL_VERIFY` counts for it.
    Webapp,
    /// The core service. `WA_DB_CONNECTION_OPTION` counts for it; it always verifies unless that
    /// string asked otherwise.
    Coreapp,
}

impl Role {
    /// The role's name as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webapp => "webapp",
            Self::Coreapp => "coreapp",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the account's password comes from.
#[derive(Clone, Debug)]
pub enum PasswordSource {
    /// No password is set.
    None,
    /// `WA_DB_PASSWORD`.
    Inline(Secret),
    /// `WA_DB_PASSWORD_FILE`: read again for each new connection, and decrypted if need be.
    File(SecretFile),
}

impl PasswordSource {
    /// The variable to change for another password: the one in use, or that to set.
    pub(crate) fn variable(&self) -> &'static str {
        match self {
            Self::None | Self::Inline(_) => variables::PASSWORD,
            Self::File(_) => variables::PASSWORD_FILE,
        }
    }

    /// The password as it is now; `None` when none is set. A file is read again each time; where that
    /// fails, a connector takes what it last read.
    ///
    /// # Errors
    /// Those of [`SecretFile::read`]; `file_unreadable` when the file is empty or holds a NUL
    /// character.
    pub fn read(&self) -> Result<Option<Secret>, Fault> {
        match self {
            Self::None => Ok(None),
            Self::Inline(password) => Ok(Some(password.clone())),
            Self::File(file) => file.or_kept(Self::of_file(file)).map(Some),
        }
    }

    /// A server refused the password: one that was only kept of its file is not tried again.
    pub(crate) fn refused(&self) {
        if let Self::File(file) = self {
            file.refused();
        }
    }

    fn of_file(file: &SecretFile) -> Result<Secret, Fault> {
        let password = file.read()?;
        let useless = |what: &str, hint: &str| {
            let variable = variables::PASSWORD_FILE;
            Err(small_file::useless(variable, file.path(), what, hint))
        };
        if password.is_empty() {
            let hint = "write the password into it, or unset the variable";
            return useless("is empty", hint);
        }
        if password.expose().contains('\0') {
            let hint = "check that the path is the right one";
            return useless("holds a NUL character", hint);
        }
        Ok(password)
    }
}

/// `WA_DB_CHANNEL_BINDING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelBinding {
    /// Bind where the server offers it.
    Prefer,
    /// Fail where it does not.
    Require,
}

impl ChannelBinding {
    /// The word as it stands in the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }
}

impl fmt::Display for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `WA_DB_TARGET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSession {
    /// The first server that answers.
    Any,
    /// The first that accepts writes.
    ReadWrite,
    /// The first that does not.
    ReadOnly,
}

impl TargetSession {
    /// The word as it stands in the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
        }
    }
}

impl fmt::Display for TargetSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `WA_DB_POOL_*`.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Connections at most.
    pub max_size: usize,
    /// Connections kept ready.
    pub min_idle: usize,
    /// How long a checkout may wait for a connection.
    pub wait_timeout: Duration,
    /// How old a connection may grow, before the ±10 % of jitter.
    pub max_lifetime: Duration,
    /// What is done before a connection is handed on.
    pub recycle: Recycle,
    /// `WA_DB_PERSISTENT`: whether idle connections are kept at all.
    pub keep_idle: bool,
}

/// `WA_DB_POOL_RECYCLE`: what is done before a connection is handed on. In all of them an open
/// transaction is rolled back first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recycle {
    /// Only what is known without asking the server.
    Fast,
    /// A round trip proves that it still answers.
    Verified,
    /// The session's state is reset too; prepared statements are lost.
    Clean,
}

impl Recycle {
    /// The word as it stands in the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Verified => "verified",
            Self::Clean => "clean",
        }
    }
}

impl fmt::Display for Recycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::code::ErrorCode;

    fn source(content: &[u8]) -> (tempfile::TempDir, PasswordSource) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        fs::write(&file, content).unwrap();
        (dir, PasswordSource::File(SecretFile::password(file, None)))
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_the_password() {
        for (content, expected) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            ("hunter2\n\n", "hunter2\n"),
            ("hunter2\r", "hunter2\r"),
            (" hünter 2 ", " hünter 2 "),
        ] {
            let (_dir, source) = source(content.as_bytes());
            assert_eq!(
                source.read().unwrap().unwrap().expose(),
                expected,
                "{content:?}"
            );
        }
    }

    #[test]
    fn a_password_file_that_cannot_be_used_is_a_fault() {
        let large = vec![b'x'; 64 * 1024 + 1];
        for content in [
            &b""[..],
            b"\n",
            b"\r\n",
            b"hunter2\0",
            b"hunter2\xff",
            &large,
        ] {
            let (_dir, source) = source(content);
            let fault = source.read().unwrap_err();
            assert_eq!(fault.code, ErrorCode::FileUnreadable);
            assert_eq!(fault.variable, "WA_DB_PASSWORD_FILE");
            assert!(!fault.message.contains("hunter2"));
        }
        let (dir, _) = source(b"");
        let at = |path| PasswordSource::File(SecretFile::password(path, None));
        let missing = at(dir.path().join("none")).read().unwrap_err();
        assert_eq!(missing.code, ErrorCode::FileMissing);
        let directory = at(dir.path().to_owned()).read().unwrap_err();
        assert_eq!(directory.code, ErrorCode::FileUnreadable);
    }

    #[test]
    fn a_replaced_password_file_is_read_again() {
        let (_dir, source) = source(b"old");
        assert_eq!(source.read().unwrap().unwrap().expose(), "old");
        let PasswordSource::File(file) = &source else {
            unreachable!()
        };
        fs::write(file.path(), "new").unwrap();
        assert_eq!(source.read().unwrap().unwrap().expose(), "new");
    }
}
