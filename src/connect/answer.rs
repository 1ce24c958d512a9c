//! What a server answers to a question of ours: [`Answer`].

use crate::failure::printable_up_to;

/// One row of an answer: a text for each column, `None` for NULL.
pub(crate) type Row = Vec<Option<String>>;

/// More rows than this are not looked at.
const ROWS: usize = 1000;
/// The longest value that is looked at, in characters. `SHOW GRANTS` of an administrator is some
/// 2,000 long.
const LONGEST: usize = 16 * 1024;
/// All that is kept of one answer, in bytes.
const ROOM: usize = 256 * 1024;

/// The rows of an answer, made safe to print and bounded in number and length: what goes beyond is
/// left out.
#[derive(Debug, Default)]
pub(super) struct Answer {
    rows: Vec<Row>,
    used: usize,
}

impl Answer {
    /// Keeps a row; tells whether there is room for more.
    pub(super) fn take(&mut self, columns: impl Iterator<Item = Option<String>>) -> bool {
        if self.is_full() {
            return false;
        }
        let safe = |text: String| printable_up_to(LONGEST, &text);
        let row: Row = columns.map(|column| column.map(safe)).collect();
        self.used += row.iter().flatten().map(String::len).sum::<usize>();
        self.rows.push(row);
        !self.is_full()
    }

    /// What was kept.
    pub(super) fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.used >= ROOM
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, LONGEST, ROOM, ROWS};

    fn one(text: &str) -> impl Iterator<Item = Option<String>> {
        std::iter::once(Some(text.to_owned()))
    }

    #[test]
    fn rows_are_made_safe_to_print() {
        let mut answer = Answer::default();
        assert!(answer.take([Some("a\u{1b}[2J\n".to_owned()), None].into_iter()));
        let expected = vec![Some("a\\u{1b}[2J\\n".to_owned()), None];
        assert_eq!(answer.into_rows(), [expected]);
    }

    #[test]
    fn flood_of_rows_and_flood_in_a_row_are_cut() {
        let mut many = Answer::default();
        while many.take(one("x")) {}
        assert_eq!(many.into_rows().len(), ROWS);
        let mut long = Answer::default();
        while long.take(one(&"x".repeat(2 * LONGEST))) {}
        let rows = long.into_rows();
        assert_eq!(rows.len(), ROOM.div_ceil(LONGEST));
        let longest = rows
            .iter()
            .flatten()
            .flatten()
            .map(|text| text.chars().count())
            .max();
        assert_eq!(longest, Some(LONGEST + 1));
    }
}
