//! What the pool must know of a protocol: [`Engine`]. Everything else is common to both.

use std::error::Error;
use std::future::Future;

use deadpool::managed::Metrics;

use crate::code::ErrorCode;
use crate::connect::StageTimes;
use crate::settings::Recycle;
use crate::tls::CertificateExpiries;

/// Why a used connection cannot be handed on.
pub(super) type Unfit = Box<dyn Error + Send + Sync>;

/// Opens the connections of one protocol, judges them and puts them in order.
pub(super) trait Engine: Send + Sync + 'static {
    /// What the pool keeps.
    type Connection: Send + 'static;
    /// Why a connection could not be opened. Shared among those who waited for the same attempt.
    type Error: Error + Clone + Send + Sync + 'static;

    /// The protocol's name, as metrics and events carry it.
    const NAME: &'static str;

    /// Opens one connection. It has a deadline of its own.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the attempt and leaves no connection behind.
    fn open(&self) -> impl Future<Output = Result<Opened<Self::Connection>, Self::Error>> + Send;

    /// The contract's word for a failed attempt.
    fn code(error: &Self::Error) -> ErrorCode;

    /// Whether the connection is known to be of no use. Costs no round trip and no lock.
    fn is_closed(connection: &Self::Connection) -> bool;

    /// What can be said of a used connection without asking the server.
    fn condition(&self, connection: &mut Self::Connection, usage: &Metrics) -> Condition;

    /// Asks the server: ends what the last user left open, and with [`Recycle::Verified`] or
    /// [`Recycle::Clean`] proves the connection or resets the session as well.
    ///
    /// # Cancel safety
    ///
    /// The connection must be closed when the future is dropped before it is done.
    fn restore(
        &self,
        connection: &mut Self::Connection,
        effort: Recycle,
    ) -> impl Future<Output = Result<(), Unfit>> + Send;

    /// Says goodbye to the server and closes the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection without further words.
    fn part(connection: Self::Connection) -> impl Future<Output = ()> + Send + 'static;
}

/// A connection fresh from the server, with what the metrics tell of it.
pub(super) struct Opened<C> {
    /// The connection.
    pub(super) connection: C,
    /// How long each stage took.
    pub(super) times: StageTimes,
    /// When the certificates end.
    pub(super) expiries: CertificateExpiries,
}

/// What can be said of a used connection without asking the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Outside a transaction, with nothing in flight.
    Clean,
    /// Clean as far as is known, but the server should be asked whether it is still there.
    #[cfg_attr(
        not(feature = "mysql"),
        allow(dead_code, reason = "only MySQL leaves it open")
    )]
    Unproven,
    /// Perhaps inside a transaction, or with an answer still to come.
    Dirty,
    /// Of no use any more.
    Closed,
}
