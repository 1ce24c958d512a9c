//! F01: a server that restarts.

use std::time::Duration;

use wa_db_lab::server::TestServers;

use super::fixture::{all_gone, ask, pause, pool};

#[tokio::test(flavor = "multi_thread")]
async fn f01_after_a_restart_of_the_server_the_next_checkouts_succeed() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        let pool = pool(server, servers.ca_file(), &[]).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(pool.get().await.unwrap());
        }
        let mut in_flight = clients.pop().unwrap();
        drop(clients);
        tokio::task::block_in_place(|| server.restart());
        assert!(
            ask(&mut in_flight, "SELECT 1").await.is_err(),
            "{:?}",
            server.engine()
        );
        drop(in_flight);
        let mut clients = Vec::new();
        for _ in 0..4 {
            let mut client = pool.get().await.unwrap();
            assert_eq!(
                ask(&mut client, "SELECT 1").await.as_deref(),
                Ok("1"),
                "{:?}",
                server.engine()
            );
            clients.push(client);
        }
        drop(clients);
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_sessions_that_are_killed_while_idle_are_replaced_unseen() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        let pool = pool(server, servers.ca_file(), &[]).await;
        let clients = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        drop(clients);
        // Longer than a MySQL connection counts as alive without being asked.
        tokio::time::sleep(Duration::from_millis(600)).await;
        tokio::task::block_in_place(|| server.kill_backends());
        all_gone(server).await;
        // The driver hears of it a moment later.
        pause(500).await;
        for _ in 0..3 {
            let mut client = pool.get().await.unwrap();
            assert_eq!(
                ask(&mut client, "SELECT 1").await.as_deref(),
                Ok("1"),
                "{:?}",
                server.engine()
            );
        }
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}
