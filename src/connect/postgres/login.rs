//! The login on a stream that needs no further securing.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding as Binding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config};

use super::authentication::Demands;
use super::driver::Driver;
use super::failure;
use super::guard::Guard;
use super::monitor::SessionMonitor;
use crate::code::Stage;
use crate::failure::Failure;
use crate::settings::{ChannelBinding, Settings, Verification};
use crate::tls::TlsPolicy;
use crate::wire::{Progress, dial};

/// What a login needs to know besides its stream.
pub(crate) struct Login<'a> {
    settings: &'a Settings,
    demands: Demands,
    over_tls: bool,
}

impl<'a> Login<'a> {
    pub(crate) fn over_tls(settings: &'a Settings, policy: &TlsPolicy) -> Self {
        let demands = Demands {
            trusted: policy.verification() != Verification::Off,
            channel_binding: settings.channel_binding(),
        };
        Self {
            settings,
            demands,
            over_tls: true,
        }
    }

    /// A Unix socket: the operating system says who is at the other end, and there is no channel
    /// to bind to.
    pub(crate) fn local(settings: &'a Settings) -> Self {
        let demands = Demands {
            trusted: true,
            channel_binding: ChannelBinding::Prefer,
        };
        Self {
            settings,
            demands,
            over_tls: false,
        }
    }
}

/// A session that is ready and still ours: the guard bounds what the server may send until it is
/// handed over. Dropping the client ends the task: it says goodbye and closes.
pub(crate) struct LoggedIn {
    pub(crate) client: Client,
    pub(crate) task: JoinHandle<()>,
    pub(crate) monitor: SessionMonitor,
    /// Whether the server is verified, or local.
    pub(super) trusted: bool,
}

/// Logs in on a stream that needs no further securing.
pub(crate) async fn login<S>(
    stream: S,
    login: Login<'_>,
    progress: &Progress,
) -> Result<LoggedIn, Failure>
where
    S: TlsStream + Unpin + Send + 'static,
{
    progress.enter(Stage::Authenticate);
    let config = config(login.settings)?;
    let monitor = SessionMonitor::new();
    let trusted = login.demands.trusted;
    let guard = Guard::new(stream, login.demands, &monitor);
    let (client, connection) =
        config
            .connect_raw(guard, AlreadySecured)
            .await
            .map_err(|error| {
                failure::of_login(&error, trusted, login.over_tls, login.settings.password())
            })?;
    progress.enter(Stage::Session);
    let task = tokio::spawn(Driver::new(connection, &monitor));
    Ok(LoggedIn {
        client,
        task,
        monitor,
        trusted,
    })
}

/// Dials a Unix socket and logs in.
pub(crate) async fn login_locally(
    socket: &Path,
    by: Login<'_>,
    progress: &Progress,
) -> Result<LoggedIn, Failure> {
    let stream = dial::dial_unix(socket).await?;
    login(Bound::new(stream, None), by, progress).await
}

/// The driver's configuration for a stream on which the next byte is the start-up message.
fn config(settings: &Settings) -> Result<Config, Failure> {
    let mut config = Config::new();
    config
        .user(settings.username())
        // TLS was asked for and set up by us; "direct" keeps the driver from asking again.
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct)
        .application_name(format!("wa-db {}", settings.role()));
    if let Some(database) = settings.database() {
        config.dbname(database);
    }
    if let Some(password) = settings.password().read().map_err(Failure::from)? {
        config.password(password.expose());
    }
    config.channel_binding(match settings.channel_binding() {
        ChannelBinding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
        ChannelBinding::Require => tokio_postgres::config::ChannelBinding::Require,
    });
    Ok(config)
}

/// Hands the stream through: it is TLS already, or local.
struct AlreadySecured;

impl<S: TlsStream + Unpin> TlsConnect<S> for AlreadySecured {
    type Stream = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(stream))
    }
}

/// A stream with the channel binding that a login on it may use: `None` for a Unix socket.
pub(crate) struct Bound<S> {
    stream: S,
    binding: Option<Vec<u8>>,
}

impl<S> Bound<S> {
    pub(crate) fn new(stream: S, binding: Option<Vec<u8>>) -> Self {
        Self { stream, binding }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Bound<S> {
    fn channel_binding(&self) -> Binding {
        match &self.binding {
            Some(binding) => Binding::tls_server_end_point(binding.clone()),
            None => Binding::none(),
        }
    }
}
