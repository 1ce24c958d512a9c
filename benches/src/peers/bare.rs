//! The drivers alone.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use postgres_native_tls::MakeTlsConnector;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};

use super::Dialer;
use crate::bed::{ACCOUNT, DB, HOST, Target};

/// The connector that postgres-native-tls documents: the CA is added to a native-tls builder.
pub(crate) fn postgres_tls(target: &Target) -> MakeTlsConnector {
    let connector = native_tls::TlsConnector::builder()
        .add_root_certificate(target.ca())
        .build()
        .expect("the CA is right");
    MakeTlsConnector::new(connector)
}

/// What tokio-postgres needs to know besides.
pub(crate) fn postgres_config(target: &Target) -> Config {
    let mut config = Config::new();
    config
        .host(HOST)
        .port(target.port)
        .user(ACCOUNT)
        .password(&target.password)
        .dbname(DB)
        .ssl_mode(SslMode::Require);
    config
}

/// What `mysql_async` needs to know. It keeps its TLS connector in there.
pub(crate) fn mysql_options(target: &Target) -> OptsBuilder {
    let tls = SslOpts::default().with_root_certs(vec![target.ca_file.clone().into()]);
    OptsBuilder::default()
        .ip_or_hostname(HOST)
        .tcp_port(target.port)
        .user(Some(ACCOUNT))
        .pass(Some(&target.password))
        .db_name(Some(DB))
        // Else it leaves the encrypted connection for the server's Unix socket, where it can.
        .prefer_socket(false)
        .ssl_opts(tls)
}

#[derive(Clone)]
pub(crate) struct PostgresDialer {
    config: Config,
    tls: MakeTlsConnector,
}

impl PostgresDialer {
    /// A session and the task that drives it.
    pub(crate) async fn connect(&self) -> (Client, JoinHandle<()>) {
        let connecting = self.config.connect(self.tls.clone());
        let (client, connection) = connecting.await.expect("the server is there");
        let task = tokio::spawn(async { connection.await.expect("the session ends well") });
        (client, task)
    }
}

impl Dialer for PostgresDialer {
    const NAME: &'static str = "tokio-postgres, postgres-native-tls";

    fn new(target: &Target) -> Self {
        Self {
            config: postgres_config(target),
            tls: postgres_tls(target),
        }
    }

    async fn select_once(&self) {
        let (client, task) = self.connect().await;
        let row = client.query_one("SELECT 1", &[]).await;
        assert_eq!(row.expect("a row").get::<_, i32>(0), 1);
        drop(client);
        task.await.expect("the session ends");
    }
}

#[derive(Clone)]
pub(crate) struct MySqlDialer(Opts);

impl MySqlDialer {
    /// A session.
    pub(crate) async fn connect(&self) -> Conn {
        Conn::new(self.0.clone())
            .await
            .expect("the server is there")
    }
}

impl Dialer for MySqlDialer {
    const NAME: &'static str = "mysql_async, native-tls";

    fn new(target: &Target) -> Self {
        Self(mysql_options(target).into())
    }

    async fn select_once(&self) {
        let mut conn = self.connect().await;
        let one: Option<i32> = conn.query_first("SELECT 1").await.expect("a row");
        assert_eq!(one, Some(1));
        conn.disconnect().await.expect("the session ends");
    }
}
