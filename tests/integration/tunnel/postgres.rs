//! Sessions of PostgreSQL's own clients through a tunnel.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::{NoTls, SimpleQueryMessage};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::psql::Psql;
use super::running::{PATIENCE, Tunnel};
use crate::support::{Variables, text, with};

const PLACE: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn variables(servers: &TestServers) -> Variables {
    let server = servers.of(Engine::Postgres);
    with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))])
}

fn password(servers: &TestServers) -> String {
    servers.of(Engine::Postgres).password().to_owned()
}

/// A tunnel on TCP and on a Unix socket, with a client for each.
fn both_ways(servers: &TestServers, directory: &Path) -> (Tunnel, [Psql; 2]) {
    let socket = format!("unix:{}/.s.PGSQL.5432", directory.display());
    let tunnel = Tunnel::start(
        &["--listen", "127.0.0.1:0", "--listen", &socket],
        &variables(servers),
    );
    let password = password(servers);
    let clients = [
        Psql::new("127.0.0.1", tunnel.port(), &password),
        Psql::new(text(directory), 5432, &password),
    ];
    (tunnel, clients)
}

#[test]
fn psql_queries_prepares_and_keeps_transactions_over_tcp_and_socket() {
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    let (_tunnel, clients) = both_ways(&servers, directory.path());
    for psql in clients {
        assert_eq!(psql.run("SELECT 6 * 7"), "42\n");
        let encrypted = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(psql.run(encrypted), "t|TLSv1.3\n", "the server sees TLS");
        assert_eq!(
            psql.run("PREPARE twice(int) AS SELECT $1 * 2; EXECUTE twice(21); EXECUTE twice(4)"),
            "42\n8\n"
        );
        let transaction = "CREATE TEMP TABLE t (n int); BEGIN; INSERT INTO t VALUES (1); ROLLBACK; \
                           SELECT count(*) FROM t";
        assert_eq!(psql.run(transaction), "0\n");
        let failed = psql.try_run("SELECT 1 / 0");
        assert!(failed.stderr.contains("division by zero"), "{failed:?}");
    }
}

#[test]
fn result_of_fifty_megabytes_and_copy_both_ways_arrive_whole() {
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    let (_tunnel, clients) = both_ways(&servers, directory.path());
    for psql in clients {
        let result = psql.run("SELECT repeat('0123456789', 1000) FROM generate_series(1, 5000)");
        assert_eq!(result.len(), 5000 * 10_001);
        assert!(result.lines().all(|line| line.len() == 10_000));

        let rows: Vec<_> = (0..200_000)
            .map(|row| format!("{row}\tvalue {row}\n"))
            .collect();
        let rows = rows.concat();
        let copied = psql.run(&format!(
            "CREATE TEMP TABLE t (n int, v text);\nCOPY t FROM STDIN;\n{rows}\\.\n\
             SELECT count(*), sum(n) FROM t;\nCOPY (SELECT * FROM t ORDER BY n) TO STDOUT;\n"
        ));
        let (sums, back) = copied.split_once('\n').unwrap();
        assert_eq!(sums, "200000|19999900000");
        assert!(back == rows, "what came back differs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn driver_of_another_language_uses_the_extended_protocol() {
    let servers = TestServers::shared();
    let tunnel = Tunnel::start(&PLACE, &variables(&servers));
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(tunnel.port()).user("app");
    config.dbname("appdb").password(password(&servers));
    let (mut client, connection) = config.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let statement = client
        .prepare("SELECT $1::int + 1, $2::text")
        .await
        .unwrap();
    for n in 0..50 {
        let row = client.query_one(&statement, &[&n, &"text"]).await.unwrap();
        assert_eq!(
            (row.get::<_, i32>(0), row.get::<_, &str>(1)),
            (n + 1, "text")
        );
    }
    let transaction = client.transaction().await.unwrap();
    transaction
        .batch_execute("CREATE TEMP TABLE t (n int)")
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    // Many questions before the first answer.
    let answers =
        (0..100).map(|n| client.simple_query(Box::leak(format!("SELECT {n}").into_boxed_str())));
    for (n, answer) in futures_util::future::join_all(answers)
        .await
        .into_iter()
        .enumerate()
    {
        let found = answer
            .unwrap()
            .into_iter()
            .find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            });
        assert_eq!(found, Some(n.to_string()));
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

#[test]
fn running_query_is_cancelled_over_tcp_and_socket() {
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    let (_tunnel, clients) = both_ways(&servers, directory.path());
    let server = servers.of(Engine::Postgres);
    for (psql, name) in clients.into_iter().zip(["cancel_tcp", "cancel_socket"]) {
        let query = psql
            .with(&format!("application_name={name}"))
            .spawn("SELECT pg_sleep(600)");
        let running = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}' AND state = 'active'"
        );
        wait_until(|| server.sql(&running) == "1\n");
        kill_process(Pid::from_child(&query), Signal::INT).unwrap();
        let started = Instant::now();
        let output = query.wait_with_output().unwrap();
        assert!(started.elapsed() < PATIENCE);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            stderr.contains("canceling statement due to user request"),
            "{stderr}"
        );
    }
}

