//! wa-db itself, with its defaults.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use wa_db::connect::{MySqlConnector, PostgresConnector};
use wa_db::pool::{MySqlClient, MySqlPool, PostgresClient, PostgresPool};

use super::{Dialer, Peer};
use crate::bed::Target;

const CLOSING: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct PostgresDialer(PostgresConnector);

impl Dialer for PostgresDialer {
    const NAME: &'static str = "wa-db";

    fn new(target: &Target) -> Self {
        Self(PostgresConnector::new(&target.settings(1)).expect("the CA file is right"))
    }

    async fn select_once(&self) {
        let connection = self.0.connect().await.expect("the server is there");
        let row = connection.client.query_one("SELECT 1", &[]).await;
        assert_eq!(row.expect("a row").get::<_, i32>(0), 1);
        drop(connection.client);
        connection.task.await.expect("the session ends");
    }
}

#[derive(Clone)]
pub(crate) struct MySqlDialer(MySqlConnector);

impl Dialer for MySqlDialer {
    const NAME: &'static str = "wa-db";

    fn new(target: &Target) -> Self {
        Self(MySqlConnector::new(&target.settings(1)).expect("the CA file is right"))
    }

    async fn select_once(&self) {
        let mut conn = self.0.connect().await.expect("the server is there").conn;
        let one: Option<i32> = conn.query_first("SELECT 1").await.expect("a row");
        assert_eq!(one, Some(1));
        conn.disconnect().await.expect("the session ends");
    }
}

#[derive(Clone)]
pub(crate) struct Postgres(PostgresPool);

impl Peer for Postgres {
    const NAME: &'static str = "wa-db";
    type Connection = PostgresClient;

    async fn cold(target: &Target, size: usize) -> Self {
        Self(PostgresPool::connect_lazy(&target.settings(size)).expect("the settings are right"))
    }

    async fn checkout(&self) -> PostgresClient {
        self.0.get().await.expect("a connection")
    }

    async fn select(client: &mut PostgresClient) {
        let statement = client
            .prepare_cached("SELECT 1")
            .await
            .expect("a statement");
        client.query_one(&statement, &[]).await.expect("a row");
    }

    async fn close(self) {
        self.0.close(CLOSING).await.expect("nothing is in use");
    }
}

#[derive(Clone)]
pub(crate) struct MySql(MySqlPool);

impl Peer for MySql {
    const NAME: &'static str = "wa-db";
    type Connection = MySqlClient;

    async fn cold(target: &Target, size: usize) -> Self {
        Self(MySqlPool::connect_lazy(&target.settings(size)).expect("the settings are right"))
    }

    async fn checkout(&self) -> MySqlClient {
        self.0.get().await.expect("a connection")
    }

    async fn select(client: &mut MySqlClient) {
        let one: Option<i32> = client.exec_first("SELECT 1", ()).await.expect("a row");
        assert_eq!(one, Some(1));
    }

    async fn close(self) {
        self.0.close(CLOSING).await.expect("nothing is in use");
    }
}

/// The same with the key of the lab's CA pinned, which takes the wire depth.
#[derive(Clone)]
pub(crate) struct PinnedMySql(MySqlPool);

impl Peer for PinnedMySql {
    const NAME: &'static str = "wa-db, pinned";
    type Connection = MySqlClient;

    async fn cold(target: &Target, size: usize) -> Self {
        let settings = target.pinned_settings(size);
        Self(MySqlPool::connect_lazy(&settings).expect("the settings are right"))
    }

    async fn checkout(&self) -> MySqlClient {
        self.0.get().await.expect("a connection")
    }

    async fn select(client: &mut MySqlClient) {
        MySql::select(client).await;
    }

    async fn close(self) {
        self.0.close(CLOSING).await.expect("nothing is in use");
    }
}
