//! sqlx on native-tls, `TCP_NODELAY` as it comes, without the ping its pool makes at each checkout
//! by default. It makes a TLS connector of its own for each connection.

use ::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use ::sqlx::pool::PoolConnection;
use ::sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use ::sqlx::{ConnectOptions, Connection, MySqlPool, PgPool, Row};

use super::{Dialer, Peer};
use crate::bed::{ACCOUNT, DB, HOST, Target};

fn postgres_options(target: &Target) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(HOST)
        .port(target.port)
        .username(ACCOUNT)
        .password(&target.password)
        .database(DB)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(&target.ca_file)
}

fn mysql_options(target: &Target) -> MySqlConnectOptions {
    MySqlConnectOptions::new()
        .host(HOST)
        .port(target.port)
        .username(ACCOUNT)
        .password(&target.password)
        .database(DB)
        .ssl_mode(MySqlSslMode::VerifyIdentity)
        .ssl_ca(&target.ca_file)
}

#[derive(Clone)]
pub(crate) struct PostgresDialer(PgConnectOptions);

impl Dialer for PostgresDialer {
    const NAME: &'static str = "sqlx";

    fn new(target: &Target) -> Self {
        Self(postgres_options(target))
    }

    async fn select_once(&self) {
        let mut conn = self.0.connect().await.expect("the server is there");
        let row = ::sqlx::query("SELECT 1").fetch_one(&mut conn).await;
        assert_eq!(row.expect("a row").get::<i32, _>(0), 1);
        conn.close().await.expect("the session ends");
    }
}

#[derive(Clone)]
pub(crate) struct MySqlDialer(MySqlConnectOptions);

impl Dialer for MySqlDialer {
    const NAME: &'static str = "sqlx";

    fn new(target: &Target) -> Self {
        Self(mysql_options(target))
    }

    async fn select_once(&self) {
        let mut conn = self.0.connect().await.expect("the server is there");
        let row = ::sqlx::query("SELECT 1").fetch_one(&mut conn).await;
        assert_eq!(row.expect("a row").get::<i32, _>(0), 1);
        conn.close().await.expect("the session ends");
    }
}

#[derive(Clone)]
pub(crate) struct Postgres(PgPool);

impl Peer for Postgres {
    const NAME: &'static str = "sqlx";
    type Connection = PoolConnection<::sqlx::Postgres>;

    async fn cold(target: &Target, size: usize) -> Self {
        let options = PgPoolOptions::new()
            .max_connections(u32::try_from(size).expect("a small number"))
            .test_before_acquire(false);
        Self(options.connect_lazy_with(postgres_options(target)))
    }

    async fn checkout(&self) -> Self::Connection {
        self.0.acquire().await.expect("a connection")
    }

    async fn select(conn: &mut Self::Connection) {
        let row = ::sqlx::query("SELECT 1").fetch_one(&mut **conn).await;
        row.expect("a row");
    }

    async fn close(self) {
        self.0.close().await;
    }
}

#[derive(Clone)]
pub(crate) struct MySql(MySqlPool);

impl Peer for MySql {
    const NAME: &'static str = "sqlx";
    type Connection = PoolConnection<::sqlx::MySql>;

    async fn cold(target: &Target, size: usize) -> Self {
        let options = MySqlPoolOptions::new()
            .max_connections(u32::try_from(size).expect("a small number"))
            .test_before_acquire(false);
        Self(options.connect_lazy_with(mysql_options(target)))
    }

    async fn checkout(&self) -> Self::Connection {
        self.0.acquire().await.expect("a connection")
    }

    async fn select(conn: &mut Self::Connection) {
        let row = ::sqlx::query("SELECT 1").fetch_one(&mut **conn).await;
        row.expect("a row");
    }

    async fn close(self) {
        self.0.close().await;
    }
}
