//! F12 on PostgreSQL: copies and answers that the last user of a connection left in the middle.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use tokio::time::timeout;
use wa_db::pool::{Client, Pool, PostgresClient};
use wa_db_lab::server::{Engine, TestServers};

use super::fixture::{ask, committed_rows, fresh_table, id, pool};

/// What a busy machine may need for it; nothing here may wait for a deadline of the settings.
const AT_ONCE: Duration = Duration::from_secs(4);

async fn one(servers: &TestServers) -> Pool {
    let server = servers.of(Engine::Postgres);
    pool(server, servers.ca_file(), &[("WA_DB_POOL_MAX_SIZE", "1")]).await
}

fn postgres(client: &Client) -> &PostgresClient {
    let Client::Postgres(client) = client else {
        panic!("another engine")
    };
    client
}

/// What is sent as rows.
type Rows = &'static [u8];

/// How a copy ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    /// The server refuses a row.
    Refused,
    /// The sink is dropped.
    Aborted,
    /// The future that begins the copy is dropped before the server has answered.
    GivenUp,
}

async fn copy(client: &PostgresClient, table: &str, end: End) {
    let statement = client
        .prepare(&format!("COPY {table} FROM STDIN"))
        .await
        .unwrap();
    if end == End::GivenUp {
        let mut begin = pin!(client.copy_in::<_, Rows>(&statement));
        let pending = poll_fn(|context| Poll::Ready(begin.as_mut().poll(context).is_pending()));
        assert!(pending.await);
        return;
    }
    let mut sink = pin!(client.copy_in::<_, Rows>(&statement).await.unwrap());
    let row = if end == End::Refused { "none\n" } else { "1\n" };
    sink.send(row.as_bytes()).await.unwrap();
    match end {
        End::Finished => assert_eq!(sink.finish().await.unwrap(), 1),
        End::Refused => drop(sink.finish().await.unwrap_err()),
        End::Aborted | End::GivenUp => {}
    }
}

// On one thread: what is polled once must not have been answered meanwhile by a task on another one.
#[tokio::test]
async fn f12_a_copy_however_it_ends_costs_neither_connection_nor_time() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let table = "f12_copies";
    for end in [End::Finished, End::Refused, End::Aborted, End::GivenUp] {
        fresh_table(server, table);
        let pool = one(&servers).await;
        let mut client = pool.get().await.unwrap();
        let before = id(&mut client).await;
        for _ in 0..3 {
            copy(postgres(&client), table, end).await;
            drop(client);
            let begun = Instant::now();
            client = pool.get().await.unwrap();
            assert!(begun.elapsed() < AT_ONCE, "{end:?}: {:?}", begun.elapsed());
            assert_eq!(id(&mut client).await, before, "{end:?}");
        }
        let rows = if end == End::Finished { 3 } else { 0 };
        assert_eq!(committed_rows(server, table), rows, "{end:?}");
        drop(client);
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_copy_in_a_plain_query_costs_its_connection_and_no_time() {
    let servers = TestServers::shared();
    fresh_table(servers.of(Engine::Postgres), "f12_plain_copy");
    let pool = one(&servers).await;
    let mut client = pool.get().await.unwrap();
    let before = id(&mut client).await;
    ask(&mut client, "COPY f12_plain_copy FROM STDIN")
        .await
        .unwrap_err();
    drop(client);
    let begun = Instant::now();
    let mut client = pool.get().await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_ne!(id(&mut client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_copy_still_held_is_not_handed_on() {
    let servers = TestServers::shared();
    fresh_table(servers.of(Engine::Postgres), "f12_held_copy");
    let pool = one(&servers).await;
    let mut client = pool.get().await.unwrap();
    let before = id(&mut client).await;
    let statement = postgres(&client)
        .prepare("COPY f12_held_copy FROM STDIN")
        .await
        .unwrap();
    let held = postgres(&client)
        .copy_in::<_, Rows>(&statement)
        .await
        .unwrap();
    drop(client);
    let mut client = pool.get().await.unwrap();
    assert_ne!(answer(&mut client).await, before);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_an_answer_still_held_is_not_handed_on() {
    let servers = TestServers::shared();
    let pool = one(&servers).await;
    // Around what the driver takes in one read, so that the end comes with the rest or after it.
    for rows in [140, 143, 145, 147, 150, 400] {
        let client = pool.get().await.unwrap();
        let sql = format!("SELECT repeat('x', 100) FROM generate_series(1, {rows})");
        let statement = postgres(&client).prepare(&sql).await.unwrap();
        let nothing: [&str; 0] = [];
        let held = Box::pin(
            postgres(&client)
                .query_raw(&statement, nothing)
                .await
                .unwrap(),
        );
        // All of it has come by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(client);
        let mut client = pool.get().await.unwrap();
        answer(&mut client).await;
        drop(held);
    }
}

/// The session's number, if the connection answers at all.
async fn answer(client: &mut Client) -> String {
    timeout(Duration::from_secs(5), id(client))
        .await
        .expect("the connection answers")
}
