//! Moves bytes between a client and its server until both are done: [`run`].
//!
//! Nothing is looked into, but the first chunk of a MySQL client. A chunk is read into a buffer that all sessions of a thread share and
//! written on at once; only what the other side does not take is kept, and nothing more is read before
//! that is gone. So a silent session holds no buffer, and a slow reader slows its writer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use metrics::Counter;
use openssl::ssl::ErrorCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, timeout};

use super::client::{self, ClientStream};
use super::meters::Meters;
use super::mysql::Numbered;
use super::outcome::{Joined, ServerStream};

/// Four records of TLS: larger chunks are not faster.
const CHUNK: usize = 64 * 1024;
/// How many chunks one session moves in one direction before others have their turn.
const TURNS: usize = 16;
/// How long a client may go on once its server has ended the session: it has nobody to talk to.
const LINGER: Duration = Duration::from_secs(30);
/// How long it may still speak where the server went without a goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

thread_local! {
    static CHUNKS: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Both sides said that they were done.
    Ended,
    /// The server ended the session and the client did not follow.
    Abandoned,
    /// The server's stream ended without its goodbye, and so did the client's.
    Cut,
    /// One side broke off; the other was told by a reset.
    Broken,
}

/// Moves bytes until both sides are done or one breaks off.
pub(super) async fn run(joined: Joined, meters: &Meters) -> Over {
    let Joined {
        mut client,
        mut server,
        to_server,
        to_client,
        numbered,
        keyed: _keyed,
    } = joined;
    let mut up = Direction::new(to_server, meters.to_server.clone());
    up.first = numbered.as_ref();
    let mut down = Direction::new(to_client, meters.to_client.clone());
    let mut linger: Option<Pin<Box<Sleep>>> = None;
    let moved = poll_fn(|cx| {
        let upwards = up.poll(cx, &mut client, &mut server).map_err(Broke::Up)?;
        let downwards = down
            .poll(cx, &mut server, &mut client)
            .map_err(Broke::Down)?;
        if upwards.is_ready() && downwards.is_ready() {
            return Poll::Ready(Ok(Over::Ended));
        }
        if downwards.is_ready() {
            let sleep = linger
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + LINGER)));
            ready!(sleep.as_mut().poll(cx));
            return Poll::Ready(Ok(Over::Abandoned));
        }
        Poll::Pending
    });
    let moved: Result<Over, Broke> = moved.await;
    match moved {
        Ok(over) => over,
        // It had said that it was done: servers need not answer that, and some hang up on it.
        Err(Broke::Down(_)) if up.phase != Phase::Moving => Over::Ended,
        Err(Broke::Down(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            tracing::debug!("the server's stream was cut, or it left without TLS's goodbye");
            leave(&mut client).await;
            Over::Cut
        }
        Err(Broke::Up(error) | Broke::Down(error)) => {
            tracing::debug!(%error, "a session broke off");
            break_off(&client, &server);
            Over::Broken
        }
    }
}

/// In which direction a session broke.
enum Broke {
    /// From the client to the server.
    Up(io::Error),
    /// From the server to the client.
    Down(io::Error),
}

/// Ends towards a client whose server has left without a goodbye: in TLS, the client gets none either and
/// knows by that; otherwise it knows by its protocol whether this could be the end. It may have been
/// the client's wish, who is about to leave: it is not to meet a reset on its way out.
async fn leave(client: &mut ClientStream) {
    client.shut();
    let mut rest = [0; 512];
    let emptied = async { while matches!(client.read(&mut rest).await, Ok(1..)) {} };
    let _ = timeout(FAREWELL, emptied).await;
}

/// Both are reset: the one that broke off does not hear it, and the other must not take it for an end.
fn break_off(client: &ClientStream, server: &ServerStream) {
    client.reset();
    client::reset(server.get_ref());
}

