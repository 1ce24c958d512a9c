//! bb8 with bb8-postgres, without its test at each checkout. It has no cache of statements: each
//! connection keeps its own, as the example `custom_state` of bb8-postgres does.

use ::bb8::{ManageConnection, Pool, PooledConnection};
use bb8_postgres::PostgresConnectionManager;
use postgres_native_tls::MakeTlsConnector;
use tokio_postgres::{Client, Error, Statement};

use super::{Peer, bare};
use crate::bed::Target;

#[derive(Clone)]
pub(crate) struct Bb8(Pool<Manager>);

impl Peer for Bb8 {
    const NAME: &'static str = "bb8-postgres";
    type Connection = PooledConnection<'static, Manager>;

    async fn cold(target: &Target, size: usize) -> Self {
        let (config, tls) = (bare::postgres_config(target), bare::postgres_tls(target));
        let pool = Pool::builder()
            .max_size(u32::try_from(size).expect("a small number"))
            .test_on_check_out(false)
            .build(Manager(PostgresConnectionManager::new(config, tls)));
        Self(pool.await.expect("no connection is asked for yet"))
    }

    async fn checkout(&self) -> Self::Connection {
        self.0.get_owned().await.expect("a connection")
    }

    async fn select(session: &mut Self::Connection) {
        let Session { client, statement } = &mut **session;
        if statement.is_none() {
            *statement = Some(client.prepare("SELECT 1").await.expect("a statement"));
        }
        let statement = statement.as_ref().expect("prepared above");
        client.query_one(statement, &[]).await.expect("a row");
    }

    async fn close(self) {}
}

pub(crate) struct Manager(PostgresConnectionManager<MakeTlsConnector>);

pub(crate) struct Session {
    client: Client,
    statement: Option<Statement>,
}

impl ManageConnection for Manager {
    type Connection = Session;
    type Error = Error;

    async fn connect(&self) -> Result<Session, Error> {
        let client = self.0.connect().await?;
        Ok(Session {
            client,
            statement: None,
        })
    }

    async fn is_valid(&self, session: &mut Session) -> Result<(), Error> {
        self.0.is_valid(&mut session.client).await
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        self.0.has_broken(&mut session.client)
    }
}
