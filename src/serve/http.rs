//! HTTP for operators, on few connections that each carry one request: [`HttpListener`].

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use openssl::ssl::{Ssl, SslContext};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_openssl::SslStream;
use tokio_util::sync::CancellationToken;

use super::{Complaints, ListenerTls, is_local};
use crate::code::ErrorCode;
use crate::settings::{AllowedNetworks, Fault};

/// How many connections are served at once.
const CONNECTIONS: usize = 32;
/// How long one connection may take, from its first byte to its last: it carries one request.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long the TLS handshake may take, and then the head of the request: who says nothing is not to keep the
/// place of somebody who asks.
const OPENING: Duration = Duration::from_secs(1);
/// How long to wait after the system could not give a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// What a request's head may measure; the smallest that the server can be set to.
const HEAD: usize = 8192;

/// A listener for few and short requests.
pub(crate) struct HttpListener {
    listener: TcpListener,
    guard: Option<Guard>,
}

/// What holds where others can reach the listener.
struct Guard {
    tls: Arc<ListenerTls>,
    /// `None`: whoever can reach it, since only this machine can.
    allowed: Option<AllowedNetworks>,
    complaints: Complaints,
}

impl HttpListener {
    /// Listens. `flag` is what names the address.
    ///
    /// # Errors
    /// The address is taken, or not allowed to this user.
    pub(crate) async fn open(flag: &str, address: SocketAddr) -> Result<Self, Fault> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Fault::new(
                ErrorCode::VariableInvalid,
                flag,
                format!("{flag}: {address} cannot be listened on: {error}"),
                "end what listens there, or name another address, such as 127.0.0.1:9187",
            )
        })?;
        Ok(Self {
            listener,
            guard: None,
        })
    }

    /// Speaks TLS alone, and where others can reach it only to clients of these networks.
    #[must_use]
    pub(crate) fn guarded(
        mut self,
        tls: Arc<ListenerTls>,
        allowed: Option<AllowedNetworks>,
    ) -> Self {
        let local = self.address().is_some_and(|address| is_local(address.ip()));
        self.guard = Some(Guard {
            tls,
            allowed: allowed.filter(|_| !local),
            complaints: Complaints::default(),
        });
        self
    }

    /// Where it really listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until it is told to end. Requests that are under way then may go on to their deadline.
    ///
    /// # Cancel Safety
    /// Dropping the future closes the listener.
    pub(crate) async fn serve(self, router: Router, ending: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // Who comes when all are taken waits in the kernel's queue.
            let (place, stream) = tokio::select! {
                () = ending.cancelled() => return,
                next = self.next(&places) => next,
            };
            let router = router.clone();
            let tls = self.guard.as_ref().map(|guard| guard.tls.current().context);
            tokio::spawn(async move {
                // Who is late, or breaks the protocol, is cut off.
                let _ = timeout(DEADLINE, converse(stream, tls, router)).await;
                drop(place);
            });
        }
    }

    /// The next connection of somebody who may come, once there is a place for it.
    async fn next(&self, places: &Arc<Semaphore>) -> (Option<OwnedSemaphorePermit>, TcpStream) {
        // It is never closed.
        let place = Arc::clone(places).acquire_owned().await.ok();
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) if self.may_come(from.ip()) => return (place, stream),
                // Closed by dropping it.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection for health and metrics could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn may_come(&self, from: IpAddr) -> bool {
        let Some(guard) = &self.guard else {
            return true;
        };
        let from = from.to_canonical();
        let allowed = guard.allowed.as_ref();
        let may = allowed.is_none_or(|networks| networks.allows(from));
        if !may && let Some(before) = guard.complaints.next() {
            tracing::warn!(peer = %from, unsaid = before, "a client outside WA_DB_TUNNEL_ALLOWED_CLIENTS was turned away");
        }
        may
    }
}

/// One connection, from its first byte to its last.
async fn converse(stream: TcpStream, tls: Option<SslContext>, router: Router) {
    let Some(context) = tls else {
        return answer(stream, router).await;
    };
    let Ok(stream) = Ssl::new(&context).and_then(|ssl| SslStream::new(ssl, stream)) else {
        return;
    };
    let mut stream = Box::new(stream);
    let shaken = timeout(OPENING, Pin::new(&mut *stream).accept()).await;
    if matches!(shaken, Ok(Ok(()))) {
        answer(stream, router).await;
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, router: Router) {
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(OPENING)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that hangs up or speaks something else is no concern of ours.
    let _ = served.await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn connections_that_say_nothing_make_room_for_one_that_asks() {
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = HttpListener::open("--admin", address).await.unwrap();
        let address = listener.address().unwrap();
        let router = Router::new().route("/healthz", get(async || "well"));
        let ending = CancellationToken::new();
        tokio::spawn(listener.serve(router, ending.clone()));
        let mut silent = Vec::new();
        for half in [&b""[..], b"GET /healthz HTTP/1.1\r\nHost"].repeat(CONNECTIONS) {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(half).await.unwrap();
            silent.push(stream);
        }
        let mut asking = TcpStream::connect(address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        asking.write_all(request).await.unwrap();
        let mut answer = String::new();
        // Twice as many as have a place: two rounds of them.
        let read = timeout(OPENING * 10, asking.read_to_string(&mut answer)).await;
        assert!(read.is_ok(), "no answer");
        assert!(answer.ends_with("well"), "{answer}");
        ending.cancel();
    }
}
