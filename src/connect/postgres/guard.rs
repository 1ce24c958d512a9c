//! The guard between a PostgreSQL server and the driver: bounds what the server sends, judges what
//! it asks for, and feeds the session's monitor.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::authentication::{Demands, LATE_REQUEST, Login};
use super::copies::Copies;
use super::messages::{Malformed, Seen, Walker};
use super::monitor::{SessionMonitor, Shared};
use super::refused::Refused;

/// All that a server may send before the session is ready. PostgreSQL 15 sends about 500 bytes in
/// 20 messages.
const STARTUP: Allowance = Allowance {
    bytes: 256 * 1024,
    messages: 1000,
    overrun: "more than 256 KiB or 1000 messages",
};
/// All that it may send in answer to the handful of small questions that we ask ourselves.
const OWN_QUESTIONS: Allowance = Allowance {
    bytes: 1024 * 1024,
    messages: 10_000,
    overrun: "more than 1 MiB or 10000 messages",
};

/// A session that begins without a login.
const EARLY_READY: &str = "ReadyForQuery before it accepted the login";

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Flood("a message with an impossible length")
    }
}

/// A stream on which the driver speaks to the server, after TLS where there is TLS.
pub(super) struct Guard<S> {
    stream: S,
    inbound: Walker,
    outbound: Walker,
    phase: Phase,
    copies: Copies,
    shared: Arc<Shared>,
}

enum Phase {
    /// Up to the first ReadyForQuery.
    Startup(Login, Allowance),
    /// The session is ready and still ours.
    Ours(Allowance),
    /// The session is its caller's, who may ask for rows of any number and length.
    HandedOver,
}

/// How much a server may still send.
struct Allowance {
    bytes: usize,
    messages: usize,
    /// What a server did that wants more.
    overrun: &'static str,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, demands: Demands, monitor: &SessionMonitor) -> Self {
        Self {
            stream,
            inbound: Walker::default(),
            outbound: Walker::untagged(),
            phase: Phase::Startup(Login::new(demands), STARTUP),
            copies: Copies::default(),
            shared: Arc::clone(&monitor.0),
        }
    }

    fn inspect(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let (phase, copies, shared) = (&mut self.phase, &mut self.copies, &self.shared);
        self.inbound.feed(bytes, |seen| match seen {
            Seen::Begin(tag, length) => {
                phase.admit(tag, length, shared)?;
                if tag == b'G' && copies.begin() {
                    shared.uncount_request();
                }
                Ok(matches!(tag, b'Z' | b'R'))
            }
            Seen::Body(b'Z', status) => {
                shared.ready_for_query(status.first().copied().unwrap_or(b'E'));
                if copies.ready(shared.is_all_answered()) {
                    shared.count_requests(1);
                }
                if let Phase::Startup(..) = phase {
                    *phase = Phase::Ours(OWN_QUESTIONS);
                }
                Ok(false)
            }
            Seen::Body(_, request) => {
                if let Phase::Startup(login, _) = phase {
                    login.judge(request)?;
                    if login.is_accepted() {
                        shared.set_login_method(login.asked());
                    }
                    if login.is_proven() {
                        shared.set_proven();
                    }
                    if login.is_bound() {
                        shared.set_channel_bound();
                    }
                }
                Ok(false)
            }
        })
    }

    fn follow(&mut self, bytes: &[u8]) {
        let (phase, copies) = (&mut self.phase, &mut self.copies);
        let mut requests = 0;
        // What the driver writes is well formed; were it not, the count would only be too low for
        // a connection that the server is about to close.
        let _ = self.outbound.feed::<Malformed>(bytes, |seen| match seen {
            Seen::Begin(tag, _) => {
                requests += u64::from(copies.is_to_be_answered(tag));
                Ok(tag == b'p' && phase.awaits_choice())
            }
            Seen::Body(_, chosen) => {
                if let Phase::Startup(login, _) = phase {
                    login.chose(chosen);
                }
                Ok(false)
            }
        });
        if requests > 0 {
            self.shared.count_requests(requests);
        }
    }
}

impl Phase {
    fn awaits_choice(&self) -> bool {
        matches!(self, Self::Startup(login, _) if login.awaits_choice())
    }

    fn admit(&mut self, tag: u8, length: usize, shared: &Shared) -> Result<(), Refused> {
        if matches!(self, Self::Ours(_)) && shared.is_handed_over() {
            *self = Self::HandedOver;
        }
        match (&*self, tag) {
            (Self::Startup(login, _), b'Z') if !login.is_accepted() => {
                return Err(Refused::OutOfTurn(EARLY_READY));
            }
            (Self::Ours(_) | Self::HandedOver, b'R') => {
                return Err(Refused::OutOfTurn(LATE_REQUEST));
            }
            _ => {}
        }
        match self {
            Self::Startup(_, allowance) | Self::Ours(allowance) => allowance.spend(length),
            Self::HandedOver => Ok(()),
        }
    }
}

impl Allowance {
    fn spend(&mut self, length: usize) -> Result<(), Refused> {
        let left = (self.bytes.checked_sub(length), self.messages.checked_sub(1));
        let (Some(bytes), Some(messages)) = left else {
            return Err(Refused::Flood(self.overrun));
        };
        (self.bytes, self.messages) = (bytes, messages);
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.shared.set_listening(outcome.is_pending());
        ready!(outcome)?;
        if let Err(refused) = self.inspect(&buffer.filled()[before..]) {
            // The driver must not act on any of it.
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other(refused)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.shared.set_write_blocked(outcome.is_pending());
        let written = ready!(outcome)?;
        self.follow(&buffer[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Guard<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

#[cfg(test)]
mod tests;
