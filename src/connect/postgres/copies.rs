//! Which Sync messages a PostgreSQL server never answers: those that it meets in the middle of a
//! `COPY … FROM STDIN`.

/// Follows the copies of one session.
///
/// The driver sends `Execute` and `Sync` at once, and a second `Sync` behind `CopyDone` or
/// `CopyFail`. A server that waits for data ignores the first ("COPY Operations" of the protocol's
/// description), so that one `ReadyForQuery` answers both.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// The server waits for data, and the driver has not ended it.
    open: u64,
    /// The driver has ended it before the server said that it waits for data.
    ended_ahead: u64,
    /// `CopyDone` or `CopyFail` was the last that the driver sent.
    ending: bool,
}

impl Copies {
    /// The server waits for data. Whether one more Sync was sent than will be answered.
    pub(super) fn begin(&mut self) -> bool {
        if self.ended_ahead > 0 {
            self.ended_ahead -= 1;
            return true;
        }
        self.open += 1;
        false
    }

    /// The driver sends a message with this tag. Whether one more answer is to come: while the
    /// server waits for data, the Sync before stands for the one that ends it.
    pub(super) fn is_to_be_answered(&mut self, tag: u8) -> bool {
        let ending = std::mem::replace(&mut self.ending, matches!(tag, b'c' | b'f'));
        match tag {
            // Query and FunctionCall.
            b'Q' | b'F' => true,
            b'S' if ending && self.open > 0 => {
                self.open -= 1;
                false
            }
            b'S' => {
                self.ended_ahead += u64::from(ending);
                true
            }
            _ => false,
        }
    }

    /// The server is ready. Whether one more answer is to come: it gave up a copy without having
    /// met the first Sync, so that it answers both.
    pub(super) fn ready(&mut self, all_answered: bool) -> bool {
        if all_answered {
            self.ended_ahead = 0;
        }
        self.open > 0
    }
}
