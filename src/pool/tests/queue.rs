//! Who gets a connection, and when: F07 and F09.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fixture::{limits, pool, settle};
use crate::pool::PoolError;
use crate::pool::shared::Limits;

#[tokio::test(start_paused = true)]
async fn f07_a_waiter_gets_its_error_at_the_timeout_neither_early_nor_late() {
    for wait_ms in [50, 250, 5000] {
        let wait_timeout = Duration::from_millis(wait_ms);
        let (pool, _) = pool(Limits {
            wait_timeout,
            ..limits(1)
        });
        let held = pool.get().await.unwrap();
        let begun = Instant::now();
        let error = pool.get().await.err().unwrap();
        let elapsed = begun.elapsed();
        assert!(
            elapsed >= wait_timeout && elapsed <= wait_timeout.mul_f64(1.1),
            "{elapsed:?}"
        );
        assert!(
            matches!(error, PoolError::Timeout { max_size: 1, last_failure: None, waited } if waited == elapsed)
        );
        drop(held);
    }
}

#[tokio::test]
async fn f07_the_timeout_holds_on_the_real_clock_too() {
    let wait_timeout = Duration::from_millis(300);
    let (pool, _) = pool(Limits {
        wait_timeout,
        ..limits(1)
    });
    let _held = pool.get().await.unwrap();
    // A busy machine is late with everything, now and then.
    for _ in 0..8 {
        let begun = std::time::Instant::now();
        assert!(pool.get().await.is_err());
        let elapsed = begun.elapsed();
        assert!(elapsed >= wait_timeout, "{elapsed:?}");
        if elapsed <= wait_timeout.mul_f64(1.1) {
            return;
        }
    }
    panic!("late each time");
}

#[tokio::test(start_paused = true)]
async fn f07_a_returned_connection_reaches_the_first_waiter() {
    let (pool, _) = pool(limits(1));
    let held = pool.get().await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiters = Vec::new();
    for number in 0..8 {
        let (pool, order) = (pool.clone(), Arc::clone(&order));
        waiters.push(tokio::spawn(async move {
            let client = pool.get().await.unwrap();
            order.lock().unwrap().push(number);
            sleep(Duration::from_millis(10)).await;
            drop(client);
        }));
        settle().await;
    }
    assert_eq!(pool.status().waiters, 8);
    drop(held);
    // Whoever comes now stands behind those who wait, even while a connection changes hands.
    let late = pool.get().await.unwrap();
    assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<_>>());
    drop(late);
    for waiter in waiters {
        waiter.await.unwrap();
    }
    assert_eq!(pool.status().waiters, 0);
}

#[tokio::test(start_paused = true)]
async fn f09_a_burst_of_1000_tasks_never_opens_more_than_16_and_is_served_in_order() {
    let (pool, world) = pool(Limits {
        wait_timeout: Duration::from_secs(60),
        ..limits(16)
    });
    *world.handshake.lock().unwrap() = Duration::from_millis(5);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..1000 {
        let (pool, order) = (pool.clone(), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let client = pool.get().await.unwrap();
            order.lock().unwrap().push(number);
            sleep(Duration::from_millis(3)).await;
            drop(client);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.most_alive.load(Ordering::SeqCst), 16);
    assert_eq!(world.opened(), 16);
    // The first sixteen connect together; all others come in the order in which they asked.
    let order = order.lock().unwrap();
    assert_eq!(order[16..], (16..1000).collect::<Vec<_>>());
    let status = pool.status();
    assert_eq!(
        (status.open, status.idle, status.in_use, status.waiters),
        (16, 16, 0, 0)
    );
}

#[tokio::test]
async fn a_task_that_checks_out_over_and_over_lets_others_run() {
    let (pool, _) = pool(limits(1));
    let other = tokio::spawn(async {});
    for _ in 0..10_000 {
        drop(pool.get().await.unwrap());
        if other.is_finished() {
            return;
        }
    }
    panic!("the other task never ran");
}
