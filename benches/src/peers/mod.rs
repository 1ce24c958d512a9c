//! Who is compared: wa-db, the bare drivers, and the pools that people use.
//!
//! Each is set up as its documentation recommends for a server with a private CA, with chain and
//! name verified. Where a pool asks the server at each checkout or return by default (bb8, sqlx,
//! `mysql_async`), that is switched off: wa-db's default does not ask either.

pub(crate) mod bare;
mod bb8;
mod deadpool;
mod mysql_async;
pub(crate) mod ours;
pub(crate) mod sqlx;

use std::future::Future;

use wa_db_lab::server::Engine;

use crate::bed::Target;

/// Makes single connections.
pub(crate) trait Dialer: Clone + Send + Sync + 'static {
    /// What the tables call it.
    const NAME: &'static str;

    /// All that can be prepared before the first connection.
    fn new(target: &Target) -> Self;

    /// A new connection, `SELECT 1`, and a goodbye that the server has been sent.
    fn select_once(&self) -> impl Future<Output = ()> + Send;
}

/// A pool. Clones are the same pool.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    /// What the tables call it.
    const NAME: &'static str;

    /// A connection in hand; goes back when dropped.
    type Connection: Send + 'static;

    /// A pool of at most this size; nothing of it was prepared before.
    fn cold(target: &Target, size: usize) -> impl Future<Output = Self> + Send;

    /// Takes a connection.
    fn checkout(&self) -> impl Future<Output = Self::Connection> + Send;

    /// Runs `SELECT 1`, prepared once for each connection.
    fn select(connection: &mut Self::Connection) -> impl Future<Output = ()> + Send;

    /// Closes all connections.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Does the same with every [`Peer`].
pub(crate) trait Visitor {
    /// Does it with one.
    async fn visit<P: Peer>(&mut self);
}

/// Visits the pools there are for an engine, ours first.
pub(crate) async fn visit(engine: Engine, visitor: &mut impl Visitor) {
    match engine {
        Engine::Postgres => {
            visitor.visit::<ours::Postgres>().await;
            visitor.visit::<deadpool::Deadpool>().await;
            visitor.visit::<bb8::Bb8>().await;
            visitor.visit::<sqlx::Postgres>().await;
        }
        Engine::MariaDb | Engine::MySql => {
            visitor.visit::<ours::MySql>().await;
            visitor.visit::<mysql_async::MySqlAsync>().await;
            visitor.visit::<sqlx::MySql>().await;
        }
    }
}
