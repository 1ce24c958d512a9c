//! One new verified connection, `SELECT 1`, and a proper goodbye.

use std::time::{Duration, Instant};

use wa_db_lab::server::Engine;

use crate::bed::{Bed, Target};
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::{Dialer, bare, ours, sqlx};
use crate::report::{Against, Goal, Unit, table};

const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 60,
    turn: Duration::from_millis(60),
    limit: Duration::from_secs(30),
};
const GOAL: Goal = Goal {
    ratio: 1.05,
    against: Against::Second,
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from("\n### A new verified connection, `SELECT 1`, close\n");
    for target in bed.targets() {
        let samples = side_by_side(contestants(target), PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Time, &[GOAL]);
    }
    tables
}

fn contestants(target: &Target) -> Vec<Contestant> {
    match target.engine {
        Engine::Postgres => vec![
            contestant::<ours::PostgresDialer>(target),
            contestant::<bare::PostgresDialer>(target),
            contestant::<sqlx::PostgresDialer>(target),
        ],
        Engine::MariaDb | Engine::MySql => vec![
            contestant::<ours::MySqlDialer>(target),
            contestant::<bare::MySqlDialer>(target),
            contestant::<sqlx::MySqlDialer>(target),
        ],
    }
}

fn contestant<D: Dialer>(target: &Target) -> Contestant {
    let dialer = D::new(target);
    Contestant::new(D::NAME, move |count| {
        let dialer = dialer.clone();
        let working = tokio::spawn(async move {
            let started = Instant::now();
            for _ in 0..count {
                dialer.select_once().await;
            }
            started.elapsed()
        });
        async move { working.await.expect("the contestant does not fail") }
    })
}
