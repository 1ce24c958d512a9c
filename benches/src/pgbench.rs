//! `pgbench`, PostgreSQL's own load generator, as a contestant.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bed::{ACCOUNT, DB, HOST, MD5_ACCOUNT, Target};
use crate::measure::Contestant;
use crate::programs;

/// By which way pgbench goes to the server.
#[derive(Clone)]
pub(crate) enum By {
    /// Straight, with libpq's own TLS and `sslmode=verify-full`.
    OwnTls,
    /// In the clear to a program on this machine.
    Port(u16),
    /// The same with the account whose password is stored for MD5: libpq refuses SCRAM from a server
    /// that offers it with channel binding on a connection that is not encrypted, and stunnel passes
    /// the offer on.
    PortWithMd5(u16),
}

/// Makes the tables that are read.
pub(crate) fn initialise(target: &Target) {
    let output = pgbench(target, &By::OwnTls)
        .args(["--initialize", "--quiet", "--scale=10"])
        .output()
        .expect("pgbench can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pgbench --initialize: {said}");
}

/// Point selects by this many clients, prepared once for each session.
pub(crate) fn point_selects(
    name: &'static str,
    target: &Target,
    by: By,
    clients: u32,
) -> Contestant {
    contestant(name, target, by, clients, &["--protocol=prepared"])
}

/// The same with a new session for each.
pub(crate) fn new_sessions(
    name: &'static str,
    target: &Target,
    by: By,
    clients: u32,
) -> Contestant {
    contestant(name, target, by, clients, &["--connect"])
}

fn contestant(
    name: &'static str,
    target: &Target,
    by: By,
    clients: u32,
    options: &'static [&'static str],
) -> Contestant {
    let target = target.clone();
    Contestant::new(name, move |count| {
        let each = count.div_ceil(clients);
        let mut command = pgbench(&target, &by);
        command
            .args(["--no-vacuum", "--select-only"])
            .args(options)
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={}", clients.min(2)))
            .arg(format!("--transactions={each}"));
        command.stdout(Stdio::piped());
        let output = command.output().expect("pgbench can be started");
        let printed = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        // What it takes to connect at the start does not count, unless each select has its own session.
        let rate: f64 = printed
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next())
            .and_then(|rate| rate.parse().ok())
            .unwrap_or_else(|| panic!("pgbench prints no rate: {printed}"));
        std::future::ready(Duration::from_secs_f64(f64::from(count) / rate))
    })
}

fn pgbench(target: &Target, by: &By) -> Command {
    let mut command = programs::quiet(&programs::postgres("pgbench"));
    command
        .env("PGPASSWORD", &target.password)
        .env("PGDATABASE", DB);
    match by {
        By::OwnTls => command
            .env("PGHOST", HOST)
            .env("PGPORT", target.port.to_string())
            .env("PGUSER", ACCOUNT)
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", &target.ca_file),
        By::Port(port) | By::PortWithMd5(port) => command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", port.to_string())
            .env("PGSSLMODE", "disable")
            .env(
                "PGUSER",
                match by {
                    By::PortWithMd5(_) => MD5_ACCOUNT,
                    _ => ACCOUNT,
                },
            ),
    };
    command
}
