//! What is weak about a password, without the password: [`Weakness`].

use crate::settings::Settings;

/// A test that a password fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Weakness {
    /// It is one of those that every attacker tries first.
    Common,
    /// It is the name of the account.
    Name,
    /// It is shorter than eight characters.
    Short,
    /// It has fewer than three of: small letters, capitals, digits, other characters.
    Uniform,
    /// The same, of a password that is long enough for it not to matter much.
    LongUniform,
}

const SHORTEST: usize = 8;
/// As long as that, 20 random digits of base 16 are 80 bits.
const LONG: usize = 20;
const CLASSES: usize = 3;

/// What installers, examples and images come with, and what heads every list of stolen passwords.
const COMMON: [&str; 30] = [
    "testpass",
    "test",
    "testtest",
    "root",
    "toor",
    "admin",
    "administrator",
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "password1",
    "password123",
    "pass",
    "secret",
    "changeme",
    "change_me",
    "default",
    "example",
    "mysql",
    "mariadb",
    "postgres",
    "postgresql",
    "database",
    "webapp",
    "coreapp",
    "123456",
    "12345678",
    "qwerty",
    "letmein",
];

/// What is weak about the password in the settings; nothing where there is none, and where its file
/// cannot be read any more.
pub(in crate::audit) fn look(settings: &Settings) -> Vec<Weakness> {
    match settings.password().read() {
        Ok(Some(password)) => weaknesses(password.expose(), settings.username()),
        Ok(None) | Err(_) => Vec::new(),
    }
}

fn weaknesses(password: &str, username: &str) -> Vec<Weakness> {
    let length = password.chars().count();
    let is_common = COMMON
        .iter()
        .any(|common| common.eq_ignore_ascii_case(password));
    let uniform = classes(password) < CLASSES;
    let tests = [
        (Weakness::Common, is_common),
        (Weakness::Name, password.eq_ignore_ascii_case(username)),
        (Weakness::Short, length < SHORTEST),
        (Weakness::Uniform, uniform && length < LONG),
        (Weakness::LongUniform, uniform && length >= LONG),
    ];
    let failed = tests.into_iter().filter(|(_, failed)| *failed);
    failed.map(|(weakness, _)| weakness).collect()
}

/// How many of the four classes of characters there are.
fn classes(password: &str) -> usize {
    let of: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        char::is_numeric,
        |c| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric(),
    ];
    of.into_iter()
        .filter(|class| password.contains(class))
        .count()
}

#[cfg(test)]
mod tests {
    use super::{Weakness, weaknesses};

    #[test]
    fn password_is_held_against_every_test() {
        use Weakness::{Common, LongUniform, Name, Short, Uniform};
        for (password, expected) in [
            ("Tr0ub4dor&3", &[][..]),
            ("abc1234X", &[]),
            ("abc123X", &[Short]),
            ("hunters2", &[Uniform]),
            ("testpass", &[Common, Uniform]),
            ("TESTPASS", &[Common, Uniform]),
            ("root", &[Common, Short, Uniform]),
            ("Backend-User-1", &[Name]),
            ("backend-user-1", &[Name]),
            ("5f1c0d9e8b7a6f5e4d3c", &[LongUniform]),
            ("ÄÖÜäöü12", &[]),
            ("ééééééé", &[Short, Uniform]),
        ] {
            assert_eq!(
                weaknesses(password, "backend-User-1"),
                expected,
                "{password}"
            );
        }
    }
}
