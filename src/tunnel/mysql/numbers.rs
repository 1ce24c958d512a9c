//! The numbers by which clients know their sessions: [`Numbers`].
//!
//! A client is greeted before its session at the server exists, so the number that it is told is the
//! tunnel's own. An interrupted command line client begins another session with `KILL QUERY` and that
//! number: said as the first words of a session, in one piece, it is put into the server's number. A
//! program that asks the server, by `CONNECTION_ID()`, is told the server's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Servers count up from one: a number in this half is none of theirs, so that one which is not
/// translated ends nobody's query.
const OURS: u32 = 1 << 31;

const HEADER: usize = 4;
const COM_QUERY: u8 = 3;
const COM_PROCESS_KILL: u8 = 12;
/// Before a query's text, of clients with query attributes: there are none, in one set.
const NO_ATTRIBUTES: &[u8] = &[0, 1];

/// The sessions of a tunnel, and the server's numbers for them.
#[derive(Default)]
pub(in crate::tunnel) struct Numbers {
    told: AtomicU32,
    sessions: Mutex<HashMap<u32, u32>>,
}

impl Numbers {
    /// The number for the next client.
    pub(super) fn next(&self) -> u32 {
        OURS | self.told.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes the server's number of a session until that is over.
    pub(super) fn enter(self: &Arc<Self>, told: u32, servers: u32) -> Numbered {
        self.lock().insert(told, servers);
        let numbers = Arc::clone(self);
        Numbered { numbers, told }
    }

    fn translate(&self, said: &[u8]) -> Option<Vec<u8>> {
        let (header, payload) = said.split_at_checked(HEADER)?;
        let [low, middle, high, 0] = *header else {
            return None;
        };
        if u32::from_le_bytes([low, middle, high, 0]) as usize != payload.len() {
            return None;
        }
        let payload = match payload.split_first()? {
            (&COM_PROCESS_KILL, number) => {
                let told = u32::from_le_bytes(number.try_into().ok()?);
                let servers = self.servers(told)?.to_le_bytes();
                [&[COM_PROCESS_KILL], servers.as_slice()].concat()
            }
            (&COM_QUERY, query) => {
                let text = query.strip_prefix(NO_ATTRIBUTES).unwrap_or(query);
                let (before, told) = killed(text)?;
                let servers = self.servers(told)?.to_string();
                let attributes = query.strip_suffix(text)?;
                [&[COM_QUERY], attributes, before, servers.as_bytes()].concat()
            }
            _ => return None,
        };
        let [low, middle, high, _] = u32::try_from(payload.len()).ok()?.to_le_bytes();
        Some([&[low, middle, high, 0], payload.as_slice()].concat())
    }

    fn servers(&self, told: u32) -> Option<u32> {
        self.lock().get(&told).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands before the number in a `KILL` statement, and the number.
fn killed(text: &[u8]) -> Option<(&[u8], u32)> {
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
    let start = text.iter().rposition(|byte| !byte.is_ascii_digit())? + 1;
    let (before, number) = text.split_at_checked(start)?;
    let told = str::from_utf8(number).ok()?.parse().ok()?;
    let mut words = before
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let begins = words.next()?.eq_ignore_ascii_case(b"KILL");
    let goes_on = words.all(|word| {
        let known = ["HARD", "SOFT", "CONNECTION", "QUERY"];
        known
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    });
    let apart = before.last().is_some_and(u8::is_ascii_whitespace);
    (begins && goes_on && apart).then_some((before, told))
}

/// A session whose number is known; dropped with it.
pub(in crate::tunnel) struct Numbered {
    numbers: Arc<Numbers>,
    told: u32,
}

impl Numbered {
    /// A session's first words with the server's number in place of the tunnel's, if that is what they
    /// are about.
    pub(in crate::tunnel) fn translate(&self, said: &[u8]) -> Option<Vec<u8>> {
        self.numbers.translate(said)
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.numbers.lock().remove(&self.told);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::{Numbers, OURS};

    fn packet(payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[length, 0, 0, 0], payload].concat()
    }

    #[test]
    fn kill_of_a_session_that_lives_names_the_servers_number() {
        let numbers = Arc::new(Numbers::default());
        let told = [numbers.next(), numbers.next()];
        assert_eq!(told, [OURS, OURS + 1]);
        let session = numbers.enter(told[1], 42);
        for (said, expected) in [
            ("\x03KILL QUERY 2147483649", "\x03KILL QUERY 42"),
            ("\x03kill 2147483649 ;", "\x03kill 42"),
            ("\x03\0\x01KILL QUERY 2147483649", "\x03\0\x01KILL QUERY 42"),
            (
                "\x03KILL HARD CONNECTION\n2147483649;",
                "\x03KILL HARD CONNECTION\n42",
            ),
        ] {
            let translated = session.translate(&packet(said.as_bytes()));
            assert_eq!(translated, Some(packet(expected.as_bytes())), "{said:?}");
        }
        let kill = |number: u32| packet(&[&[12], number.to_le_bytes().as_slice()].concat());
        assert_eq!(session.translate(&kill(told[1])), Some(kill(42)));
        drop(session);
        let other = numbers.enter(told[0], 41);
        assert_eq!(other.translate(&kill(told[1])), None, "it is over");
    }

    #[test]
    fn anything_else_is_left_alone() {
        let numbers = Arc::new(Numbers::default());
        let session = numbers.enter(OURS, 42);
        for said in [
            "",
            "\x03",
            "\x0c",
            "\x0c\0\0\0",
            "\x03KILL",
            "\x03KILL QUERY",
            "\x03KILL QUERY2147483648",
            "\x03KILL QUERY 2147483649",
            "\x03KILL QUERY 99999999999",
            "\x03KILL QUERY 2147483648; SELECT 1",
            "\x03SELECT 2147483648",
            "\x032147483648",
            "\x16KILL QUERY 2147483648",
        ] {
            let packet = packet(said.as_bytes());
            assert_eq!(session.translate(&packet), None, "{said:?}");
        }
        let whole = packet(b"\x03KILL QUERY 2147483648");
        assert!(session.translate(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(session.translate(&whole[..end]), None, "{end}");
        }
        assert_eq!(session.translate(&[&whole[..], &whole[..]].concat()), None);
        let later = [&[whole[0], 0, 0, 1], &whole[4..]].concat();
        assert_eq!(session.translate(&later), None);
    }
}