/// Where bytes come from.
trait Source: AsyncRead + Unpin {
    /// Whether the end that was read is one that the peer itself has declared. Where TLS is spoken that is
    /// said within it; otherwise anyone on the way may have cut the stream.
    fn has_ended_in_order(&mut self, cx: &mut Context<'_>) -> bool;
}

impl Source for ServerStream {
    fn has_ended_in_order(&mut self, cx: &mut Context<'_>) -> bool {
        // A read does not tell one end from the other; a look ahead does.
        match Pin::new(self).poll_peek(cx, &mut [0]) {
            Poll::Ready(Err(error)) => error.code() == ErrorCode::ZERO_RETURN,
            _ => false,
        }
    }
}

impl Source for ClientStream {
    fn has_ended_in_order(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Tls(stream) => stream.has_ended_in_order(cx),
            Self::Tcp(_) | Self::Unix(_) => true,
        }
    }
}

/// The bytes that go one way.
struct Direction<'a> {
    /// Has a look at the first chunk.
    first: Option<&'a Numbered>,
    /// Read and not taken yet by the other side.
    kept: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
    phase: Phase,
    /// What the source said after its last bytes, which go first.
    failed: Option<io::Error>,
    carried: Counter,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Moving,
    /// The source has ended; the other side is being told.
    Closing,
    Done,
}

impl Direction<'_> {
    fn new(kept: Vec<u8>, carried: Counter) -> Self {
        carried.increment(kept.len() as u64);
        Self {
            first: None,
            kept,
            taken: 0,
            phase: Phase::Moving,
            failed: None,
            carried,
        }
    }

    /// Moves what there is to be moved now. Ready when the source has ended and the other side knows.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<io::Result<()>>
    where
        R: Source,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..TURNS {
            match self.phase {
                Phase::Moving => {
                    ready!(self.poll_kept(cx, to))?;
                    let moved =
                        CHUNKS.with_borrow_mut(|chunk| self.poll_chunk(cx, from, to, chunk));
                    if ready!(moved)? == 0 {
                        if !from.has_ended_in_order(cx) {
                            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                        }
                        self.phase = Phase::Closing;
                    }
                }
                Phase::Closing => {
                    ready!(self.poll_kept(cx, to))?;
                    // One that has left already need not be told, and how it left is for the other
                    // direction to find out.
                    if let Err(error) = ready!(Pin::new(&mut *to).poll_shutdown(cx)) {
                        tracing::debug!(%error, "an end was not taken");
                    }
                    self.phase = Phase::Done;
                }
                Phase::Done => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads a chunk and writes it. Tells how much was read: nothing at the source's end.
    fn poll_chunk<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        chunk: &mut [u8],
    ) -> Poll<io::Result<usize>>
    where
        R: Source,
        W: AsyncWrite + Unpin,
    {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let (filled, failed) = ready!(poll_fill(cx, from, chunk))?;
        self.failed = failed;
        self.carried.increment(filled as u64);
        let mut rest = chunk.get(..filled).unwrap_or_default();
        if let Some(said) = self.first.take().and_then(|first| first.translate(rest)) {
            self.kept = said;
            return Poll::Ready(Ok(filled));
        }
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest) {
                Poll::Ready(written) => rest = after(rest, written?)?,
                Poll::Pending => {
                    self.kept.extend_from_slice(rest);
                    break;
                }
            }
        }
        Poll::Ready(Ok(filled))
    }

    /// Writes what was kept, and gives its memory back when all of it is gone.
    fn poll_kept<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.kept.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
            after(rest, written)?;
            self.taken += written;
        }
        if self.taken > 0 {
            self.kept = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads until the chunk is full or there is nothing more now: a record of TLS is a quarter of it. An
/// error behind bytes is handed over with them, since a source tells it only once.
fn poll_fill<R: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    from: &mut R,
    chunk: &mut [u8],
) -> Poll<io::Result<(usize, Option<io::Error>)>> {
    let mut buffer = ReadBuf::new(chunk);
    loop {
        let before = buffer.filled().len();
        match Pin::new(&mut *from).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                let after = buffer.filled().len();
                if after == before || buffer.remaining() == 0 {
                    return Poll::Ready(Ok((after, None)));
                }
            }
            Poll::Ready(Err(error)) if before > 0 => return Poll::Ready(Ok((before, Some(error)))),
            Poll::Pending if before > 0 => return Poll::Ready(Ok((before, None))),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// What is left of a piece that was written in part.
fn after(rest: &[u8], written: usize) -> io::Result<&[u8]> {
    match rest.get(written..) {
        Some(left) if written > 0 => Ok(left),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}
