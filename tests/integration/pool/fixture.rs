//! Pools for the lab's servers, and words that both engines understand.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use tokio_postgres::SimpleQueryMessage;
use wa_db::pool::{Client, Pool};
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::server::{Engine, Server, TestServers};

/// Settings for this server, trusting this CA file, with more variables.
pub(super) fn settings(server: &Server, ca_file: &Path, more: &[(&str, &str)]) -> Settings {
    let mut variables = server.env();
    variables.insert("WA_DB_SSL_CA".to_owned(), ca_file.display().to_string());
    for (name, value) in more {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    Settings::from_environment(Role::Webapp, &Environment::from_pairs(variables)).unwrap()
}

/// A pool that has made its first connection.
pub(super) async fn pool(server: &Server, ca_file: &Path, more: &[(&str, &str)]) -> Pool {
    Pool::connect(&settings(server, ca_file, more))
        .await
        .unwrap()
}

/// Runs a test on each engine, side by side, with the CA file to trust.
pub(super) async fn on_each<F>(servers: &TestServers, test: F)
where
    F: AsyncFn(&Server, &Path),
{
    let [first, second, third] = servers.all();
    let ca = servers.ca_file();
    tokio::join!(test(first, ca), test(second, ca), test(third, ca));
}

/// Runs statements and gives the first field of the first row as text.
pub(super) async fn ask(client: &mut Client, sql: &str) -> Result<String, String> {
    match client {
        Client::Postgres(client) => {
            let messages = client
                .simple_query(sql)
                .await
                .map_err(|error| error.to_string())?;
            let row = messages.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
                _ => None,
            });
            Ok(row.unwrap_or_default())
        }
        Client::MySql(client) => {
            let row: Option<mysql_async::Row> = client
                .query_first(sql)
                .await
                .map_err(|error| error.to_string())?;
            let value = row.and_then(|row| row.as_ref(0).map(|value| value.as_sql(true)));
            Ok(value.unwrap_or_default().trim_matches('\'').to_owned())
        }
    }
}

/// The session's number at the server: another connection has another.
pub(super) async fn id(client: &mut Client) -> String {
    let sql = match client {
        Client::Postgres(_) => "SELECT pg_backend_pid()",
        Client::MySql(_) => "SELECT CONNECTION_ID()",
    };
    ask(client, sql).await.unwrap()
}

/// Whether a MySQL server sees this session inside a transaction, by a session of its own.
pub(super) fn is_in_transaction(server: &Server, id: u32) -> bool {
    let sql = format!(
        "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {id}"
    );
    // The server shows a copy of this table that is up to a tenth of a second old.
    (0..3).all(|look| {
        sleep(Duration::from_millis(150 * look));
        server.sql(&sql).trim() != "0"
    })
}

/// Waits until no session of the account is left, such as one that sleeps after its client is gone.
pub(super) async fn all_gone(server: &Server) {
    let sessions = match server.engine() {
        Engine::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'",
        _ => "SELECT count(*) FROM information_schema.processlist WHERE user = 'app'",
    };
    let begun = Instant::now();
    while server.sql(sessions).trim() != "0" {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}",
            server.engine()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A table of this name, empty.
pub(super) fn fresh_table(server: &Server, name: &str) {
    let engine = if server.engine() == Engine::Postgres {
        ""
    } else {
        " ENGINE = InnoDB"
    };
    server.sql(&format!("DROP TABLE IF EXISTS {name}"));
    server.sql(&format!("CREATE TABLE {name} (n int){engine}"));
    if server.engine() == Engine::Postgres {
        server.sql(&format!("GRANT ALL ON {name} TO app"));
    }
}

/// The rows of a table that are committed.
pub(super) fn committed_rows(server: &Server, table: &str) -> usize {
    server
        .sql(&format!("SELECT count(*) FROM {table}"))
        .trim()
        .parse()
        .unwrap()
}

/// Waits a while in small steps, so that a machine that stands still for long does not use all of it up
/// at once.
pub(super) async fn pause(milliseconds: u32) {
    for _ in 0..milliseconds / 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
