//! The end of a pool.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fixture::{limits, pool, settle};
use crate::pool::PoolError;
use crate::pool::engine::Condition;
use crate::pool::shared::Limits;

#[tokio::test(start_paused = true)]
async fn closing_ends_idle_connections_and_waiters_and_waits_for_those_out() {
    let (pool, world) = pool(Limits {
        min_idle: 1,
        ..limits(3)
    });
    let clients = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    settle().await;
    let third = pool.get().await.unwrap();
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.err() }
    });
    settle().await;
    tokio::spawn(async move {
        sleep(Duration::from_millis(200)).await;
        drop(clients);
        sleep(Duration::from_millis(100)).await;
        drop(third);
    });
    let begun = Instant::now();
    pool.close(Duration::from_secs(5)).await.unwrap();
    assert_eq!(begun.elapsed().as_millis(), 300);
    assert_eq!((world.alive(), pool.status().open), (0, 0));
    assert!(matches!(waiter.await.unwrap(), Some(PoolError::Closed)));
    assert!(matches!(pool.get().await.err(), Some(PoolError::Closed)));
    assert!(pool.is_closed());
    pool.close(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_at_its_deadline_and_says_how_many_are_out() {
    let (pool, world) = pool(limits(3));
    let client = pool.get().await.unwrap();
    drop(pool.get().await.unwrap());
    let begun = Instant::now();
    let error = pool.close(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(begun.elapsed().as_millis(), 2000);
    assert!(
        matches!(error, PoolError::StillInUse { connections: 1, .. }),
        "{error:?}"
    );
    drop(client);
    settle().await;
    assert_eq!(world.alive(), 0, "returned after the close, so closed");
}

#[tokio::test(start_paused = true)]
async fn connections_end_with_a_goodbye_for_which_closing_waits() {
    let (pool, world) = pool(Limits {
        min_idle: 1,
        ..limits(4)
    });
    let out = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    drop(pool.get().await.unwrap());
    let mut lost = pool.get().await.unwrap();
    lost.condition = Condition::Closed;
    drop(lost);
    assert_eq!(world.parted(), 0, "there is nobody to say goodbye to");
    let opened = world.opened();
    drop(out);
    pool.close(Duration::from_secs(1)).await.unwrap();
    assert_eq!(world.parted(), opened - 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_under_way_when_the_pool_closes_is_not_handed_out() {
    let (pool, world) = pool(limits(3));
    *world.handshake.lock().unwrap() = Duration::from_millis(500);
    let opening = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.err() }
    });
    settle().await;
    pool.close(Duration::from_secs(2)).await.unwrap();
    assert!(matches!(opening.await.unwrap(), Some(PoolError::Closed)));
    assert_eq!(world.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_pool_ends_everything_but_what_is_out() {
    let (pool, world) = pool(Limits {
        min_idle: 2,
        ..limits(8)
    });
    sleep(Duration::from_secs(1)).await;
    let clients = [
        pool.get().await.unwrap(),
        pool.get().await.unwrap(),
        pool.get().await.unwrap(),
    ];
    sleep(Duration::from_secs(1)).await;
    assert!(world.alive() > 3);
    drop(pool);
    settle().await;
    assert_eq!(world.alive(), 3);
    drop(clients);
    settle().await;
    assert_eq!(world.alive(), 0);
    // The upkeep and whatever else held the world are gone with it.
    settle().await;
    assert_eq!(Arc::strong_count(&world), 1);
}
