//! What a silent session costs.

use std::fs;

use tokio_postgres::{Config, NoTls};
use wa_db_lab::fake::{FAKE_PASSWORD, PostgresScript};

use super::running::Tunnel;
use crate::hostile::stand::Stand;

/// Sessions enough for the cost of one to stand out.
const SESSIONS: u64 = 200;
/// KiB for each: the bound that is aimed at.
const EACH: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn silent_session_costs_at_most_forty_kilobytes() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Honest);
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &stand.trusting(&fake));
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(tunnel.port())
        .user("app")
        .password(FAKE_PASSWORD);
    let mut sessions = Vec::new();
    let mut before = 0;
    for count in 0..SESSIONS + 20 {
        if count == 20 {
            // What the first ones cost is the process's, not theirs.
            before = resident(&tunnel);
        }
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.simple_query("SELECT 1").await.unwrap();
        sessions.push(client);
    }
    let each = resident(&tunnel).saturating_sub(before) / SESSIONS;
    assert!(each <= EACH, "{each} KiB for each session");
}

/// `VmRSS` of proc(5), in KiB.
fn resident(tunnel: &Tunnel) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", tunnel.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
