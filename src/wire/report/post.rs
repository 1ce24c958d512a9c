//! Reports as HTTP POSTs: [`PostSink`].

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::breach::Report;
use super::channel::{Sink, Undelivered};
use super::document;
use super::pinned_host::is_pinned_host;
use crate::settings::ReportUri;
use crate::tls::web_client;
use crate::wire::dial;

/// How long one attempt may take, from the look-up of the name to the status of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// What an answer's head may take. Its body is not read.
const HEAD_LIMIT: usize = 16 * 1024;
const HEADERS_LIMIT: usize = 64;

/// The address of `WA_DB_SSL_REPORT_URI`: `https`, or `http` on this machine.
#[derive(Clone, Debug)]
pub(super) struct PostSink {
    uri: ReportUri,
}

impl PostSink {
    /// The sink of this address; nothing is dialled yet.
    pub(super) fn new(uri: ReportUri) -> Self {
        Self { uri }
    }

    async fn attempt(&self, report: &Report) -> Result<(), Undelivered> {
        let body = document::json(report).map_err(|error| Undelivered::Never(error.to_string()))?;
        let addresses = self.resolve().await?;
        if is_pinned_host(&report.breach, self.uri.host(), self.uri.port(), &addresses) {
            return Err(Undelivered::Never(
                "its host is the server that the report is about: report to another one".to_owned(),
            ));
        }
        let stream = self.dial(&addresses).await?;
        let status = if self.uri.is_https() {
            self.post(self.secure(stream).await?, body).await?
        } else {
            self.post(stream, body).await?
        };
        judge(status)
    }

    /// The addresses to dial, and no others: what was compared with the server is what is dialled.
    async fn resolve(&self) -> Result<Vec<SocketAddr>, Undelivered> {
        let (host, port) = (self.uri.host(), self.uri.port());
        let found = tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| Undelivered::Perhaps(format!("{host} has no address: {error}")))?;
        let (may, may_not): (Vec<_>, Vec<_>) =
            found.partition(|address| self.uri.is_https() || address.ip().is_loopback());
        match (may.is_empty(), may_not.is_empty()) {
            (false, _) => Ok(may),
            (true, true) => Err(Undelivered::Perhaps(format!("{host} has no address"))),
            (true, false) => Err(Undelivered::Never(format!(
                "{host} is not on this machine, and http goes nowhere else: use https"
            ))),
        }
    }

    async fn dial(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Undelivered> {
        match dial::race(addresses, TcpStream::connect, |_: &io::Error| true).await {
            Ok((_, stream)) => Ok(stream),
            Err(failed) => {
                let why = failed.first().map(|(_, error)| error.to_string());
                Err(self.unreached(&why.unwrap_or_default()))
            }
        }
    }

    async fn secure(&self, stream: TcpStream) -> Result<SslStream<TcpStream>, Undelivered> {
        // Made for each report, of which there are few: it reads the system's store, which may
        // have changed, and takes a while.
        let client = tokio::task::spawn_blocking(web_client)
            .await
            .map_err(|error| Undelivered::Never(error.to_string()))?;
        let ssl = client
            .and_then(|client| client.configure()?.into_ssl(self.uri.host()))
            .map_err(|error| Undelivered::Never(format!("TLS cannot be set up: {error}")))?;
        let mut stream = SslStream::new(ssl, stream)
            .map_err(|error| Undelivered::Never(format!("TLS cannot be set up: {error}")))?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            let result = stream.ssl().verify_result();
            let host = self.uri.host();
            return Err(if result.as_raw() == 0 {
                self.unreached(&error.to_string())
            } else {
                let why = result.error_string();
                Undelivered::Perhaps(format!("the certificate of {host} does not verify: {why}"))
            });
        }
        Ok(stream)
    }

    async fn post<S>(&self, stream: S, body: Vec<u8>) -> Result<StatusCode, Undelivered>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let broken = |error: &dyn Error| self.unreached(&error.to_string());
        let authority = self
            .uri
            .uri()
            .authority()
            .map_or("", |named| named.as_str());
        let path = self
            .uri
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("wa-db/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Undelivered::Never(error.to_string()))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .max_headers(HEADERS_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let sending = pin!(sender.send_request(request));
        // The connection moves the bytes and has to be driven; where it ends first, the answer is
        // there or never comes.
        let answer = match select(sending, pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, sending)) => sending.await,
        };
        // Dropped with its body unread.
        answer
            .map(|answer| answer.status())
            .map_err(|error| broken(&error))
    }

    fn unreached(&self, why: &str) -> Undelivered {
        Undelivered::Perhaps(format!("{}:{}: {why}", self.uri.host(), self.uri.port()))
    }
}

impl Sink for PostSink {
    const NAME: &'static str = "uri";
    const VARIABLE: &'static str = "WA_DB_SSL_REPORT_URI";

    async fn deliver(&self, report: &Report) -> Result<(), Undelivered> {
        timeout(DEADLINE, self.attempt(report))
            .await
            .unwrap_or_else(|_| Err(self.unreached(&format!("no answer within {DEADLINE:?}"))))
    }
}

/// What the status says of trying again. A redirect is not followed: the address to report to is
/// for the settings to say.
fn judge(status: StatusCode) -> Result<(), Undelivered> {
    let why = format!("the answer was {}", status.as_u16());
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Undelivered::Perhaps(why))
        }
        _ if status.is_server_error() => Err(Undelivered::Perhaps(why)),
        _ => Err(Undelivered::Never(why)),
    }
}

#[cfg(test)]
mod tests;
