//! What an idle session costs the tunnel in memory.

use std::fmt::Write;

use futures_util::future::join_all;
use mysql_async::Conn;
use rustix::process::{Resource, getrlimit};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::tunnel::plain;
use crate::bed::Target;
use crate::ways::Tunnel;

const FEW: usize = 1_000;
/// Fewer where the system does not let a process have two files for each.
const MANY: u64 = 10_000;
/// Files that the tunnel needs besides.
const OTHER_FILES: u64 = 100;
/// Logins at a time.
const AT_ONCE: usize = 32;
/// The most that an idle session may cost, in kilobytes.
const LIMIT: f64 = 40.0;

/// MariaDB alone holds so many sessions on a small machine, with threads that it shares among them.
pub(super) async fn run() -> String {
    let mut text = String::from(
        "\n### Memory of an idle session in the tunnel\n\nGrowth of the tunnel's resident set, divided by \
         the sessions that are open, to MariaDB.\n\n| sessions | resident set | each |\n|---:|---:|---:|\n",
    );
    let ca = Ca::root("wa-db bench root");
    let certificate = ca.issue(&TestServers::leaf());
    let options = ServerOptions::tls(&certificate)
        .setting("max_connections", "10100")
        .setting("thread_handling", "pool-of-threads")
        .setting("open_files_limit", "30000");
    let server = Server::start(Engine::MariaDb, options);
    let target = Target::of(&server, &ca);
    let tunnel = Tunnel::start(&target, 10_050);
    let mut sessions = Vec::new();
    let mut reached = true;
    // One session first: what the first one loads is no session's.
    open(&mut sessions, &target, tunnel.port, 1).await;
    let before = tunnel.process.resident();
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let many = MANY.min((files.saturating_sub(OTHER_FILES)) / 2);
    let many = usize::try_from(many).expect("at most ten thousand");
    for count in [FEW, many] {
        open(&mut sessions, &target, tunnel.port, count + 1).await;
        let resident = tunnel.process.resident();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let each = (resident - before) / count as f64;
        reached &= each <= LIMIT;
        let _ = writeln!(
            text,
            "| {count} | {:.1} MB | {each:.1} KB |",
            resident / 1000.0
        );
    }
    let word = if reached { "reached" } else { "**missed**" };
    let _ = writeln!(text, "\nTarget at most {LIMIT} KB: {word}.");
    text
}

async fn open(sessions: &mut Vec<Conn>, target: &Target, port: u16, count: usize) {
    let options = plain(target, port);
    while sessions.len() < count {
        let more = AT_ONCE.min(count - sessions.len());
        let connecting = (0..more).map(|_| Conn::new(options.clone()));
        for conn in join_all(connecting).await {
            sessions.push(conn.expect("the way is open"));
        }
    }
}
