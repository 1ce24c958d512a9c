//! `mysql_async` over a stream that our own dialer has secured, on real servers.

use std::path::Path;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, TxOpts};
use wa_db::ErrorCode;
use wa_db::connect::{ConnectError, MySqlConnector};
use wa_db::mysql_async;
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::server::{ED25519_USER, Engine, Server, TestServers};

/// For what happens soon, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A policy that the driver's own TLS could not say, and nothing else out of the ordinary.
const WIRE: (&str, &str) = ("WA_DB_SECURITY_LEVEL", "OLD");

pub(crate) fn connector(server: &Server, ca_file: &Path, more: &[(&str, &str)]) -> MySqlConnector {
    let mut variables = server.env();
    variables.insert("WA_DB_SSL_CA".to_owned(), ca_file.display().to_string());
    for (name, value) in [WIRE].iter().chain(more) {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    let environment = Environment::from_pairs(variables);
    let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
    MySqlConnector::new(&settings).unwrap()
}

async fn connect(server: &Server, ca_file: &Path) -> Conn {
    connector(server, ca_file, &[])
        .connect()
        .await
        .unwrap()
        .conn
}

/// Runs a test on both, side by side.
async fn on_both<F: AsyncFn(&Server, &Path)>(servers: &TestServers, test: F) {
    let of = |engine| servers.of(engine);
    let ca = servers.ca_file();
    tokio::join!(test(of(Engine::MariaDb), ca), test(of(Engine::MySql), ca));
}

async fn session(conn: &mut Conn) -> u64 {
    let id: Option<u64> = conn.query_first("SELECT CONNECTION_ID()").await.unwrap();
    id.unwrap()
}

/// Waits until the server has nobody with this number any more.
async fn until_gone(server: &Server, session: u64) {
    let ask = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {session}");
    tokio::time::timeout(SOON, async {
        while server.sql(&ask).trim() != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the server keeps the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn m19_every_login_method_works_through_the_relay() {
    let servers = TestServers::exclusive();
    let mysql = servers.of(Engine::MySql);
    // An empty cache asks for the whole password; the login that follows does not.
    mysql.sql("FLUSH PRIVILEGES");
    for _ in 0..2 {
        let mut conn = connect(mysql, servers.ca_file()).await;
        let cipher: Option<(String, String)> = conn
            .query_first("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
            .await
            .unwrap();
        assert!(
            !cipher.unwrap().1.is_empty(),
            "the session is not encrypted"
        );
        conn.disconnect().await.unwrap();
    }
    let mariadb = servers.of(Engine::MariaDb);
    for user in ["app", ED25519_USER] {
        let by = [("WA_DB_USERNAME", user)];
        let connector = connector(mariadb, servers.ca_file(), &by);
        let mut conn = connector.connect().await.unwrap().conn;
        let name: Option<String> = conn.query_first("SELECT CURRENT_USER()").await.unwrap();
        assert!(name.unwrap().starts_with(user));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_transactions_and_large_rows_pass_through_the_relay() {
    const LARGE: usize = 8 * 1024 * 1024;
    let servers = TestServers::shared();
    on_both(&servers, async |server, ca| {
        let mut conn = connect(server, ca).await;
        conn.query_drop("CREATE TEMPORARY TABLE relayed (id INT PRIMARY KEY, body LONGBLOB)")
            .await
            .unwrap();
        let body: Vec<u8> = (0..LARGE).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut transaction = conn.start_transaction(TxOpts::default()).await.unwrap();
        transaction
            .exec_drop("INSERT INTO relayed VALUES (?, ?)", (1, &body))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let back: Option<(i32, Vec<u8>)> = conn
            .exec_first("SELECT id, body FROM relayed WHERE id = ?", (1,))
            .await
            .unwrap();
        let (id, back) = back.unwrap();
        assert!((id, back) == (1, body), "the row came back changed");
        // 50 MB in rows of 1 KiB.
        let rows = "SELECT REPEAT('x', 1024) FROM information_schema.columns a, information_schema.columns b LIMIT 51200";
        let mut answer = conn.query_iter(rows).await.unwrap();
        let mut bytes = 0;
        while let Some(row) = answer.next().await.unwrap() {
            bytes += row.get::<String, _>(0).unwrap().len();
        }
        drop(answer);
        assert_eq!(bytes, 51_200 * 1024);
        assert!(conn.ping().await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_login_is_told_as_at_the_direct_depth() {
    let servers = TestServers::shared();
    on_both(&servers, async |server, ca| {
        for (more, code) in [
            (("WA_DB_PASSWORD", "wrong"), ErrorCode::AuthenticationFailed),
            (
                ("WA_DB_USERNAME", "nobody"),
                ErrorCode::AuthenticationFailed,
            ),
        ] {
            // MySQL asks an account that it does not know for any of its login methods, also for one
            // that is not supported here.
            if server.engine() == Engine::MySql && more.1 == "nobody" {
                continue;
            }
            let outcome = connector(server, ca, &[more]).connect().await;
            let error: ConnectError = outcome.map(drop).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert_eq!(error.stage(), wa_db::Stage::Authenticate);
            assert!(!error.is_retryable());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_ends_with_the_drivers_connection_and_the_connection_with_its_server() {
    let servers = TestServers::shared();
    on_both(&servers, async |server, ca| {
        // With a goodbye, and without one.
        let mut conn = connect(server, ca).await;
        let first = session(&mut conn).await;
        conn.disconnect().await.unwrap();
        let mut conn = connect(server, ca).await;
        let second = session(&mut conn).await;
        drop(conn);
        until_gone(server, first).await;
        until_gone(server, second).await;
        // In the middle of a statement.
        let mut conn = connect(server, ca).await;
        let third = session(&mut conn).await;
        let sleeping = tokio::spawn(async move { conn.query_drop("SELECT SLEEP(300)").await });
        let ask = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {third} AND info LIKE 'SELECT SLEEP%'"
        );
        tokio::time::timeout(SOON, async {
            while server.sql(&ask).trim() != "1" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("the statement runs");
        server.sql(&format!("KILL {third}"));
        let outcome = tokio::time::timeout(SOON, sleeping).await;
        let outcome = outcome.expect("the driver hears of it").unwrap();
        assert!(outcome.is_err(), "{outcome:?}");
        until_gone(server, third).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_that_is_given_up_at_any_point_leaves_no_session() {
    let servers = TestServers::exclusive();
    on_both(&servers, async |server, ca| {
        let connector = connector(server, ca, &[]);
        for after in (0..40).map(Duration::from_millis) {
            let _ = tokio::time::timeout(after, connector.connect()).await;
        }
        let ask = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";
        tokio::time::timeout(SOON, async {
            while server.sql(ask).trim() != "0" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("sessions stay");
    })
    .await;
}
