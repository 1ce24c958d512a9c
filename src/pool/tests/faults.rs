//! A server that is away and comes back: F17.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fixture::{limits, pool};
use crate::pool::PoolError;
use crate::pool::shared::Limits;

#[tokio::test(start_paused = true)]
async fn f17_a_thousand_tasks_in_an_outage_make_few_handshakes_with_growing_pauses() {
    let (pool, world) = pool(Limits {
        wait_timeout: Duration::from_secs(30),
        ..limits(16)
    });
    *world.handshake.lock().unwrap() = Duration::from_millis(10);
    world.set_down(true);
    let mut tasks = Vec::new();
    for _ in 0..1000 {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                match pool.get().await {
                    Ok(client) => {
                        sleep(Duration::from_millis(1)).await;
                        drop(client);
                        return;
                    }
                    Err(PoolError::Connect(_) | PoolError::Timeout { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    sleep(Duration::from_secs(20)).await;
    assert!(world.most_handshakes.load(Ordering::SeqCst) <= 16);
    {
        let attempts = world.attempts.lock().unwrap();
        assert!(
            (20..=80).contains(&attempts.len()),
            "{} attempts in 20 s",
            attempts.len()
        );
        // After the first burst one at a time, and the pauses reach their full length.
        let pauses: Vec<_> = attempts
            .windows(2)
            .skip(16)
            .map(|pair| pair[1] - pair[0])
            .collect();
        assert!(
            pauses
                .iter()
                .all(|pause| *pause >= Duration::from_millis(25)),
            "{pauses:?}"
        );
        assert!(
            pauses
                .iter()
                .skip(6)
                .all(|pause| *pause >= Duration::from_millis(500)),
            "{pauses:?}"
        );
        assert!(
            pauses.windows(2).any(|pair| pair[0] != pair[1]),
            "no jitter"
        );
    }
    world.set_down(false);
    let back = Instant::now();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(
        back.elapsed() < Duration::from_secs(3),
        "{:?} after the server came back",
        back.elapsed()
    );
    assert!(world.most_handshakes.load(Ordering::SeqCst) <= 16);
    assert_eq!(world.most_alive.load(Ordering::SeqCst), 16);
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_is_told_at_once() {
    let (pool, world) = pool(limits(4));
    world.set_down(true);
    let begun = Instant::now();
    assert!(matches!(
        pool.get().await.err(),
        Some(PoolError::Connect(_))
    ));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_told_why_no_connection_could_be_opened() {
    let (pool, world) = pool(Limits {
        wait_timeout: Duration::from_millis(20),
        ..limits(1)
    });
    world.set_down(true);
    assert!(pool.get().await.is_err());
    *world.handshake.lock().unwrap() = Duration::from_secs(1);
    let holds_the_place = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.err() }
    });
    tokio::task::yield_now().await;
    let error = pool.get().await.err().unwrap();
    assert!(
        matches!(
            error,
            PoolError::Timeout {
                last_failure: Some(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(std::error::Error::source(&error).is_some());
    holds_the_place.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn cold_connections_are_opened_together() {
    let (pool, world) = pool(limits(32));
    *world.handshake.lock().unwrap() = Duration::from_millis(40);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.get().await.unwrap() })
        })
        .collect();
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await.unwrap());
    }
    assert!(
        begun.elapsed() < Duration::from_millis(45),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(clients.len(), 32);
}
