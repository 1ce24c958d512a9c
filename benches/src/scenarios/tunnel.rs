//! Point selects through the tunnel and through what else does TLS for a client.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use wa_db_lab::server::Engine;

use crate::bed::{ACCOUNT, Bed, DB, Target};
use crate::measure::{Contestant, Plan, side_by_side};
use crate::peers::bare;
use crate::pgbench::{self, By};
use crate::report::{Against, Goal, Unit, table};
use crate::ways::{HaProxy, PGBOUNCER, STUNNEL, Tunnel, Ways};

const CLIENTS: [u32; 3] = [1, 16, 64];
const SESSIONS: usize = 100;
/// Turns are long because each begins with new sessions at the server, whose first selects are slow, but
/// for `PgBouncer`, which keeps its own.
const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 8,
    turn: Duration::from_secs(2),
    limit: Duration::from_secs(180),
};
/// What is promised of 16 clients.
const GOALS: [Goal; 3] = [
    Goal {
        ratio: 0.95,
        against: Against::Second,
    },
    Goal {
        ratio: 1.0,
        against: Against::Named(STUNNEL),
    },
    Goal {
        ratio: 1.0,
        against: Against::Named(PGBOUNCER),
    },
];

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from(
        "\n### Point selects through the tunnel\n\nHAProxy does nothing but copy what client and server have encrypted: it shows what any \
         program in between costs on this machine.\n",
    );
    for target in bed.targets() {
        if target.engine == Engine::Postgres {
            pgbench::initialise(target);
        } else {
            fill(target).await;
        }
        for clients in CLIENTS {
            let title = format!("{}, {clients} clients", target.label);
            let goals = if clients == 16 { &GOALS[..] } else { &[] };
            let copying = HaProxy::start(target);
            let samples = if target.engine == Engine::Postgres {
                // They live as long as the contestants that go by them.
                let ways = Ways::open(target, SESSIONS);
                let mut contestants =
                    ways.contestants(|name, by| pgbench::point_selects(name, target, by, clients));
                let name = "client, its own TLS through HAProxy, which only copies";
                contestants.push(pgbench::point_selects(
                    name,
                    &copying.target,
                    By::OwnTls,
                    clients,
                ));
                side_by_side(contestants, PLAN).await
            } else {
                let tunnel = Tunnel::start(target, SESSIONS);
                let through = plain(target, tunnel.port);
                let own = bare::mysql_options(target).into();
                let copied = bare::mysql_options(&copying.target).into();
                let contestants = vec![
                    point_selects("mysql_async, wa-db tunnel", &through, clients).await,
                    point_selects("mysql_async, its own TLS", &own, clients).await,
                    point_selects(
                        "mysql_async, its own TLS through HAProxy, which only copies",
                        &copied,
                        clients,
                    )
                    .await,
                ];
                side_by_side(contestants, PLAN).await
            };
            assert!(bed.is_alive(), "a server died");
            tables += &table(&title, &samples, Unit::Rate, goals);
        }
    }
    tables
}

/// How a client of MySQL goes in the clear to a program on this machine.
pub(super) fn plain(target: &Target, port: u16) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some(ACCOUNT))
        .pass(Some(&target.password))
        .db_name(Some(DB))
        .prefer_socket(false)
        .into()
}

const ROWS: u32 = 10_000;

/// The table that is read, like that of sysbench.
async fn fill(target: &Target) {
    let mut conn = Conn::new(bare::mysql_options(target))
        .await
        .expect("the server is there");
    for statement in [
        "DROP TABLE IF EXISTS points",
        "CREATE TABLE points (id INT PRIMARY KEY, c CHAR(120) NOT NULL)",
    ] {
        conn.query_drop(statement).await.expect("a new table");
    }
    let rows = (1..=ROWS).map(|id| (id, "x".repeat(120)));
    conn.query_drop("START TRANSACTION")
        .await
        .expect("it starts");
    conn.exec_batch("INSERT INTO points VALUES (?, ?)", rows)
        .await
        .expect("rows");
    conn.query_drop("COMMIT").await.expect("it ends");
    conn.disconnect().await.expect("the session ends");
}

async fn point_selects(name: &'static str, options: &Opts, clients: u32) -> Contestant {
    let connecting = (0..clients).map(|_| Conn::new(options.clone()));
    let sessions: Vec<Conn> = join_all(connecting)
        .await
        .into_iter()
        .map(|conn| conn.expect("the way is open"))
        .collect();
    let sessions = std::sync::Arc::new(tokio::sync::Mutex::new(sessions));
    Contestant::new(name, move |count| {
        let sessions = std::sync::Arc::clone(&sessions);
        async move {
            let mut sessions = sessions.lock().await;
            let each = count.div_ceil(clients);
            let started = Instant::now();
            let tasks = sessions.drain(..).map(|mut conn| {
                tokio::spawn(async move {
                    for number in 0..each {
                        // A prime steps through all rows in an order that no cache expects.
                        let id = number.wrapping_mul(7919) % ROWS + 1;
                        let found: Option<String> = conn
                            .exec_first("SELECT c FROM points WHERE id = ?", (id,))
                            .await
                            .expect("a row");
                        assert!(found.is_some());
                    }
                    conn
                })
            });
            let back = join_all(tasks).await;
            let took = started.elapsed().as_secs_f64();
            sessions.extend(back.into_iter().map(|conn| conn.expect("no panic")));
            Duration::from_secs_f64(took * f64::from(count) / f64::from(each * clients))
        }
    })
}
