//! One gigabyte read by the servers' own clients.

use std::process::Command;
use std::time::{Duration, Instant};

use wa_db_lab::server::Engine;

use super::process::client;
use crate::bed::{ACCOUNT, Bed, DB, MD5_ACCOUNT, Target};
use crate::measure::{Contestant, Plan, side_by_side};
use crate::pgbench::By;
use crate::programs;
use crate::report::{Against, Goal, Unit, table};
use crate::ways::{Tunnel, Ways};

const SESSIONS: usize = 100;
const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 6,
    turn: Duration::from_millis(1),
    limit: Duration::from_secs(90),
};
const GOAL: Goal = Goal {
    ratio: 0.9,
    against: Against::Second,
};

pub(super) async fn run(bed: &Bed) -> String {
    let mut tables = String::from("\n### 1 GB read through the tunnel\n");
    for target in bed.targets() {
        let read = |name, by| reader(name, command(target, &by));
        // They live as long as the contestants that go by them.
        let (ways, tunnel);
        let contestants = if target.engine == Engine::Postgres {
            ways = Ways::open(target, SESSIONS);
            ways.contestants(read)
        } else {
            tunnel = Tunnel::start(target, SESSIONS);
            vec![
                read("client, wa-db tunnel", By::Port(tunnel.port)),
                read("client, its own TLS", By::OwnTls),
            ]
        };
        let samples = side_by_side(contestants, PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Rate, &[GOAL]);
    }
    tables
}

fn reader(name: &'static str, mut command: Command) -> Contestant {
    Contestant::new(name, move |count| {
        let started = Instant::now();
        for _ in 0..count {
            let status = command.status().expect("the client can be started");
            assert!(status.success(), "{name}: {command:?} ended with {status}");
        }
        std::future::ready(started.elapsed())
    })
}

/// A statement whose answer is a gigabyte, row by row.
fn bulk(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "COPY (SELECT repeat('x', 100000) FROM generate_series(1, 10000)) TO STDOUT"
        }
        Engine::MariaDb => "SELECT REPEAT('x', 100000) FROM seq_1_to_10000",
        Engine::MySql => {
            "SET SESSION cte_max_recursion_depth = 10000; \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
             SELECT REPEAT('x', 100000) FROM n"
        }
    }
}

fn command(target: &Target, by: &By) -> Command {
    match by {
        By::OwnTls => client(target, bulk(target.engine)),
        By::Port(port) => plain(target, *port, ACCOUNT),
        By::PortWithMd5(port) => plain(target, *port, MD5_ACCOUNT),
    }
}

fn plain(target: &Target, port: u16, account: &str) -> Command {
    if target.engine == Engine::Postgres {
        let mut command = programs::quiet(&programs::postgres("psql"));
        command
            .env("PGPASSWORD", &target.password)
            .args(["--no-psqlrc", "--command", bulk(target.engine)])
            .arg(format!(
                "host=127.0.0.1 port={port} user={account} dbname={DB} sslmode=disable"
            ));
        return command;
    }
    let (program, in_the_clear) = match target.engine {
        Engine::MySql => (programs::mysql(), "--ssl-mode=DISABLED"),
        _ => ("/usr/bin/mariadb".into(), "--skip-ssl"),
    };
    let mut command = programs::quiet(&program);
    command
        .env("MYSQL_PWD", &target.password)
        .args(["--no-defaults", "--protocol=tcp", in_the_clear, "--quick"])
        .args(["--host=127.0.0.1", &format!("--port={port}")])
        .arg(format!("--user={account}"))
        .args(["--execute", bulk(target.engine), DB]);
    command
}
