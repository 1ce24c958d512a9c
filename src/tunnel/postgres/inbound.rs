//! The server's messages before the session is ready, whole and bounded: [`Inbound`].

use crate::connect::Refused;

/// Tag and length.
const HEADER: usize = 5;
/// What one message may hold. The longest is an error with its details.
const MESSAGE_LIMIT: usize = 64 * 1024;
/// All that a server may send before it is ready. PostgreSQL 15 sends about 500 bytes.
const ALLOWANCE: usize = 256 * 1024;

/// What has come from the server and has not been taken yet.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    bytes: Vec<u8>,
    taken: usize,
    received: usize,
}

/// One message, its header included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn tag(&self) -> u8 {
        self.0.first().copied().unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.0.get(HEADER..).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Inbound {
    /// Adds what was read.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it has come whole.
    ///
    /// # Errors
    /// It is longer than it may be, or the server has sent more than it may before it is ready.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Refused> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some([_, a, b, c, d]) = rest.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        // The length counts itself, but not the tag.
        let whole = usize::try_from(length).map_or(usize::MAX, |length| length.saturating_add(1));
        if whole < HEADER {
            return Err(Refused::Flood("a message with an impossible length"));
        }
        if whole > MESSAGE_LIMIT {
            return Err(Refused::Flood("a message of more than 64 KiB"));
        }
        let Some(message) = rest.get(..whole) else {
            return Ok(None);
        };
        if self.received - (rest.len() - whole) > ALLOWANCE {
            return Err(Refused::Flood("more than 256 KiB"));
        }
        let message = Message(message.to_vec());
        self.taken += whole;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
        Ok(Some(message))
    }

    /// What came behind the last message that was taken.
    pub(super) fn rest(mut self) -> Vec<u8> {
        self.bytes.split_off(self.taken)
    }
}

/// A message as it stands on the wire.
pub(super) fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    // Bodies here are far below the length's limit.
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn messages_are_found_wherever_the_bytes_are_cut() {
        let sent = [
            frame(b'R', b"\0\0\0\0"),
            frame(b'1', b""),
            frame(b'S', &[7; 300]),
            b"Z\0".to_vec(),
        ];
        let stream = sent.concat();
        for cut in 1..stream.len() {
            let (mut inbound, mut found) = (Inbound::default(), Vec::new());
            for bytes in [&stream[..cut], &stream[cut..]] {
                inbound.add(bytes);
                while let Some(message) = inbound.next().unwrap() {
                    found.push(message.bytes().to_vec());
                }
            }
            assert_eq!(found, sent[..3], "cut at {cut}");
            assert_eq!(inbound.rest(), b"Z\0");
        }
    }

    #[test]
    fn lengths_that_cannot_be_or_must_not_be_are_refused() {
        for header in [
            *b"R\0\0\0\x03",
            *b"R\0\0\0\0",
            *b"N\x7f\xff\xff\xff",
            *b"N\0\x01\0\0",
            *b"HTTP/",
        ] {
            let mut inbound = Inbound::default();
            inbound.add(&header);
            assert!(inbound.next().is_err(), "{header:?}");
        }
    }

    #[test]
    fn endless_notices_end() {
        let mut inbound = Inbound::default();
        let notice = frame(b'N', &[1; 1000]);
        let refused = (0..1000).find_map(|_| {
            inbound.add(&notice);
            inbound.next().err()
        });
        assert_eq!(refused, Some(Refused::Flood("more than 256 KiB")));
    }
}
