//! 64 tasks that share 8 connections, each running a prepared `SELECT 1` over and over.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::warm::{self, Work};
use crate::bed::Bed;
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::Peer;
use crate::report::{Against, Goal, Unit, table};

const POOL: usize = 8;
const TASKS: u32 = 64;
/// Clients and servers share the processors here, so that two turns of the same contestant differ by a
/// tenth: it takes hundreds of rounds to tell one hundredth.
const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 240,
    turn: Duration::from_millis(120),
    limit: Duration::from_secs(150),
};
const GOAL: Goal = Goal {
    ratio: 0.97,
    against: Against::Best,
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables =
        String::from("\n### 64 tasks over 8 connections, each a prepared `SELECT 1` at a time\n");
    for target in bed.targets() {
        let contestants = warm::contestants::<Load>(target, POOL).await;
        let samples = side_by_side(contestants, PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Rate, &[GOAL]);
    }
    tables
}

/// That work.
pub(super) struct Load;

impl Work for Load {
    fn contestant<P: Peer>(pool: P) -> Contestant {
        Contestant::new(P::NAME, move |count| {
            let pool = pool.clone();
            async move {
                let started = Instant::now();
                let tasks = (0..TASKS).map(|task| {
                    let pool = pool.clone();
                    // As many in all as asked for, shared as evenly as can be.
                    let share = (count + TASKS - 1 - task) / TASKS;
                    tokio::spawn(async move {
                        for _ in 0..share {
                            P::select(&mut pool.checkout().await).await;
                        }
                    })
                });
                for outcome in join_all(tasks).await {
                    outcome.expect("the contestant does not fail");
                }
                started.elapsed()
            }
        })
    }
}
