//! New sessions, each with one select, by 16 clients at a time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use wa_db_lab::server::Engine;

use super::tunnel::plain;
use crate::bed::Bed;
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::bare;
use crate::pgbench;
use crate::report::{Unit, table};
use crate::ways::{Tunnel, Ways};

const CLIENTS: u32 = 16;
const SESSIONS: usize = 100;
const PLAN: Plan = Plan {
    pause: Duration::from_millis(50),
    rounds: 16,
    turn: Duration::from_millis(500),
    limit: Duration::from_secs(45),
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from(
        "\n### New sessions through the tunnel, one select each\n\nPgBouncer keeps its connections to the \
         server, so that its new sessions cost no handshake there; stunnel's client logs in with MD5.\n",
    );
    for target in bed.targets() {
        let samples = if target.engine == Engine::Postgres {
            pgbench::initialise(target);
            let ways = Ways::open(target, SESSIONS);
            let contestants =
                ways.contestants(|name, by| pgbench::new_sessions(name, target, by, CLIENTS));
            side_by_side(contestants, PLAN).await
        } else {
            let tunnel = Tunnel::start(target, SESSIONS);
            let contestants = vec![
                new_sessions("mysql_async, wa-db tunnel", plain(target, tunnel.port)),
                new_sessions(
                    "mysql_async, its own TLS",
                    bare::mysql_options(target).into(),
                ),
            ];
            side_by_side(contestants, PLAN).await
        };
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Rate, &[]);
    }
    tables
}

fn new_sessions(name: &'static str, options: Opts) -> Contestant {
    Contestant::new(name, move |count| {
        let options = options.clone();
        async move {
            let each = count.div_ceil(CLIENTS);
            let started = Instant::now();
            let tasks = (0..CLIENTS).map(|_| {
                let options = options.clone();
                tokio::spawn(async move {
                    for _ in 0..each {
                        let mut conn = Conn::new(options.clone()).await.expect("the way is open");
                        let one: Option<i32> = conn.query_first("SELECT 1").await.expect("a row");
                        assert_eq!(one, Some(1));
                        conn.disconnect().await.expect("the session ends");
                    }
                })
            });
            for outcome in join_all(tasks).await {
                outcome.expect("no panic");
            }
            let took = started.elapsed().as_secs_f64();
            Duration::from_secs_f64(took * f64::from(count) / f64::from(each * CLIENTS))
        }
    })
}
