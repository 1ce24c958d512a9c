//! One side of a login, packet by packet: [`Channel`].

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// The bytes before each payload: its length and its number.
const HEADER: usize = 4;
/// The room that is made for a packet's first bytes: most are shorter.
const ROOM: usize = 1024;

/// A stream on which packets are numbered, each one higher than the last, whoever sends it.
///
/// Nothing is read ahead: what follows a packet stays in the stream. Any packet may hold a password,
/// so all of them are wiped after use.
pub(crate) struct Channel<S> {
    stream: S,
    next: u8,
    /// A packet that has not come whole yet.
    partial: Zeroizing<Vec<u8>>,
}

/// Why there is no packet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The stream ended or failed.
    #[error("the connection was closed")]
    Closed(#[source] io::Error),
    /// It is not the one whose turn it is.
    #[error("packet {found} came where packet {expected} was due")]
    OutOfTurn { expected: u8, found: u8 },
    /// It is longer than any packet of its kind.
    #[error("a packet of {0} bytes came, which is longer than any of its kind")]
    TooLong(usize),
}

impl<S> Channel<S> {
    /// A conversation that begins.
    pub(crate) fn new(stream: S) -> Self {
        Self::going_on(stream, 0)
    }

    /// A conversation that goes on with this number.
    pub(crate) fn going_on(stream: S, next: u8) -> Self {
        Self {
            stream,
            next,
            partial: Zeroizing::default(),
        }
    }

