//! Moves bytes between the driver and its server: [`start`].

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
#[cfg(feature = "cli")]
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_openssl::SslStream;
#[cfg(feature = "cli")]
use tokio_util::task::TaskTracker;

/// A record of TLS. Larger pieces would have to be put together from several.
const PIECE: usize = 16 * 1024;
/// How long the last words of either side may take to be delivered.
const FAREWELL: Duration = Duration::from_secs(2);

/// All that run in this process.
#[cfg(feature = "cli")]
static RUNNING: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Moves bytes in a task of its own, which ends with either side.
pub(super) fn start(driver: UnixStream, server: SslStream<TcpStream>) {
    let running = run(driver, server);
    #[cfg(feature = "cli")]
    RUNNING.spawn(running);
    #[cfg(not(feature = "cli"))]
    tokio::spawn(running);
}

/// Waits until what was said on connections that are closed has left, for at most as long as `patience`: a
/// process that ends before has said no goodbye, and the server counts its sessions as aborted.
#[cfg(feature = "cli")]
pub(crate) async fn delivered(patience: Duration) {
    RUNNING.close();
    let _ = timeout(patience, RUNNING.wait()).await;
}

/// Moves bytes until either side ends; the other one is closed then, after what was under way.
async fn run(mut driver: UnixStream, mut server: SslStream<TcpStream>) {
    let (mut up, mut down) = (Direction::new(), Direction::new());
    let driver_ended = poll_fn(|cx| {
        // First, so that the server's reason comes through before its hang-up shows on the other way.
        if down.poll(cx, &mut server, &mut driver).is_ready() {
            return Poll::Ready(false);
        }
        up.poll(cx, &mut driver, &mut server)
            .map(|ended| ended.is_ok())
    })
    .await;
    if driver_ended {
        // Its goodbye went before; whoever does not take that of TLS either gets none.
        let _ = timeout(FAREWELL, server.shutdown()).await;
    } else {
        // What the server said last, if there is any more of it.
        let rest = poll_fn(|cx| down.poll(cx, &mut server, &mut driver));
        let _ = timeout(FAREWELL, rest).await;
    }
}

/// The bytes that go one way.
struct Direction {
    piece: Box<[u8]>,
    /// Where that part of the piece begins and ends which is still to be written.
    rest: (usize, usize),
    unflushed: bool,
    ended: bool,
}

impl Direction {
    fn new() -> Self {
        Self {
            piece: vec![0; PIECE].into_boxed_slice(),
            rest: (0, 0),
            unflushed: false,
            ended: false,
        }
    }

    /// Moves what there is to be moved now. Ready once the source has ended and all of it was written,
    /// or one of the two is broken.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            while let Some(rest @ [_, ..]) = self.piece.get(self.rest.0..self.rest.1) {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.rest.0 += written;
                self.unflushed = true;
            }
            let mut buffer = ReadBuf::new(&mut self.piece);
            if self.ended
                || Pin::new(&mut *from)
                    .poll_read(cx, &mut buffer)?
                    .is_pending()
            {
                if self.unflushed {
                    ready!(Pin::new(&mut *to).poll_flush(cx))?;
                    self.unflushed = false;
                }
                return if self.ended {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                };
            }
            self.rest = (0, buffer.filled().len());
            self.ended = self.rest.1 == 0;
        }
    }
}
