//! Checkouts and connects dropped at random points leave every count true: F10 and F11.

use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{sleep, timeout};

use super::fixture::{FakeEngine, limits, pool, settle};
use crate::pool::core::Core;
use crate::pool::engine::Condition;
use crate::pool::shared::Limits;
use crate::settings::Recycle;

/// One user of the pool.
#[derive(Clone, Debug)]
struct User {
    /// When it comes.
    after: u64,
    /// When it gives up, if it has not got and returned a connection by then.
    patience: u64,
    /// How long it keeps the connection.
    keeps: u64,
    /// In what state it leaves it.
    leaves: Condition,
}

fn user() -> impl Strategy<Value = User> {
    let leaves = prop_oneof![
        6 => Just(Condition::Clean),
        2 => Just(Condition::Dirty),
        1 => Just(Condition::Unproven),
        1 => Just(Condition::Closed),
    ];
    (0..200_u64, 0..60_u64, 0..20_u64, leaves).prop_map(|(after, patience, keeps, leaves)| User {
        after,
        patience,
        keeps,
        leaves,
    })
}

fn mode() -> impl Strategy<Value = Recycle> {
    prop_oneof![
        Just(Recycle::Fast),
        Just(Recycle::Verified),
        Just(Recycle::Clean)
    ]
}

/// Comes, takes a connection and brings it back, unless it runs out of patience before: then what is
/// not done is dropped wherever it stands.
async fn visit(pool: Core<FakeEngine>, user: User) {
    sleep(Duration::from_millis(user.after)).await;
    let visit = async {
        if let Ok(mut client) = pool.get().await {
            sleep(Duration::from_millis(user.keeps)).await;
            client.condition = user.leaves;
        }
    };
    let _ = timeout(Duration::from_millis(user.patience), visit).await;
}

/// A stretch of time in which the server is down: when it begins and how long it is.
type Outage = Option<(u64, u64)>;

async fn run(users: Vec<User>, recycle: Recycle, min_idle: usize, handshake: u64, outage: Outage) {
    let (pool, world) = pool(Limits {
        min_idle,
        recycle,
        ..limits(16)
    });
    *world.handshake.lock().unwrap() = Duration::from_millis(handshake);
    let mut tasks = Vec::new();
    for user in users {
        tasks.push(tokio::spawn(visit(pool.clone(), user)));
    }
    if let Some((begins, lasts)) = outage {
        sleep(Duration::from_millis(begins)).await;
        world.set_down(true);
        sleep(Duration::from_millis(lasts)).await;
        world.set_down(false);
    }
    for task in tasks {
        task.await.unwrap();
    }
    settle().await;
    // What the upkeep is still opening gets its time, backoff included.
    sleep(Duration::from_secs(12)).await;

    let status = pool.status();
    assert_eq!((status.in_use, status.waiters), (0, 0));
    assert_eq!((status.open, status.idle), (world.alive(), world.alive()));
    assert!(status.idle >= min_idle);
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(
            pool.get()
                .await
                .expect("all sixteen can be checked out in the end"),
        );
    }
    let status = pool.status();
    assert_eq!((status.open, status.idle, status.in_use), (16, 0, 16));
    assert_eq!(
        (world.alive(), world.most_alive.load(Ordering::SeqCst)),
        (16, 16)
    );
    drop(clients);
    pool.close(Duration::from_secs(1)).await.unwrap();
    assert_eq!(world.alive(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn f10_f11_what_is_dropped_at_random_points_leaves_every_count_true(
        users in prop::collection::vec(user(), 1..150),
        recycle in mode(),
        min_idle in 0..6_usize,
        handshake in 0..30_u64,
        outage in prop::option::of((0..150_u64, 1..150_u64)),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(users, recycle, min_idle, handshake, outage));
    }
}

/// The same on several threads and the real clock, where tasks truly meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f10_f11_hold_on_several_threads() {
    let (pool, world) = pool(limits(16));
    let mut tasks = Vec::new();
    for number in 0..2000 {
        let leaves = match number % 11 {
            0 => Condition::Closed,
            1 | 2 => Condition::Dirty,
            _ => Condition::Clean,
        };
        let user = User {
            after: number % 97,
            patience: number % 13,
            keeps: number % 3,
            leaves,
        };
        tasks.push(tokio::spawn(visit(pool.clone(), user)));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let status = pool.status();
    assert_eq!((status.in_use, status.waiters), (0, 0));
    assert_eq!((status.open, status.idle), (world.alive(), world.alive()));
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(pool.get().await.unwrap());
    }
    assert_eq!(
        (world.alive(), world.most_alive.load(Ordering::SeqCst)),
        (16, 16)
    );
}