    /// The stream, for what is no packet.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, once packets have been read as a whole.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Channel<S> {
    /// Reads one payload of at most `limit` bytes.
    ///
    /// # Cancel Safety
    /// What was read of a packet is kept for the next call.
    pub(crate) async fn read(&mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, Broken> {
        self.fill(HEADER).await?;
        let (Some([low, middle, high, found]), expected) = (self.partial.first_chunk(), self.next)
        else {
            return Err(Broken::Closed(io::ErrorKind::UnexpectedEof.into()));
        };
        let length = usize::from(*low) | usize::from(*middle) << 8 | usize::from(*high) << 16;
        if *found != expected {
            let found = *found;
            return Err(Broken::OutOfTurn { expected, found });
        }
        if length > limit {
            return Err(Broken::TooLong(length));
        }
        self.fill(HEADER + length).await?;
        self.next = expected.wrapping_add(1);
        let payload = self.partial.get(HEADER..).unwrap_or_default().to_vec();
        self.partial = Zeroizing::default();
        Ok(Zeroizing::new(payload))
    }

    /// Reads until the packet has this many bytes, and none beyond them.
    async fn fill(&mut self, length: usize) -> Result<(), Broken> {
        while self.partial.len() < length {
            self.make_room(length);
            let missing = length - self.partial.len();
            let room = missing.min(self.partial.capacity() - self.partial.len());
            let mut rest = (&mut self.stream).take(room as u64);
            match rest.read_buf(&mut *self.partial).await {
                Ok(0) => return Err(Broken::Closed(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(Broken::Closed(error)),
            }
        }
        Ok(())
    }

    /// Makes room for more where there is none, but not on the header's word alone: the room grows with
    /// what has come. A vector that grows by itself would leave its bytes behind.
    fn make_room(&mut self, length: usize) {
        let filled = self.partial.len();
        if filled < self.partial.capacity() {
            return;
        }
        let room = length.min((2 * filled).max(ROOM));
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(&self.partial);
        self.partial = larger;
    }
}

impl<S: AsyncWrite + Unpin> Channel<S> {
    /// Sends one payload, in one piece.
    ///
    /// # Errors
    /// Those of the stream, and a payload that would need a second packet.
    pub(crate) async fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let [low, middle, high, 0] = length.to_le_bytes() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if payload.len() >= 0x00ff_ffff {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut packet = Zeroizing::new(Vec::with_capacity(4 + payload.len()));
        packet.extend([low, middle, high, self.next]);
        packet.extend_from_slice(payload);
        self.next = self.next.wrapping_add(1);
        self.stream.write_all(&packet).await?;
        self.stream.flush().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use tokio::io::AsyncWriteExt;

    use super::{Broken, Channel};

    #[tokio::test]
    async fn packets_are_numbered_through_and_read_one_at_a_time() {
        let (near, far) = tokio::io::duplex(100);
        let (mut near, mut far) = (Channel::new(near), Channel::new(far));
        near.write(b"greeting").await.unwrap();
        assert_eq!(**far.read(8).await.unwrap(), *b"greeting");
        far.write(b"").await.unwrap();
        far.write(b"more").await.unwrap();
        assert!(near.read(8).await.unwrap().is_empty());
        assert_eq!(**near.read(8).await.unwrap(), *b"more");
        assert_eq!((near.next, far.next), (3, 3));
    }

    #[tokio::test]
    async fn every_prefix_of_a_packet_is_incomplete() {
        let packet = [3, 0, 0, 0, 1, 2, 3];
        for end in 0..packet.len() {
            let broken = Channel::new(&packet[..end]).read(8).await.unwrap_err();
            assert!(matches!(broken, Broken::Closed(_)), "{end}: {broken:?}");
        }
        let whole = Channel::new(&packet[..]).read(8).await.unwrap();
        assert_eq!(**whole, [1, 2, 3]);
    }

    #[tokio::test]
    async fn room_is_made_for_what_has_come_not_for_what_was_announced() {
        const LENGTH: usize = 100_000;
        let (near, mut far) = tokio::io::duplex(2 * LENGTH);
        let mut near = Channel::new(near);
        let body: Vec<u8> = (0..=u8::MAX).cycle().take(LENGTH).collect();
        let header = u32::try_from(LENGTH).unwrap().to_le_bytes();
        far.write_all(&header).await.unwrap();
        far.write_all(&body[..10]).await.unwrap();
        let waiting = tokio::time::timeout(Duration::ZERO, near.read(LENGTH)).await;
        assert!(waiting.is_err(), "{waiting:?}");
        assert_eq!(near.partial.len(), 14);
        assert!(near.partial.capacity() < 4096);
        far.write_all(&body[10..]).await.unwrap();
        far.write_all(&[1, 0, 0, 1, 7]).await.unwrap();
        assert!(**near.read(LENGTH).await.unwrap() == *body);
        assert_eq!(**near.read(LENGTH).await.unwrap(), [7]);
    }

    #[tokio::test]
    async fn a_read_that_is_given_up_loses_nothing() {
        let (near, mut far) = tokio::io::duplex(100);
        let mut near = Channel::new(near);
        for byte in [2, 0, 0, 0, 7] {
            far.write_all(&[byte]).await.unwrap();
            let given_up = tokio::time::timeout(Duration::ZERO, near.read(8)).await;
            assert!(given_up.is_err(), "{given_up:?}");
        }
        far.write_all(&[8, 1]).await.unwrap();
        assert_eq!(**near.read(8).await.unwrap(), [7, 8]);
    }

    #[tokio::test]
    async fn packets_too_long_or_out_of_turn_are_refused_before_their_payload_is_read() {
        let too_long = Channel::new(&[9, 0, 0, 0][..]).read(8).await;
        assert!(matches!(too_long, Err(Broken::TooLong(9))), "{too_long:?}");
        let continued = Channel::new(&[0xff, 0xff, 0xff, 0][..]).read(8).await;
        assert!(matches!(continued, Err(Broken::TooLong(0x00ff_ffff))));
        let other = Channel::new(&[1, 0, 0, 7, 0][..]).read(8).await;
        let due = Broken::OutOfTurn {
            expected: 0,
            found: 7,
        };
        assert_eq!(other.unwrap_err().to_string(), due.to_string());
    }
}