#[test]
fn wrong_password_and_missing_database_are_refused_in_the_servers_own_words() {
    let servers = TestServers::shared();
    let mut tunnel = Tunnel::start(&PLACE, &variables(&servers));
    let psql = Psql::new("127.0.0.1", tunnel.port(), "canary-wrong-7f3a");
    let refused = psql.try_run("SELECT 1");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("password authentication failed for user \"app\""),
        "{refused:?}"
    );
    let psql = Psql::new("127.0.0.1", tunnel.port(), &password(&servers));
    let missing = psql.with("dbname=no_such_thing").try_run("SELECT 1");
    assert!(
        missing
            .stderr
            .contains("database \"no_such_thing\" does not exist"),
        "{missing:?}"
    );
    tunnel.wait_for_log("the server refused the login");
    assert!(!tunnel.log().contains("canary"), "{}", tunnel.log());
}

#[test]
fn server_restart_ends_the_session_and_the_next_one_is_carried() {
    let servers = TestServers::start();
    let server = servers.of(Engine::Postgres);
    let tunnel = Tunnel::start(
        &[&PLACE[..], &["--admin", "127.0.0.1:0"]].concat(),
        &with(&variables(&servers), [("WA_DB_CONNECT_TIMEOUT", "2s")]),
    );
    let psql = Psql::new("127.0.0.1", tunnel.port(), server.password());
    let session = psql.spawn("SELECT pg_sleep(600)");
    wait_until(|| {
        server.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
            == "1\n"
    });
    server.stop();
    let output = session.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("terminating connection due to administrator command"),
        "{stderr}"
    );
    let down = psql.try_run("SELECT 1");
    assert_eq!(down.code, Some(2));
    assert!(down.stderr.contains("connection_refused"), "{down:?}");
    assert!(down.stderr.contains("HINT:"), "{down:?}");
    assert_eq!(tunnel.ask("/readyz").0, 503);
    server.resume();
    assert_eq!(psql.run("SELECT 1"), "1\n");
    assert_eq!(tunnel.ask("/readyz").0, 200);
}

#[test]
fn login_with_md5_and_with_a_password_in_clear_pass_through() {
    let ca = wa_db_lab::pki::Ca::root("root of the methods");
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(
        Engine::Postgres,
        ServerOptions::tls(&certificate)
            .hba("hostssl all by_md5 all md5")
            .hba("hostssl all in_clear all password"),
    );
    server.sql(
        "SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'secret-one'; \
                CREATE ROLE in_clear LOGIN PASSWORD 'secret-two'",
    );
    let file = server.file("ca.pem", ca.cert_pem());
    let tunnel = Tunnel::start(
        &PLACE,
        &with(&server.env(), [("WA_DB_SSL_CA", text(&file))]),
    );
    for (user, password) in [("by_md5", "secret-one"), ("in_clear", "secret-two")] {
        let psql = Psql::new("127.0.0.1", tunnel.port(), password).with(&format!("user={user}"));
        assert_eq!(psql.run("SELECT current_user"), format!("{user}\n"));
    }
}

#[test]
fn replication_connection_passes_untouched() {
    let ca = wa_db_lab::pki::Ca::root("root of the walsender");
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(
        Engine::Postgres,
        ServerOptions::tls(&certificate)
            .setting("wal_level", "replica")
            .hba("hostssl replication streamer all scram-sha-256"),
    );
    server.sql("CREATE ROLE streamer REPLICATION LOGIN PASSWORD 'secret'");
    let file = server.file("ca.pem", ca.cert_pem());
    let tunnel = Tunnel::start(
        &PLACE,
        &with(&server.env(), [("WA_DB_SSL_CA", text(&file))]),
    );
    let psql =
        Psql::new("127.0.0.1", tunnel.port(), "secret").with("user=streamer replication=true");
    let identified = psql.run("IDENTIFY_SYSTEM;");
    assert!(identified.contains("|1|"), "{identified}");
}

pub(super) fn wait_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "not after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
