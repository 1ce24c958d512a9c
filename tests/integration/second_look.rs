//! `mysql_common` 0.37 drops a zero from the end of every nonce that it is sent, and so gets one proof of
//! ed25519 in 256 wrong. What mends it, and what that costs an account.

mod way;

use std::cell::Cell;

use wa_db::ErrorCode;
use wa_db::connect::{ConnectError, MySqlConnector};
use wa_db_lab::server::{ED25519_USER, Engine, Server, TestServers};

use self::way::{Fate, Way};
use crate::relay::connector;
use crate::support::text;

/// Enough that no nonce ends with a zero in 2 runs of 100 at most.
const LOGINS: usize = 1000;

/// Without a level, TLS is the driver's own.
const DIRECT: (&str, &str) = ("WA_DB_SECURITY_LEVEL", "");

async fn log_in(connector: &MySqlConnector) -> Result<(), ConnectError> {
    let connection = connector.connect().await?;
    connection.conn.disconnect().await.unwrap();
    Ok(())
}

fn refused(outcome: Result<(), ConnectError>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AuthenticationFailed, "{error}");
    assert_eq!((error.attempts().len(), error.is_retryable()), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn ed25519_logs_in_every_time_though_one_nonce_in_256_ends_with_a_zero() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let user = ("WA_DB_USERNAME", ED25519_USER);
    let logins = async |more: &[_]| {
        let connector = connector(server, servers.ca_file(), more);
        for login in 0..LOGINS {
            let outcome = log_in(&connector).await;
            assert!(outcome.is_ok(), "login {login} by {more:?}: {outcome:?}");
        }
    };
    let (wire, direct) = ([user], [user, DIRECT]);
    tokio::join!(logins(&wire), logins(&direct));
}

/// Logs in by each way, with `fate` for each connection, and says what came of it and how many there were.
async fn by_each_way(
    servers: &TestServers,
    more: &[(&str, &str)],
    fate: impl Fn(usize) -> Fate,
    check: impl Fn(Result<(), ConnectError>, usize),
) {
    let server = servers.of(Engine::MariaDb);
    for way in [Way::by_port(server).await, Way::by_socket(server)] {
        let more = [&[DIRECT, way.variable()], more].concat();
        let connector = connector(server, servers.ca_file(), &more);
        let connections = Cell::new(0);
        let carried = way.carry(|connection| {
            connections.set(connection);
            fate(connection)
        });
        tokio::select! {
            outcome = log_in(&connector) => check(outcome, connections.get()),
            () = carried => unreachable!("it goes on for good"),
        }
    }
}

/// The first login of all is refused by a password that becomes right afterwards: a connector sees the
/// same where the driver got a proof wrong.
#[tokio::test]
async fn first_login_of_a_connector_has_its_second_look() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    server.sql("CREATE USER first_look@'%'");
    let fate = |connection| {
        let right = connection > 1;
        set_password(server, "first_look", right);
        Fate::Carried
    };
    let account = [("WA_DB_USERNAME", "first_look"), ("WA_DB_NAME", "")];
    by_each_way(&servers, &account, fate, |outcome, connections| {
        outcome.unwrap();
        assert_eq!(connections, 2);
    })
    .await;
}

#[tokio::test]
async fn second_look_that_is_cut_off_or_held_up_leaves_the_refusal() {
    let servers = TestServers::shared();
    let wrong = [("WA_DB_PASSWORD", "wrong"), ("WA_DB_CONNECT_TIMEOUT", "6")];
    let leaves_it = async |fate| {
        let fate = |connection| if connection == 1 { Fate::Carried } else { fate };
        by_each_way(&servers, &wrong, fate, |outcome, connections| {
            refused(outcome);
            assert_eq!(connections, 2);
        })
        .await;
    };
    tokio::join!(
        leaves_it(Fate::CutOff),
        leaves_it(Fate::HeldUp),
        leaves_it(Fate::HeldUpAfterGreeting)
    );
}

/// By a method that the driver gets right every time.
fn set_password(server: &Server, user: &str, right: bool) {
    let password = if right { server.password() } else { "another" };
    server.sql(&format!("ALTER USER {user}@'%' IDENTIFIED BY '{password}'"));
}

#[tokio::test]
async fn mariadb_is_told_a_wrong_password_twice_at_first_and_after_each_login_that_passed() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let path = server.socket_path();
    server.sql("CREATE USER told@'%'");
    let account = [("WA_DB_USERNAME", "told"), ("WA_DB_NAME", ""), DIRECT];
    let socket = [("WA_DB_HOSTNAME", text(&path))];
    let mut told = 0;
    for way in [&account[..], &[&account[..], &socket].concat()] {
        // What is said to be a MySQL shows itself with its first login.
        for (engine, at_first) in [("MARIADB", 2), ("MYSQL", 1)] {
            let more = [way, &[("WA_DB_ENGINE", engine)]].concat();
            let connector = connector(server, servers.ca_file(), &more);
            for more in [at_first, 1, 0, 2, 1] {
                let passes = more == 0;
                set_password(server, "told", passes);
                let outcome = log_in(&connector).await;
                if passes {
                    outcome.unwrap();
                } else {
                    refused(outcome);
                }
                told += more;
                let log = server.log();
                let denials = log.matches("Access denied for user 'told'");
                assert_eq!(denials.count(), told, "{log}");
            }
        }
    }
}

#[tokio::test]
async fn mysql_is_told_a_wrong_password_once() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MySql);
    let path = server.socket_path();
    server.sql(&format!(
        "CREATE USER told_once@'%' IDENTIFIED BY '{}' FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 1",
        server.password()
    ));
    let account = [("WA_DB_USERNAME", "told_once"), ("WA_DB_NAME", ""), DIRECT];
    let wrong = [("WA_DB_PASSWORD", "wrong")];
    let socket = [("WA_DB_HOSTNAME", text(&path))];
    for way in [&account[..], &[&account[..], &socket].concat()] {
        let with = |more: &[_]| connector(server, servers.ca_file(), &[way, more].concat());
        refused(log_in(&with(&wrong)).await);
        // A second one would have locked the account.
        log_in(&with(&[])).await.unwrap();
    }
}
