//! Who may come in, and how many.

use std::fs::{Permissions, set_permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use tokio::net::TcpSocket;
use tokio_postgres::{Client, Config, NoTls};
use wa_db_lab::run::finish;
use wa_db_lab::server::{Engine, TestServers};

use super::running::{PATIENCE, Tunnel};
use crate::support::{Variables, text, with};

fn variables(servers: &TestServers) -> Variables {
    let server = servers.of(Engine::Postgres);
    with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))])
}

/// A session from this address of loopback; or the SQLSTATE and the words of a refusal.
async fn session(from: &str, port: u16, password: &str) -> Result<Client, (String, String)> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let stream = socket
        .connect(SocketAddr::from(([127, 0, 0, 1], port)))
        .await
        .unwrap();
    let mut config = Config::new();
    config.user("app").dbname("appdb").password(password);
    match config.connect_raw(stream, NoTls).await {
        Ok((client, connection)) => {
            tokio::spawn(connection);
            Ok(client)
        }
        Err(error) => {
            let answer = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
            Err((answer.code().code().to_owned(), answer.message().to_owned()))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listener_that_is_full_turns_clients_away_until_one_leaves() {
    let servers = TestServers::shared();
    let password = servers.of(Engine::Postgres).password();
    let mut tunnel = Tunnel::start(
        &[
            "--listen",
            "127.0.0.1:0",
            "--max-connections",
            "2",
            "--admin",
            "127.0.0.1:0",
        ],
        &variables(&servers),
    );
    let port = tunnel.port();
    let first = session("127.0.0.1", port, password).await.unwrap();
    let second = session("127.0.0.1", port, password).await.unwrap();
    let (state, message) = session("127.0.0.1", port, password).await.unwrap_err();
    assert_eq!(state, "53300");
    assert!(message.contains("--max-connections"), "{message}");
    assert_eq!(
        tunnel.metric("wa_db_tunnel_refused_total", "listener_full"),
        Some(1.0)
    );
    assert_eq!(tunnel.metric("wa_db_tunnel_sessions{", ""), Some(2.0));
    first.simple_query("SELECT 1").await.unwrap();
    drop(first);
    tunnel.wait_for("a place is free", |tunnel| {
        tunnel.metric("wa_db_tunnel_sessions{", "") == Some(1.0)
    });
    // Its place is given back a moment after it is counted out.
    let start = Instant::now();
    let third = loop {
        match session("127.0.0.1", port, password).await {
            Ok(client) => break client,
            Err(refused) => assert!(start.elapsed() < PATIENCE, "{refused:?}"),
        }
    };
    for client in [second, third] {
        client.simple_query("SELECT 1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_with_its_share_is_turned_away_and_others_are_not() {
    let servers = TestServers::shared();
    let password = servers.of(Engine::Postgres).password();
    let tunnel = Tunnel::start(
        &[
            "--listen",
            "127.0.0.1:0",
            "--max-connections-per-client",
            "1",
        ],
        &variables(&servers),
    );
    let port = tunnel.port();
    let _first = session("127.0.0.1", port, password).await.unwrap();
    let (state, message) = session("127.0.0.1", port, password).await.unwrap_err();
    assert_eq!(state, "53300");
    assert!(
        message.contains("--max-connections-per-client"),
        "{message}"
    );
    let _other = session("127.0.0.2", port, password).await.unwrap();
}

#[test]
fn socket_takes_the_owners_programs_and_those_of_users_that_were_named() {
    const NOBODY: u32 = 65_534;
    assert!(
        rustix::process::geteuid().is_root(),
        "only root can be two users: run the tests as root"
    );
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let socket = directory.path().join(".s.PGSQL.5432");
    let place = format!("unix:{}", text(&socket));
    let password = servers.of(Engine::Postgres).password();
    let psql = |user: u32| {
        let mut command = Command::new("psql");
        let target = format!("host={} user=app dbname=appdb", text(directory.path()));
        command
            .args(["--no-psqlrc", "-Atq", "-d", &target, "-c", "SELECT 1"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PGPASSWORD", password)
            .current_dir("/")
            .uid(user)
            .gid(user);
        finish(&mut command, "", PATIENCE).unwrap()
    };
    for (named, may) in [(None, false), (Some("65534"), true)] {
        let mut arguments = vec!["--listen", place.as_str()];
        arguments.extend(named.iter().flat_map(|uid| ["--client-uid", uid]));
        let _tunnel = Tunnel::start(&arguments, &variables(&servers));
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o660);
        // Others cannot even open it. An operator who changes that has the users still asked for.
        assert_ne!(psql(NOBODY).code, Some(0));
        set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
        let finished = psql(NOBODY);
        assert_eq!(finished.code == Some(0), may, "{named:?}: {finished:?}");
        if !may {
            assert!(
                finished.stderr.contains("this user or address may not"),
                "{finished:?}"
            );
        }
        assert_eq!(psql(0).stdout, "1\n");
    }
}
