//! F04, F05, F06 and F17: a network that swallows, resets and refuses.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use wa_db::code::ErrorCode;
use wa_db::pool::{Client, Pool, PoolError};
use wa_db::settings::Settings;
use wa_db_lab::fake::{Proxy, Unreachable};
use wa_db_lab::server::{Server, TestServers};

use super::fixture::{ask, on_each, pause, settings};

/// A proxy before the server.
fn proxy(server: &Server) -> Proxy {
    Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()))).unwrap()
}

/// Settings that lead through the proxy, with more variables.
fn through(proxy: &Proxy, server: &Server, ca: &Path, more: &[(&str, &str)]) -> Settings {
    let port = proxy.port().to_string();
    let mut all = vec![("WA_DB_PORT", port.as_str())];
    all.extend_from_slice(more);
    settings(server, ca, &all)
}

/// Fails unless this much time passed, and less than two more questions or a second connection
/// would have taken. (How punctual a deadline is on an idle machine is A15's matter.)
fn assert_at(deadline: Duration, begun: Instant, context: &str) {
    let elapsed = begun.elapsed();
    assert!(elapsed >= deadline, "{context}: early, after {elapsed:?}");
    let latest = deadline + Duration::from_millis(3800);
    assert!(elapsed <= latest, "{context}: late, after {elapsed:?}");
}

/// Waits until the proxy sees this many connections kept open by the pool.
async fn live(proxy: &Proxy, connections: usize, context: &str) {
    let begun = Instant::now();
    while proxy.live() != connections {
        let seen = proxy.live();
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{context}: {seen} live"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn select_1(pool: &Pool) -> Result<Client, PoolError> {
    let mut client = pool.get().await?;
    assert_eq!(ask(&mut client, "SELECT 1").await.as_deref(), Ok("1"));
    Ok(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_black_hole_at_connect_fails_at_the_deadline() {
    on_each(&TestServers::shared(), async |server, ca| {
        let nowhere = Unreachable::start().unwrap();
        let port = nowhere.address().port().to_string();
        let more = [
            ("WA_DB_PORT", port.as_str()),
            ("WA_DB_CONNECT_TIMEOUT", "4s"),
        ];
        let context = format!("{:?}", server.engine());
        let pool = Pool::connect_lazy(&settings(server, ca, &more)).unwrap();
        let begun = Instant::now();
        let error = pool.get().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Timeout), "{context}: {error}");
        assert_at(Duration::from_secs(4), begun, &context);
        assert_eq!(pool.status().open, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f05_a_black_hole_in_the_handshake_fails_at_the_deadline_and_leaves_nothing() {
    on_each(&TestServers::shared(), async |server, ca| {
        let context = format!("{:?}", server.engine());
        let proxy = proxy(server);
        let more = [("WA_DB_CONNECT_TIMEOUT", "4s")];
        let pool = Pool::connect_lazy(&through(&proxy, server, ca, &more)).unwrap();
        proxy.freeze();
        let begun = Instant::now();
        let error = pool.get().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Timeout), "{context}: {error}");
        assert_at(Duration::from_secs(4), begun, &context);
        live(&proxy, 0, &context).await;
        proxy.thaw();
        select_1(&pool).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_a_black_hole_on_a_live_session_fails_at_the_deadline_and_evicts_it() {
    on_each(&TestServers::shared(), async |server, ca| {
        let context = format!("{:?}", server.engine());
        let proxy = proxy(server);
        let more = [
            ("WA_DB_POOL_RECYCLE", "verified"),
            ("WA_DB_READ_TIMEOUT", "2"),
            ("WA_DB_CONNECT_TIMEOUT", "4s"),
        ];
        let pool = Pool::connect(&through(&proxy, server, ca, &more))
            .await
            .unwrap();
        let clients = [
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
            pool.get().await.unwrap(),
        ];
        drop(clients);
        assert_eq!(pool.status().idle, 3, "{context}");
        // What the drivers still have to do after the last answer is done by then.
        pause(100).await;

        proxy.freeze();
        let begun = Instant::now();
        let error = pool.get().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Timeout), "{context}: {error}");
        // One question and one new connection, not one question for each that was idle.
        assert_at(Duration::from_secs(6), begun, &context);
        assert_eq!(pool.status().open, 0, "{context}");
        live(&proxy, 0, &context).await;

        proxy.thaw();
        select_1(&pool).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_a_session_in_someones_hands_that_goes_silent_is_evicted_when_it_comes_back() {
    on_each(&TestServers::shared(), async |server, ca| {
        let context = format!("{:?}", server.engine());
        let proxy = proxy(server);
        let more = [("WA_DB_READ_TIMEOUT", "2"), ("WA_DB_CONNECT_TIMEOUT", "4s")];
        let pool = Pool::connect(&through(&proxy, server, ca, &more))
            .await
            .unwrap();
        let mut client = pool.get().await.unwrap();
        proxy.freeze();
        let query = ask(&mut client, "SELECT 1");
        assert!(
            tokio::time::timeout(Duration::from_millis(200), query)
                .await
                .is_err(),
            "{context}"
        );
        drop(client);
        let begun = Instant::now();
        let error = pool.get().await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Timeout), "{context}: {error}");
        // The question to it, and a new connection.
        assert!(
            begun.elapsed() < Duration::from_millis(9800),
            "{context}: {:?}",
            begun.elapsed()
        );
        live(&proxy, 0, &context).await;
        proxy.thaw();
        select_1(&pool).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_thousand_tasks_find_the_server_again_without_a_storm() {
    on_each(&TestServers::shared(), async |server, ca| {
        let context = format!("{:?}", server.engine());
        let proxy = proxy(server);
        let more = [("WA_DB_POOL_WAIT_TIMEOUT", "30s")];
        let pool = Pool::connect(&through(&proxy, server, ca, &more))
            .await
            .unwrap();
        proxy.refuse(true).unwrap();
        proxy.reset_all();
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    loop {
                        // A connection that the reset has reached unnoticed fails once.
                        if let Ok(mut client) = pool.get().await
                            && ask(&mut client, "SELECT 1").await.is_ok()
                        {
                            return;
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = proxy.connections();
        proxy.refuse(false).unwrap();
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(60), task)
                .await
                .expect(&context)
                .unwrap();
        }
        let opened = proxy.connections() - before;
        assert!(
            opened <= 16,
            "{context}: {opened} connections for a pool of 16"
        );
        pool.close(Duration::from_secs(5)).await.unwrap();
    })
    .await;
}
