//! A MySQL pool whose policy needs the wire depth, and so the relay within the process, beside the
//! same pool at direct depth, alone and with a program in between that only copies.

use std::time::Duration;

use super::load::Load;
use super::warm::{Work, warm};
use crate::bed::Bed;
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::ours::{MySql, PinnedMySql};
use crate::report::{Against, Goal, Unit, table};
use crate::ways::HaProxy;
use wa_db_lab::server::Engine;

const POOL: usize = 8;
const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 40,
    turn: Duration::from_millis(150),
    limit: Duration::from_secs(40),
};
const GOAL: Goal = Goal {
    ratio: 0.85,
    against: Against::Second,
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from(
        "\n### Wire depth: 64 tasks over 8 connections of a pool with pins, each a prepared `SELECT 1`\n",
    );
    for target in bed.targets() {
        if target.engine == Engine::Postgres {
            continue;
        }
        let copying = HaProxy::start(target);
        let copied = Contestant {
            name: "wa-db through HAProxy, which only copies",
            ..Load::contestant(warm::<MySql>(&copying.target, POOL).await)
        };
        let contestants = vec![
            Load::contestant(warm::<PinnedMySql>(target, POOL).await),
            Load::contestant(warm::<MySql>(target, POOL).await),
            copied,
        ];
        let samples = side_by_side(contestants, PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Rate, &[GOAL]);
    }
    tables
}
