//! F12: whatever a user leaves behind, the next one gets a connection outside any transaction.

use std::time::{Duration, Instant};

use mysql_async::TxOpts;
use mysql_async::prelude::Queryable;
use tokio::time::timeout;
use wa_db::pool::Client;
use wa_db_lab::server::{Engine, Server, TestServers};

use super::fixture::{ask, committed_rows, fresh_table, id, is_in_transaction, pool};

/// What the connection's next user gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The same session, put in order.
    Same,
    /// Another one.
    Other,
    /// Either is right.
    Any,
}

const RECYCLE: [&str; 3] = ["fast", "verified", "clean"];

/// Leaves a connection in some state, in each mode of recycling, and looks at the next checkout.
async fn next_user_is_safe<F>(
    server: &Server,
    ca: &std::path::Path,
    table: &str,
    expected: Next,
    leave: F,
) where
    F: AsyncFn(&mut Client, &str),
{
    for recycle in RECYCLE {
        fresh_table(server, table);
        let one = [
            ("WA_DB_POOL_MAX_SIZE", "1"),
            ("WA_DB_POOL_RECYCLE", recycle),
        ];
        let pool = pool(server, ca, &one).await;
        let mut client = pool.get().await.unwrap();
        let before = id(&mut client).await;
        leave(&mut client, table).await;
        drop(client);

        let context = format!("{:?}, {recycle}", server.engine());
        let mut client = pool.get().await.unwrap();
        // Before anything is sent on it: the pool itself must have seen to it.
        match &mut client {
            Client::Postgres(client) => {
                let locks =
                    format!("SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass");
                let begun = Instant::now();
                // A session that was given up for another one may take a moment to end.
                while expected == Next::Any
                    && server.sql(&locks).trim() != "0"
                    && begun.elapsed() < Duration::from_secs(10)
                {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_eq!(server.sql(&locks).trim(), "0", "{context}");
                assert!(!client.is_closed(), "{context}");
            }
            Client::MySql(client) => {
                assert!(!is_in_transaction(server, client.id()), "{context}");
            }
        }
        let after = id(&mut client).await;
        match expected {
            Next::Same => assert_eq!(before, after, "{context}"),
            Next::Other => assert_ne!(before, after, "{context}"),
            Next::Any => {}
        }
        // What this user writes is committed at once, and nothing of the last one's is.
        ask(&mut client, &format!("INSERT INTO {table} VALUES (2)"))
            .await
            .unwrap();
        assert_eq!(committed_rows(server, table), 1, "{context}");
        let status = pool.status();
        assert_eq!((status.open, status.in_use), (1, 1), "{context}");
        drop(client);
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}

/// The same on every engine.
async fn next_user_is_safe_everywhere<F>(table: &str, expected: Next, leave: F)
where
    F: AsyncFn(&mut Client, &str),
{
    // One after the other: the questions to the servers block, and some users here have to give up
    // at the right moment.
    let servers = TestServers::shared();
    for server in servers.all() {
        next_user_is_safe(server, servers.ca_file(), table, expected, &leave).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_an_open_transaction_is_rolled_back() {
    next_user_is_safe_everywhere("f12_open", Next::Same, async |client, table| {
        ask(client, "BEGIN").await.unwrap();
        ask(client, &format!("INSERT INTO {table} VALUES (1)"))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_transaction_whose_last_statement_failed_is_rolled_back() {
    next_user_is_safe_everywhere("f12_failed", Next::Same, async |client, table| {
        ask(client, "BEGIN").await.unwrap();
        ask(client, &format!("INSERT INTO {table} VALUES (1)"))
            .await
            .unwrap();
        ask(client, "SELECT nothing FROM nowhere")
            .await
            .unwrap_err();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_driver_transaction_that_is_dropped_is_rolled_back() {
    next_user_is_safe_everywhere("f12_dropped", Next::Same, async |client, table| {
        let insert = format!("INSERT INTO {table} VALUES (1)");
        match client {
            Client::Postgres(client) => {
                let transaction = client.transaction().await.unwrap();
                transaction.batch_execute(&insert).await.unwrap();
            }
            Client::MySql(client) => {
                let mut transaction = client.start_transaction(TxOpts::default()).await.unwrap();
                transaction.query_drop(&insert).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_transaction_whose_statement_is_given_up_half_way_is_over() {
    // mysql_async cannot go on after that, so the session is another there.
    next_user_is_safe_everywhere("f12_given_up", Next::Any, async |client, table| {
        ask(client, "BEGIN").await.unwrap();
        ask(client, &format!("INSERT INTO {table} VALUES (1)"))
            .await
            .unwrap();
        let sleep = match client {
            Client::Postgres(_) => "SELECT pg_sleep(0.6)",
            Client::MySql(_) => "SELECT SLEEP(0.6)",
        };
        // On a machine that stands still for long one may be answered after all.
        for _ in 0..4 {
            let given_up = timeout(Duration::from_millis(50), ask(client, sleep)).await;
            if given_up.is_err() {
                return;
            }
        }
        panic!("each statement was answered before it was given up");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_statement_given_up_that_runs_on_and_on_costs_its_connection() {
    next_user_is_safe_everywhere("f12_runs_on", Next::Other, async |client, _| {
        let sleep = match client {
            Client::Postgres(_) => "SELECT pg_sleep(4)",
            Client::MySql(_) => "SELECT SLEEP(4)",
        };
        assert!(
            timeout(Duration::from_millis(50), ask(client, sleep))
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_session_that_the_server_ended_is_replaced() {
    let servers = TestServers::shared();
    for server in servers.all() {
        next_user_is_safe(
            server,
            servers.ca_file(),
            "f12_ended",
            Next::Other,
            async |client, _| {
                let id = id(client).await;
                server.sql(&match server.engine() {
                    Engine::Postgres => format!("SELECT pg_terminate_backend({id})"),
                    _ => format!("KILL {id}"),
                });
                // The driver learns of it when the news arrives, or when it uses the connection.
                assert!(ask(client, "SELECT 1").await.is_err());
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_mysql_transaction_behind_a_prepared_statement_is_seen() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        next_user_is_safe(
            server,
            servers.ca_file(),
            "f12_prepared",
            Next::Same,
            async |client, table| {
                let Client::MySql(client) = client else {
                    panic!("another engine")
                };
                client.query_drop("BEGIN").await.unwrap();
                client
                    .query_drop(format!("INSERT INTO {table} VALUES (1)"))
                    .await
                    .unwrap();
                // The driver takes the answer to this for the server's word on the session.
                client
                    .prep(format!("SELECT n, n, n FROM {table} WHERE n > ?"))
                    .await
                    .unwrap();
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_mysql_session_that_does_not_commit_by_itself_does_so_again() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        for insert_too in [false, true] {
            let leave = async |client: &mut Client, table: &str| {
                ask(client, "SET autocommit = 0").await.unwrap();
                if insert_too {
                    let insert = format!("INSERT INTO {table} VALUES (1)");
                    ask(client, &insert).await.unwrap();
                }
            };
            let ca = servers.ca_file();
            next_user_is_safe(server, ca, "f12_autocommit", Next::Same, leave).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_mysql_answer_read_half_is_read_to_its_end() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        next_user_is_safe(
            server,
            servers.ca_file(),
            "f12_half",
            Next::Same,
            async |client, table| {
                let Client::MySql(client) = client else {
                    panic!("another engine")
                };
                client.query_drop("BEGIN").await.unwrap();
                client
                    .query_drop(format!("INSERT INTO {table} VALUES (1), (1), (1)"))
                    .await
                    .unwrap();
                let mut answer = client
                    .query_iter(format!(
                        "SELECT n FROM {table}; SELECT nothing FROM nowhere"
                    ))
                    .await
                    .unwrap();
                assert!(answer.next().await.unwrap().is_some());
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_mysql_session_that_chains_its_transactions_is_replaced_or_reset() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        next_user_is_safe(
            server,
            servers.ca_file(),
            "f12_chain",
            Next::Any,
            async |client, table| {
                let Client::MySql(client) = client else {
                    panic!("another engine")
                };
                client
                    .query_drop("SET completion_type = CHAIN")
                    .await
                    .unwrap();
                client.query_drop("BEGIN").await.unwrap();
                client
                    .query_drop(format!("INSERT INTO {table} VALUES (1)"))
                    .await
                    .unwrap();
            },
        )
        .await;
    }
}
