//! Checkout and return on a warm pool, no query in between.

use std::time::{Duration, Instant};

use super::warm::{self, Work};
use crate::bed::Bed;
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::Peer;
use crate::report::{Against, Goal, Unit, table};

const POOL: usize = 8;
const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 60,
    turn: Duration::from_millis(40),
    limit: Duration::from_secs(20),
};
const GOAL: Goal = Goal {
    ratio: 0.97,
    against: Against::Best,
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from("\n### Checkout and return on a warm pool of 8\n");
    for target in bed.targets() {
        let contestants = warm::contestants::<Checkout>(target, POOL).await;
        let samples = side_by_side(contestants, PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Rate, &[GOAL]);
    }
    tables
}

struct Checkout;

impl Work for Checkout {
    fn contestant<P: Peer>(pool: P) -> Contestant {
        Contestant::new(P::NAME, move |count| {
            let pool = pool.clone();
            let working = tokio::spawn(async move {
                let started = Instant::now();
                for _ in 0..count {
                    drop(pool.checkout().await);
                }
                started.elapsed()
            });
            async move { working.await.expect("the contestant does not fail") }
        })
    }
}
