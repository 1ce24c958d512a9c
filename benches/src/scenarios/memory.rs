//! What a pooled connection costs beside what the driver needs for it.
//!
//! Each figure is that of a process of its own: how much its resident set grows between the first
//! few connections and many more. OpenSSL's memory counts with it, which an allocator of ours would
//! not see.

use std::fmt::Write;
use std::process::Command;

use futures_util::future::join_all;
use wa_db_lab::server::Engine;

use crate::bed::{Bed, Target};
use crate::machine::resident;
use crate::measure::median;
use crate::peers::{Dialer, Peer, bare, ours};

/// The argument that makes a process one of those that are measured.
pub(crate) const CHILD: &str = "--memory";

const FIRST: usize = 20;
const MORE: usize = 200;
const RUNS: usize = 5;
/// The most that a pooled connection may cost beside the driver, in kilobytes.
const LIMIT: f64 = 64.0;

pub(super) fn run(bed: &Bed) -> String {
    let mut text = format!(
        "\n### Memory of an idle pooled connection\n\nGrowth of the resident set over {MORE} connections, \
         divided by them; medians of {RUNS} processes each.\n\n\
         | | wa-db | bare driver | of our own |\n|---|---:|---:|---:|\n"
    );
    let mut reached = true;
    for target in bed.targets() {
        let (mut pooled, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            pooled.push(measure(target, "pool"));
            bare.push(measure(target, "bare"));
        }
        let (pooled, bare) = (median(pooled), median(bare));
        let own = pooled - bare;
        reached &= own <= LIMIT;
        let _ = writeln!(
            text,
            "| {} | {pooled:.1} KB | {bare:.1} KB | {own:.1} KB |",
            target.label
        );
    }
    let word = if reached { "reached" } else { "**missed**" };
    let _ = writeln!(text, "\nTarget at most {LIMIT} KB of our own: {word}.");
    text
}

/// Kilobytes for each connection, as a process of its own says.
fn measure(target: &Target, way: &str) -> f64 {
    let own = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(own)
        .args([CHILD, way, target.engine.wa_db_engine()])
        .arg(target.port.to_string())
        .arg(&target.ca_file)
        .env("WA_DB_BENCH_PASSWORD", &target.password)
        .output()
        .expect("this program can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().unwrap_or_else(|_| {
        panic!(
            "no figure: {printed}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// The process that is measured.
pub(crate) async fn child(arguments: &[String]) {
    let [way, engine, port, ca_file] = arguments else {
        panic!("called as {CHILD} WAY ENGINE PORT CA");
    };
    let mut known = Engine::ALL.into_iter();
    let target = Target {
        engine: known
            .find(|known| known.wa_db_engine() == engine)
            .expect("a known engine"),
        label: String::new(),
        port: port.parse().expect("a port"),
        password: std::env::var("WA_DB_BENCH_PASSWORD").expect("a password"),
        ca_file: ca_file.into(),
    };
    let kilobytes = match (way.as_str(), target.engine) {
        ("pool", Engine::Postgres) => of_pool::<ours::Postgres>(&target).await,
        ("pool", _) => of_pool::<ours::MySql>(&target).await,
        (_, Engine::Postgres) => {
            let dialer = bare::PostgresDialer::new(&target);
            growth(async |count| join_all((0..count).map(|_| dialer.connect())).await).await
        }
        (_, _) => {
            let dialer = bare::MySqlDialer::new(&target);
            growth(async |count| join_all((0..count).map(|_| dialer.connect())).await).await
        }
    };
    println!("{kilobytes}");
}

async fn of_pool<P: Peer>(target: &Target) -> f64 {
    let pool = P::cold(target, FIRST + MORE).await;
    growth(async |count| join_all((0..count).map(|_| pool.checkout())).await).await
}

/// How much the resident set grows for each of the later connections.
async fn growth<C>(connect: impl AsyncFn(usize) -> Vec<C>) -> f64 {
    let first = connect(FIRST).await;
    let before = resident("self");
    let more = connect(MORE).await;
    let after = resident("self");
    drop((first, more));
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let connections = MORE as f64;
    (after - before) / connections
}
