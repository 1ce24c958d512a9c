//! Prepared statements of a fake MySQL server: described and run, whatever the parameters.

use super::super::link::Played;
use super::super::persona::Cell;
use super::super::seen::Event;
use super::Act;
use super::wire::{Numbered, binary_row, columns, end, mysql_error, mysql_ok, put_columns};

impl Act<'_> {
    /// Answers `COM_STMT_PREPARE`; the statement's number is its place in `statements`, from 1.
    pub(super) fn prepare(&mut self, statements: &mut Vec<String>, query: &str) -> Played {
        self.link.note(Event::Query(query.into()));
        statements.push(query.into());
        let parameters: Vec<_> = query
            .matches('?')
            .map(|mark| (mark.into(), Cell::Null))
            .collect();
        let row = self.look_up(query).unwrap_or_default();

        let mut head = vec![0];
        head.extend_from_slice(&u32::try_from(statements.len()).unwrap_or(0).to_le_bytes());
        for list in [&row, &parameters] {
            head.extend_from_slice(&u16::try_from(list.len()).unwrap_or(0).to_le_bytes());
        }
        head.extend_from_slice(&[0; 3]);

        let mut packets = Numbered::from(self.sequence);
        packets.push(&head);
        for list in [&parameters, &row] {
            if !list.is_empty() {
                put_columns(&mut packets, list);
            }
        }
        Ok(self.link.send(&packets.bytes)?)
    }

    /// Answers `COM_STMT_EXECUTE`.
    pub(super) fn execute(&mut self, statements: &[String], body: &[u8]) -> Played {
        let number = body
            .first_chunk()
            .map_or(0, |number| u32::from_le_bytes(*number));
        let place = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
        let Some(query) = statements.get(place) else {
            return self.send(&mysql_error(1243, Some("HY000"), "no such statement"));
        };
        let Some(row) = self.look_up(query) else {
            return self.send(&mysql_ok());
        };
        let mut packets = columns(self.sequence, &row);
        packets.push(&binary_row(&row));
        packets.push(&end());
        Ok(self.link.send(&packets.bytes)?)
    }
}
