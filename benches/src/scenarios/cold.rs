//! From nothing to 32 connections in hand: the pool, its TLS connector and all handshakes.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::bed::{Bed, Target};
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::{Peer, Visitor, visit};
use crate::report::{Against, Goal, Unit, table};

const POOL: usize = 32;
const PLAN: Plan = Plan {
    pause: Duration::from_millis(150),
    rounds: 40,
    turn: Duration::from_millis(1),
    limit: Duration::from_secs(60),
};
const GOAL: Goal = Goal {
    ratio: 1.0,
    against: Against::Best,
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from("\n### Cold pool to 32 ready connections\n");
    for target in bed.targets() {
        let mut cold = Cold {
            target,
            contestants: Vec::new(),
        };
        visit(target.engine, &mut cold).await;
        let samples = side_by_side(cold.contestants, PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Time, &[GOAL]);
    }
    tables
}

struct Cold<'a> {
    target: &'a Target,
    contestants: Vec<Contestant>,
}

impl Visitor for Cold<'_> {
    async fn visit<P: Peer>(&mut self) {
        let target = self.target.clone();
        self.contestants
            .push(Contestant::new(P::NAME, move |count| {
                let target = target.clone();
                async move {
                    let mut spent = Duration::ZERO;
                    for _ in 0..count {
                        spent += fill::<P>(target.clone()).await;
                    }
                    spent
                }
            }));
    }
}

async fn fill<P: Peer>(target: Target) -> Duration {
    let filling = tokio::spawn(async move {
        let started = Instant::now();
        let pool = P::cold(&target, POOL).await;
        let tasks = (0..POOL).map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.checkout().await })
        });
        let connections: Vec<_> = join_all(tasks).await;
        let took = started.elapsed();
        for connection in connections {
            drop(connection.expect("the contestant does not fail"));
        }
        pool.close().await;
        took
    });
    filling.await.expect("the contestant does not fail")
}
