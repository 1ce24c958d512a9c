//! What a fake PostgreSQL server does for a client that is logged in.

use std::collections::HashMap;

use super::super::fault::Stage;
use super::super::link::{Halt, Played};
use super::super::persona::Cell;
use super::super::seen::Event;
use super::Act;
use super::wire::{complete, cut_text, data, description, postgres_message, read_message};
use super::{postgres_parameter, postgres_ready};

type Row = Vec<(String, Cell)>;

/// The statements and portals of one session, by name.
#[derive(Default)]
struct Session {
    statements: HashMap<String, String>,
    portals: HashMap<String, (String, bool)>,
}

impl Act<'_> {
    /// Opens the session, then answers until the client leaves.
    pub(super) fn serve(&mut self) -> Played {
        let version = self.persona.version.as_deref().unwrap_or("15.18");
        let opening = [
            postgres_parameter("server_version", version),
            postgres_parameter("server_encoding", "UTF8"),
            postgres_parameter("client_encoding", "UTF8"),
            postgres_parameter("standard_conforming_strings", "on"),
            postgres_parameter("in_hot_standby", "off"),
            postgres_parameter("default_transaction_read_only", "off"),
            postgres_message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]),
            postgres_ready(),
        ];
        self.link.send(&opening.concat())?;

        let mut session = Session::default();
        let mut first = true;
        loop {
            let (tag, body) = read_message(self.link)?;
            match tag {
                b'Q' => self.link.note(Event::Query(cut_text(&body).0)),
                b'P' => self.link.note(Event::Query(cut_text(cut_text(&body).1).0)),
                _ => {}
            }
            if std::mem::take(&mut first) && tag != b'X' {
                self.reach(Stage::Ready)?;
            }
            self.answer(&mut session, tag, &body)?;
        }
    }

    fn answer(&mut self, session: &mut Session, tag: u8, body: &[u8]) -> Played {
        let answer = match tag {
            b'Q' => self.simple(&cut_text(body).0),
            b'P' => {
                let (name, rest) = cut_text(body);
                session.statements.insert(name, cut_text(rest).0);
                postgres_message(b'1', b"")
            }
            b'B' => {
                let (portal, rest) = cut_text(body);
                let statement = cut_text(rest).0;
                let query = session
                    .statements
                    .get(&statement)
                    .cloned()
                    .unwrap_or_default();
                // A client that wants binary results says so for all columns in the last two bytes.
                session
                    .portals
                    .insert(portal, (query, body.ends_with(&[0, 1])));
                postgres_message(b'2', b"")
            }
            b'D' => self.describe(session, body),
            b'E' => {
                let portal = session.portals.get(&cut_text(body).0).cloned();
                let (query, binary) = portal.unwrap_or_default();
                match self.look_up(&query) {
                    Some(row) => [data(&row, binary), complete("SELECT 1")].concat(),
                    None => complete(command_tag(&query)),
                }
            }
            b'C' => postgres_message(b'3', b""),
            b'S' => postgres_ready(),
            b'X' => {
                self.link.note(Event::Goodbye);
                return Err(Halt::Over);
            }
            _ => Vec::new(),
        };
        if !answer.is_empty() {
            self.link.send(&answer)?;
        }
        Ok(())
    }

    /// Answers every statement of a simple query.
    fn simple(&self, query: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        for statement in query
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match self.look_up(statement) {
                Some(row) => {
                    answer.extend(description(&row, false));
                    answer.extend(data(&row, false));
                    answer.extend(complete("SELECT 1"));
                }
                None => answer.extend(complete(command_tag(statement))),
            }
        }
        if answer.is_empty() {
            answer = postgres_message(b'I', b"");
        }
        answer.extend(postgres_ready());
        answer
    }

    fn describe(&self, session: &Session, body: &[u8]) -> Vec<u8> {
        let (kind, name) = body.split_first().unwrap_or((&b'S', &[]));
        let name = cut_text(name).0;
        let statement = *kind == b'S';
        let (query, binary) = if statement {
            (
                session.statements.get(&name).cloned().unwrap_or_default(),
                false,
            )
        } else {
            session.portals.get(&name).cloned().unwrap_or_default()
        };
        // No fake statement has parameters.
        let parameters = if statement {
            postgres_message(b't', &[0, 0])
        } else {
            Vec::new()
        };
        let columns = match self.look_up(&query) {
            Some(row) => description(&row, binary),
            None => postgres_message(b'n', b""),
        };
        [parameters, columns].concat()
    }

    fn look_up(&self, query: &str) -> Option<Row> {
        if let Some(row) = self.persona.reply(query) {
            return Some(row.to_vec());
        }
        let one = query
            .trim()
            .trim_end_matches(';')
            .eq_ignore_ascii_case("select 1");
        one.then(|| vec![("?column?".to_owned(), Cell::Int(1))])
    }
}

/// The tag of a command that yields no rows.
fn command_tag(query: &str) -> &'static str {
    let word = query.split_whitespace().next().unwrap_or_default();
    ["BEGIN", "COMMIT", "ROLLBACK", "SET", "RESET", "DISCARD"]
        .into_iter()
        .find(|tag| tag.eq_ignore_ascii_case(word))
        .unwrap_or("SELECT 0")
}
