//! `mysql_common` 0.37 drops a zero from the end of every nonce that it is sent, and so gets one proof of
//! ed25519 in 256 wrong. What mends it, and what that costs an account.

mod way;

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
    let path = server.socket_path();
    let user = ("WA_DB_USERNAME", ED25519_USER);
    let logins = async |more: &[_]| {
        let connector = connector(server, servers.ca_file(), more);
        for login in 0..LOGINS {
            let outcome = log_in(&connector).await;
            assert!(outcome.is_ok(), "login {login} by {more:?}: {outcome:?}");
        }
    };
    let (wire, direct) = ([user], [user, DIRECT]);
    let socket = [user, ("WA_DB_HOSTNAME", text(&path))];
    tokio::join!(logins(&wire), logins(&direct), logins(&socket));
}

/// Logs in by each way, and says what came of it.
async fn by_each_way(
    server: &Server,
    more: &[(&str, &str)],
    fate: impl Fn(usize) -> Fate,
    check: impl Fn(Result<(), ConnectError>),
) {
    let servers = TestServers::shared();
    for way in [Way::by_port(server).await, Way::by_socket(server)] {
        let more = [&[DIRECT, way.variable()], more].concat();
        let connector = connector(server, servers.ca_file(), &more);
        tokio::select! {
            outcome = log_in(&connector) => check(outcome),
            () = way.carry(&fate) => unreachable!("it goes on for good"),
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
    let set = |password| {
        server.sql(&format!(
            "ALTER USER first_look@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{password}')"
        ))
    };
    let fate = |connection| {
        set(if connection == 1 {
            "another"
        } else {
            server.password()
        });
        Fate::Carried
    };
    let account = [("WA_DB_USERNAME", "first_look"), ("WA_DB_NAME", "")];
    by_each_way(server, &account, fate, Result::unwrap).await;
}

#[tokio::test]
async fn second_look_that_is_cut_off_or_held_up_leaves_the_refusal() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let wrong = [("WA_DB_PASSWORD", "wrong"), ("WA_DB_CONNECT_TIMEOUT", "2")];
    for fate in [Fate::CutOff, Fate::HeldUp] {
        let fate = |connection| if connection == 1 { Fate::Carried } else { fate };
        by_each_way(server, &wrong, fate, refused).await;
    }
}

#[tokio::test]
async fn password_that_was_good_and_is_not_any_more_is_refused_at_the_second_look_too() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let set = |verb, password| {
        server.sql(&format!(
            "{verb} USER second_look@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{password}')"
        ));
    };
    set("CREATE", server.password());
    let path = server.socket_path();
    let account = [
        ("WA_DB_USERNAME", "second_look"),
        ("WA_DB_NAME", ""),
        DIRECT,
    ];
    let socket = [("WA_DB_HOSTNAME", text(&path))];
    let connectors = [&account[..], &[&account[..], &socket].concat()]
        .map(|more| connector(server, servers.ca_file(), more));
    for connector in &connectors {
        log_in(connector).await.unwrap();
    }
    set("ALTER", "another");
    for connector in &connectors {
        for _ in 0..2 {
            refused(log_in(connector).await);
        }
    }
    set("ALTER", server.password());
    for connector in &connectors {
        // No look is due any more that would make good what the driver gets wrong.
        let first = log_in(connector).await;
        let outcome = match first {
            Ok(()) => Ok(()),
            Err(_) => log_in(connector).await,
        };
        outcome.unwrap();
    }
}

#[tokio::test]
async fn wrong_password_is_told_to_a_mariadb_once_more_by_each_connector() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let path = server.socket_path();
    server.sql("CREATE USER told_twice@'%' IDENTIFIED BY 'right'");
    let wrong = [("WA_DB_USERNAME", "told_twice"), ("WA_DB_NAME", ""), DIRECT];
    let socket = [("WA_DB_HOSTNAME", text(&path))];
    let mut told = 0;
    for more in [&wrong[..], &[&wrong[..], &socket].concat()] {
        let connector = connector(server, servers.ca_file(), more);
        for more in [2, 1, 1] {
            refused(log_in(&connector).await);
            told += more;
            let log = server.log();
            let denials = log.matches("Access denied for user 'told_twice'");
            assert_eq!(denials.count(), told, "{log}");
        }
    }
}

#[tokio::test]
async fn wrong_password_is_told_to_a_mysql_once() {
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
