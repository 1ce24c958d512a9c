//! Authentication as a fake PostgreSQL server does it.

use std::io;

use super::super::link::Played;
use super::super::seen::Event;
use super::scram::{Exchange, spoil};
use super::wire::{cut_text, postgres_authentication, postgres_error, read_message};
use super::{Act, PostgresScript, ScramFault};

const OK: u32 = 0;
const CLEAR: u32 = 3;
const MD5: u32 = 5;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// What PostgreSQL uses unless configured otherwise.
const ITERATIONS: u64 = 4096;

impl Act<'_> {
    /// Asks for a password in the script's way, and says that it is right.
    pub(super) fn authenticate(&mut self) -> Played {
        match self.script {
            PostgresScript::Trust => {}
            PostgresScript::AskClearPassword => self.ask_clear()?,
            PostgresScript::AskMd5Password => {
                self.send_authentication(MD5, b"salt")?;
                let password = self.read_password()?;
                self.link.note(Event::HashedPassword(password));
            }
            PostgresScript::Scram(fault) => self.ask_scram(Some(fault))?,
            _ if self.link.is_secured() => self.ask_scram(None)?,
            // Whoever goes on without TLS is tempted as far as it goes.
            _ => self.ask_clear()?,
        }
        // Noted first, so that a client that has its answer finds the note.
        self.link.note(Event::LoggedIn);
        self.send_authentication(OK, b"")
    }

    fn ask_clear(&mut self) -> Played {
        self.send_authentication(CLEAR, b"")?;
        let password = self.read_password()?;
        self.link.note(Event::ClearPassword(password));
        Ok(())
    }

    fn ask_scram(&mut self, fault: Option<&ScramFault>) -> Played {
        let mechanisms: &[u8] = match fault {
            Some(ScramFault::UnknownMechanism) => b"SCRAM-FAKE-1\0\0",
            Some(ScramFault::PlusStripped) => b"SCRAM-SHA-256\0\0",
            _ if self.link.is_secured() => b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
            _ => b"SCRAM-SHA-256\0\0",
        };
        self.send_authentication(SASL, mechanisms)?;
        let initial = self.read_answer()?;
        let (mechanism, rest) = cut_text(&initial);
        self.link.note(Event::ScramMechanism(mechanism));
        if fault == Some(&ScramFault::OkAfterFirst) {
            return Ok(());
        }
        let client_first = text(rest.get(4..).unwrap_or_default());
        let iterations = match fault {
            Some(ScramFault::Iterations(iterations)) => *iterations,
            _ => ITERATIONS,
        };
        let foreign = fault == Some(&ScramFault::ForeignNonce);
        let exchange = Exchange::open(&client_first, iterations, foreign)?;
        self.send_authentication(SASL_CONTINUE, exchange.server_first().as_bytes())?;

        let client_final = text(&self.read_answer()?);
        self.link.note(Event::ScramProof(client_final.clone()));
        let honest = exchange.server_final(&self.persona.password, &client_final)?;
        let server_final = match fault {
            Some(ScramFault::OkWithoutProof) => return Ok(()),
            Some(ScramFault::WrongProof) => spoil(&honest)?,
            Some(ScramFault::ErrorProof(error)) => format!("e={error}"),
            _ => honest,
        };
        self.send_authentication(SASL_FINAL, server_final.as_bytes())
    }

    fn send_authentication(&mut self, kind: u32, data: &[u8]) -> Played {
        Ok(self.link.send(&postgres_authentication(kind, data))?)
    }

    fn read_password(&mut self) -> io::Result<Vec<u8>> {
        let mut password = self.read_answer()?;
        // The password ends in a zero byte.
        password.pop();
        Ok(password)
    }

    /// Reads a message of type `p`; any other ends the connection.
    fn read_answer(&mut self) -> io::Result<Vec<u8>> {
        match read_message(self.link)? {
            (b'p', body) => Ok(body),
            (tag, _) => {
                self.link
                    .send(&postgres_error("08P01", "a password was expected"))?;
                Err(io::Error::other(format!(
                    "message {tag:#04x} in place of a password"
                )))
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
