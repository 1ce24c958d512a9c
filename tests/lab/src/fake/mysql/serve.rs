//! What a fake MySQL server does for a client that is logged in.

use std::path::Path;

use super::super::fault::Stage;
use super::super::link::{Halt, Played};
use super::super::persona::Cell;
use super::super::seen::Event;
use super::wire::{columns, end, mysql_error, mysql_ok, row};
use super::{Act, MySqlScript};

const COM_QUIT: u8 = 0x01;
const COM_INIT_DB: u8 = 0x02;
const COM_QUERY: u8 = 0x03;
const COM_PING: u8 = 0x0e;
const COM_CHANGE_USER: u8 = 0x11;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;
const COM_STMT_CLOSE: u8 = 0x19;
const COM_STMT_RESET: u8 = 0x1a;
const COM_RESET_CONNECTION: u8 = 0x1f;

/// The variables a client may select, besides `@@socket`.
const VARIABLES: [(&str, &str); 9] = [
    ("max_allowed_packet", "67108864"),
    ("wait_timeout", "28800"),
    ("interactive_timeout", "28800"),
    ("version", "8.4.6"),
    ("version_comment", "fake"),
    ("read_only", "0"),
    ("super_read_only", "0"),
    ("innodb_read_only", "0"),
    ("transaction_read_only", "0"),
];

type Row = Vec<(String, Cell)>;

impl Act<'_> {
    /// Answers commands until the client leaves.
    pub(super) fn serve(&mut self) -> Played {
        let mut first = true;
        let mut statements = Vec::new();
        loop {
            let payload = self.read()?;
            let (command, body) = payload.split_first().unwrap_or((&COM_PING, &[]));
            let text = String::from_utf8_lossy(body).into_owned();
            if *command == COM_QUERY {
                self.link.note(Event::Query(text.clone()));
            }
            if *command == COM_QUIT {
                self.link.note(Event::Goodbye);
                return Err(Halt::Over);
            }
            if std::mem::take(&mut first) {
                self.reach(Stage::Ready)?;
            }
            match *command {
                COM_STMT_PREPARE => self.prepare(&mut statements, &text)?,
                COM_STMT_EXECUTE => self.execute(&statements, body)?,
                // A close has no answer.
                COM_STMT_CLOSE => {}
                command => self.answer(command, &text)?,
            }
        }
    }

    fn answer(&mut self, command: u8, text: &str) -> Played {
        match command {
            COM_QUERY => match self.script {
                MySqlScript::LocalInfile(path) => self.demand_file(path),
                _ => self.answer_query(text),
            },
            COM_PING | COM_INIT_DB | COM_CHANGE_USER | COM_STMT_RESET | COM_RESET_CONNECTION => {
                self.send(&mysql_ok())
            }
            _ => self.send(&mysql_error(
                1047,
                Some("08S01"),
                "the fake does not know this command",
            )),
        }
    }

    fn answer_query(&mut self, query: &str) -> Played {
        let Some(answer) = self.look_up(query) else {
            return self.send(&mysql_ok());
        };
        let mut packets = columns(self.sequence, &answer);
        packets.push(&row(&answer));
        packets.push(&end());
        Ok(self.link.send(&packets.bytes)?)
    }

    /// The reply the caller gave, else a `SELECT` of numbers and variables, item by item.
    pub(super) fn look_up(&self, query: &str) -> Option<Row> {
        if let Some(row) = self.persona.reply(query) {
            return Some(row.to_vec());
        }
        let query = query.trim().trim_end_matches(';').to_lowercase();
        let items = query.strip_prefix("select ")?;
        if items.contains(" from ") {
            return None;
        }
        Some(
            items
                .split(',')
                .map(|item| self.evaluate(item.trim()))
                .collect(),
        )
    }

    fn evaluate(&self, item: &str) -> (String, Cell) {
        let (expression, name) = item.split_once(" as ").unwrap_or((item, item));
        let variable = expression.trim().trim_start_matches("@@");
        let variable = variable
            .trim_start_matches("global.")
            .trim_start_matches("session.");
        let value = match (expression.trim().parse(), self.script) {
            (Ok(number), _) => Cell::Int(number),
            (Err(_), MySqlScript::NameSocket(path)) if variable == "socket" => {
                Cell::Text(path.to_string_lossy().into_owned())
            }
            _ => VARIABLES
                .iter()
                .find(|(known, _)| *known == variable)
                .map_or(Cell::Null, |(_, value)| (*value).into()),
        };
        (name.trim().to_owned(), value)
    }

    /// Asks for a file and takes what comes, up to the empty packet that ends it.
    fn demand_file(&mut self, path: &Path) -> Played {
        let demand = [&[0xfb], path.to_string_lossy().as_bytes()].concat();
        self.send(&demand)?;
        loop {
            let content = self.read()?;
            if content.is_empty() {
                return self.send(&mysql_ok());
            }
            self.link.note(Event::FileContent(content));
        }
    }
}
