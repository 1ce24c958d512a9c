//! What is done before a connection is handed on: F12 and what F06 needs of the core.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::fixture::{limits, pool, settle};
use crate::pool::engine::Condition;
use crate::pool::shared::Limits;
use crate::settings::Recycle;

#[tokio::test(start_paused = true)]
async fn each_mode_asks_the_server_only_as_much_as_it_must() {
    use Condition::{Clean, Dirty, Unproven};
    for (mode, left, asked) in [
        (Recycle::Fast, Clean, None),
        (Recycle::Fast, Unproven, Some(Recycle::Verified)),
        (Recycle::Fast, Dirty, Some(Recycle::Fast)),
        (Recycle::Verified, Clean, Some(Recycle::Verified)),
        (Recycle::Verified, Dirty, Some(Recycle::Verified)),
        (Recycle::Clean, Clean, Some(Recycle::Clean)),
        (Recycle::Clean, Dirty, Some(Recycle::Clean)),
    ] {
        let (pool, world) = pool(Limits {
            recycle: mode,
            ..limits(1)
        });
        let mut client = pool.get().await.unwrap();
        client.condition = left;
        drop(client);
        let client = pool.get().await.unwrap();
        assert_eq!(
            (client.id, client.condition),
            (0, Clean),
            "{mode:?} {left:?}"
        );
        assert_eq!(
            world.restored(),
            asked.into_iter().collect::<Vec<_>>(),
            "{mode:?} {left:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn f12_a_connection_that_cannot_be_put_in_order_is_replaced() {
    let (pool, world) = pool(limits(1));
    let mut client = pool.get().await.unwrap();
    client.condition = Condition::Dirty;
    drop(client);
    world
        .restores
        .lock()
        .unwrap()
        .push_back(Err("still inside a transaction"));
    let client = pool.get().await.unwrap();
    assert_eq!((client.id, world.alive()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn f12_a_connection_returned_closed_is_gone_at_once_and_the_others_are_asked() {
    let (pool, world) = pool(limits(3));
    let (mut dead, first, second) = (
        pool.get().await.unwrap(),
        pool.get().await.unwrap(),
        pool.get().await.unwrap(),
    );
    drop(first);
    drop(second);
    dead.condition = Condition::Closed;
    drop(dead);
    assert_eq!((world.alive(), pool.status().open), (2, 2));
    // Each of the others is asked once, and then trusted again.
    for _ in 0..3 {
        let clients = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        drop(clients);
    }
    assert_eq!(world.restored(), [Recycle::Verified, Recycle::Verified]);
}

#[tokio::test(start_paused = true)]
async fn f06_a_silent_server_costs_one_deadline_not_one_for_each_connection() {
    let read_timeout = Duration::from_secs(2);
    let (pool, world) = pool(Limits {
        recycle: Recycle::Verified,
        read_timeout,
        ..limits(8)
    });
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(pool.get().await.unwrap());
    }
    drop(clients);
    world.silent.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let client = pool.get().await.unwrap();
    let elapsed = begun.elapsed();
    assert!(
        elapsed >= read_timeout && elapsed <= read_timeout.mul_f64(1.1),
        "{elapsed:?}"
    );
    assert_eq!(
        (client.id, world.alive()),
        (8, 1),
        "the eight that were silent are gone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_discarded_connection_is_closed() {
    let (pool, world) = pool(limits(2));
    pool.get().await.unwrap().discard();
    settle().await;
    assert_eq!((world.alive(), pool.status().open), (0, 0));
    assert_eq!(pool.get().await.unwrap().id, 1);
}
