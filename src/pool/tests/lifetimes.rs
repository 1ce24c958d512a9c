//! How long connections are kept, and how many ahead.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fixture::{limits, pool, settle};
use crate::pool::engine::Condition;
use crate::pool::shared::Limits;

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_its_timeout_and_at_most_a_tenth_later() {
    let idle = Duration::from_secs(10);
    let (pool, world) = pool(Limits {
        idle_timeout: Some(idle),
        ..limits(4)
    });
    drop(pool.get().await.unwrap());
    let begun = Instant::now();
    while world.alive() > 0 {
        sleep(Duration::from_millis(10)).await;
        assert!(begun.elapsed() < Duration::from_secs(60), "never ended");
    }
    let kept = begun.elapsed();
    assert!(kept >= idle && kept <= idle.mul_f64(1.11), "{kept:?}");
    assert_eq!(pool.status().open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_idle_and_its_time_begins_at_its_return() {
    let idle = Duration::from_secs(10);
    let (pool, world) = pool(Limits {
        idle_timeout: Some(idle),
        ..limits(4)
    });
    let client = pool.get().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    drop(client);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(world.alive(), 1);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(world.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn lifetimes_are_jittered_by_a_tenth_either_way() {
    let lifetime = Duration::from_secs(1000);
    let (pool, world) = pool(Limits {
        max_lifetime: lifetime,
        ..limits(64)
    });
    let mut clients = Vec::new();
    for _ in 0..64 {
        clients.push(pool.get().await.unwrap());
    }
    drop(clients);
    sleep(Duration::from_secs(895)).await;
    assert_eq!(world.alive(), 64, "ended too early");
    sleep(Duration::from_secs(105)).await;
    let middle = world.alive();
    assert!(
        middle > 8 && middle < 56,
        "{middle} of 64 left in the middle: no jitter"
    );
    sleep(Duration::from_secs(110)).await;
    assert_eq!(world.alive(), 0, "kept too long");
}

#[tokio::test(start_paused = true)]
async fn a_connection_always_in_use_at_the_upkeep_still_ends_with_its_lifetime() {
    let (pool, world) = pool(Limits {
        max_lifetime: Duration::from_secs(100),
        ..limits(1)
    });
    for _ in 0..30 {
        let client = pool.get().await.unwrap();
        sleep(Duration::from_secs(10)).await;
        drop(client);
    }
    assert!(
        world.opened() >= 3,
        "{} connections in three lifetimes",
        world.opened()
    );
    assert_eq!(world.alive(), pool.status().open);
}

#[tokio::test(start_paused = true)]
async fn min_idle_is_filled_in_the_background_and_again_after_a_loss() {
    let (pool, world) = pool(Limits {
        min_idle: 4,
        ..limits(8)
    });
    *world.handshake.lock().unwrap() = Duration::from_millis(20);
    sleep(Duration::from_millis(100)).await;
    assert_eq!((pool.status().open, pool.status().idle), (4, 4));

    // Spares are used before anything new is opened.
    let mut client = pool.get().await.unwrap();
    assert_eq!(
        client.id, 3,
        "a new connection was opened though four were ready"
    );
    client.condition = Condition::Closed;
    drop(client);
    sleep(Duration::from_millis(100)).await;
    assert_eq!((pool.status().open, pool.status().idle), (4, 4));
    assert_eq!(world.alive(), 4);
}

#[tokio::test(start_paused = true)]
async fn min_idle_never_exceeds_the_size_of_the_pool() {
    let (pool, world) = pool(Limits {
        min_idle: 3,
        ..limits(4)
    });
    settle().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(pool.get().await.unwrap());
        settle().await;
        sleep(Duration::from_secs(6)).await;
    }
    assert_eq!(world.alive(), 4);
    assert_eq!(world.most_alive.load(Ordering::SeqCst), 4);
    assert_eq!(
        (pool.status().open, pool.status().idle, pool.status().in_use),
        (4, 0, 4)
    );
}

#[tokio::test(start_paused = true)]
async fn a_checkout_takes_the_last_place_as_soon_as_the_connection_opened_ahead_is_ready() {
    let (pool, world) = pool(Limits {
        min_idle: 1,
        ..limits(1)
    });
    *world.handshake.lock().unwrap() = Duration::from_millis(20);
    settle().await;
    let begun = Instant::now();
    let client = pool.get().await.unwrap();
    assert_eq!((client.id, world.opened()), (0, 1));
    assert!(
        begun.elapsed() < Duration::from_millis(25),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn without_persistence_no_connection_stays_idle() {
    let (pool, world) = pool(Limits {
        keep_idle: false,
        ..limits(4)
    });
    for round in 1..=3 {
        let client = pool.get().await.unwrap();
        assert_eq!(world.alive(), 1);
        drop(client);
        settle().await;
        assert_eq!((world.alive(), world.opened()), (0, round));
    }
    assert_eq!((pool.status().open, pool.status().idle), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_only_after_the_goodbye() {
    let (pool, world) = pool(Limits {
        keep_idle: false,
        ..limits(1)
    });
    for _ in 0..5 {
        drop(pool.get().await.unwrap());
    }
    assert_eq!(world.opened(), 5);
    assert_eq!(world.most_alive.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_connection_used_last_is_used_first_so_that_the_rest_can_end() {
    let idle = Duration::from_secs(10);
    let (pool, world) = pool(Limits {
        idle_timeout: Some(idle),
        ..limits(4)
    });
    let clients = [
        pool.get().await.unwrap(),
        pool.get().await.unwrap(),
        pool.get().await.unwrap(),
    ];
    drop(clients);
    for _ in 0..15 {
        drop(pool.get().await.unwrap());
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.alive(), 1);
}
