//! Secrets encrypted by the programs that users have: `age` and `age-keygen`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::run::finish;

/// None of it takes longer on a machine that works.
const LIMIT: Duration = Duration::from_secs(30);

/// An identity that `age-keygen` made.
#[derive(Clone, Debug)]
pub struct Identity {
    file: String,
    recipient: String,
}

/// How a file looks that `age` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it comes.
    Binary,
    /// Text, by `--armor`.
    Armored,
}

impl Identity {
    /// A new one.
    pub fn generate() -> Self {
        let file = run(&mut Command::new("age-keygen"), "");
        let recipient = run(Command::new("age-keygen").arg("-y"), &file);
        Self {
            file,
            recipient: recipient.trim().to_owned(),
        }
    }

    /// The identity file, comments included.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line of the file that is the secret.
    pub fn secret(&self) -> &str {
        let mut lines = self.file.lines();
        let secret = lines.find(|line| !line.starts_with('#'));
        secret.expect("age-keygen writes the identity on a line of its own")
    }
}

/// What `age` makes of a secret for these identities.
pub fn encrypt(form: Form, identities: &[&Identity], secret: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let sealed = directory.path().join("sealed");
    let mut command = Command::new("age");
    command.arg("--output").arg(&sealed);
    if form == Form::Armored {
        command.arg("--armor");
    }
    for identity in identities {
        command.args(["--recipient", &identity.recipient]);
    }
    run(&mut command, secret);
    fs::read(sealed).expect("age wrote it")
}

fn run(command: &mut Command, input: &str) -> String {
    let finished = finish(command, input, LIMIT);
    let finished = finished.unwrap_or_else(|error| panic!("{error}; run tests/lab/install.sh"));
    assert_eq!(finished.code, Some(0), "{command:?}: {}", finished.stderr);
    finished.stdout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_encrypts_the_program_opens_for_each_recipient_alone() {
        let [one, two, other] = [(); 3].map(|()| Identity::generate());
        assert!(one.secret().starts_with("AGE-SECRET-KEY-1"));
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (form, begin) in [
            (Form::Binary, "age-encryption.org/v1\n"),
            (Form::Armored, "-----BEGIN AGE ENCRYPTED FILE-----\n"),
        ] {
            let sealed = encrypt(form, &[&one, &two], "a secret");
            assert!(sealed.starts_with(begin.as_bytes()), "{form:?}");
            fs::write(at("sealed"), sealed).unwrap();
            for (identity, code) in [(&one, 0), (&two, 0), (&other, 1)] {
                fs::write(at("identity"), identity.file()).unwrap();
                let mut open = Command::new("age");
                open.args(["--decrypt", "--identity"]);
                let opened = finish(open.arg(at("identity")).arg(at("sealed")), "", LIMIT).unwrap();
                assert_eq!(opened.code, Some(code), "{form:?}: {}", opened.stderr);
                assert_eq!(opened.stdout == "a secret", code == 0);
            }
        }
    }
}
