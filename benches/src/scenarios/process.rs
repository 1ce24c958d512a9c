//! `wa-db check` as a whole process beside the servers' own clients.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use wa_db_lab::server::Engine;

use crate::bed::{ACCOUNT, Bed, DB, HOST, Target};
use crate::measure::{Contestant, Plan, side_by_side};
use crate::programs::{mysql, postgres, quiet, wa_db};
use crate::report::{Against, Goal, Unit, table};

const PLAN: Plan = Plan {
    pause: Duration::ZERO,
    rounds: 60,
    turn: Duration::from_millis(1),
    limit: Duration::from_secs(30),
};
const GOAL: Goal = Goal {
    ratio: 1.5,
    against: Against::Second,
};

/// What a start of the binary may take.
const START_LIMIT: f64 = 0.005;

pub(super) async fn run(bed: &Bed) -> String {
    let program = wa_db();
    let mut tables =
        String::from("\n### `wa-db check` as a whole process, one role, a pool of 1\n");
    for target in bed.targets() {
        let contestants = vec![
            contestant("wa-db check", check(&program, target)),
            contestant(client_name(target.engine), client(target, "select 1")),
        ];
        let samples = side_by_side(contestants, PLAN).await;
        assert!(bed.is_alive(), "a server died");
        tables += &table(&target.label, &samples, Unit::Time, &[GOAL]);
    }
    tables + &start(&program).await
}

async fn start(program: &Path) -> String {
    let mut command = quiet(program);
    command.arg("--version");
    let samples = side_by_side(vec![contestant("wa-db --version", command)], PLAN).await;
    let median = samples
        .first()
        .map_or(f64::NAN, crate::measure::Samples::median);
    let word = if median < START_LIMIT {
        "reached"
    } else {
        "**missed**"
    };
    format!(
        "\n`wa-db --version` takes {:.2} ms, target below {} ms: {word}.\n",
        median * 1e3,
        START_LIMIT * 1e3
    )
}

fn contestant(name: &'static str, mut command: Command) -> Contestant {
    Contestant::new(name, move |count| {
        let started = Instant::now();
        for _ in 0..count {
            let status = command.status().expect("the program can be started");
            assert!(status.success(), "{command:?} ended with {status}");
        }
        std::future::ready(started.elapsed())
    })
}

fn check(program: &Path, target: &Target) -> Command {
    let mut command = quiet(program);
    command
        .args(["check", "--role", "webapp"])
        .envs(target.variables(1));
    command
}

fn client_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "psql, sslmode=verify-full",
        Engine::MariaDb => "mariadb --ssl-verify-server-cert",
        Engine::MySql => "mysql --ssl-mode=VERIFY_IDENTITY",
    }
}

/// The server's own client, verifying chain and name.
pub(super) fn client(target: &Target, statement: &str) -> Command {
    let ca = target.ca_file.display();
    let port = target.port;
    if target.engine == Engine::Postgres {
        let mut command = quiet(&postgres("psql"));
        command
            .env("PGPASSWORD", &target.password)
            .args(["--no-psqlrc", "--command", statement])
            .arg(format!(
                "host={HOST} port={port} user={ACCOUNT} dbname={DB} sslmode=verify-full sslrootcert={ca}"
            ));
        return command;
    }
    let (program, verify) = match target.engine {
        Engine::MySql => (mysql(), "--ssl-mode=VERIFY_IDENTITY"),
        _ => (
            PathBuf::from("/usr/bin/mariadb"),
            "--ssl-verify-server-cert",
        ),
    };
    let mut command = quiet(&program);
    command
        .env("MYSQL_PWD", &target.password)
        .args(["--no-defaults", "--protocol=tcp", "--quick", verify])
        .arg(format!("--ssl-ca={ca}"))
        .arg(format!("--host={HOST}"))
        .arg(format!("--port={port}"))
        .arg(format!("--user={ACCOUNT}"))
        .args(["--execute", statement, DB]);
    command
}
