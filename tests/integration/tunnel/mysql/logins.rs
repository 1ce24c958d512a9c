//! Every method, by every client, over both kinds of listener.

use wa_db::mysql_async::Conn;
use wa_db::mysql_async::prelude::Queryable;
use wa_db_lab::server::{ED25519_USER, Engine, TestServers};

use super::programs::Program;
use super::stand::{ENGINES, Stand, app, clients_of, driver, options};

const WHO: &str = "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), DATABASE()";
/// What the server says of the way to it.
const CIPHER: &str = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";

#[test]
fn m19_every_client_logs_in_with_an_empty_cache_and_again_and_the_way_to_the_server_is_encrypted() {
    let servers = TestServers::exclusive();
    for engine in ENGINES {
        let server = servers.of(engine);
        let stand = Stand::before(server, &servers);
        for (client, place) in clients_of(engine)
            .iter()
            .flat_map(|client| stand.places().map(|place| (*client, place)))
        {
            // An empty cache asks for the whole password; the login that follows does not.
            server.sql("FLUSH PRIVILEGES");
            let program = app(client, &place, server.password());
            for _ in 0..2 {
                let case = (engine, client, &place);
                assert_eq!(program.run(WHO), "app\tappdb\n", "{case:?}");
                assert!(program.run(CIPHER).contains("TLS_"), "{case:?}");
            }
        }
    }
}

#[test]
fn m19_ed25519_and_sha256_password_pass_from_clients_in_plaintext() {
    let servers = TestServers::exclusive();
    let mariadb = servers.of(Engine::MariaDb);
    let stand = Stand::before(mariadb, &servers);
    for place in stand.places() {
        // MySQL's client does not know the method.
        let program = Program::new(Engine::MariaDb, &place, ED25519_USER, mariadb.password());
        assert_eq!(program.run(WHO), format!("{ED25519_USER}\tappdb\n"));
    }
    let mysql = servers.of(Engine::MySql);
    mysql.sql(
        "CREATE USER app_sha256@'%' IDENTIFIED WITH sha256_password BY 'a password longer than twenty bytes'; GRANT ALL ON appdb.* TO app_sha256@'%'",
    );
    let stand = Stand::before(mysql, &servers);
    for place in stand.places() {
        let program = Program::new(
            Engine::MySql,
            &place,
            "app_sha256",
            "a password longer than twenty bytes",
        );
        assert_eq!(program.run(WHO), "app_sha256\tappdb\n", "{place:?}");
    }
    mysql.sql("DROP USER app_sha256@'%'");
}

#[tokio::test(flavor = "multi_thread")]
async fn m19_mysql_async_logs_in_with_an_empty_cache_and_again() {
    let servers = TestServers::exclusive();
    for engine in ENGINES {
        let server = servers.of(engine);
        let stand = Stand::before(server, &servers);
        for place in stand.places() {
            server.sql("FLUSH PRIVILEGES");
            for _ in 0..2 {
                let mut conn = driver(&place, server.password()).await;
                let user: Option<String> = conn.query_first("SELECT USER()").await.unwrap();
                assert!(user.unwrap().starts_with("app@"));
                conn.disconnect().await.unwrap();
            }
        }
    }
}

#[test]
fn servers_own_refusal_reaches_the_client_unchanged() {
    let servers = TestServers::shared();
    for engine in ENGINES {
        let server = servers.of(engine);
        let stand = Stand::before(server, &servers);
        for place in stand.places() {
            for client in clients_of(engine).iter().copied() {
                let refused = app(client, &place, "wrong").try_run("SELECT 1");
                let said = &refused.stderr;
                assert_ne!(refused.code, Some(0));
                assert!(
                    said.contains("ERROR 1045 (28000)")
                        && said.contains("Access denied for user 'app'@"),
                    "{said}"
                );
                let nobody = Program::new(client, &place, "nobody", "x").try_run("SELECT 1");
                assert!(nobody.stderr.contains("ERROR 1045"), "{nobody:?}");
                let elsewhere = app(client, &place, server.password())
                    .with(&["--database=nowhere"])
                    .try_run("SELECT 1");
                let said = &elsewhere.stderr;
                assert!(
                    said.contains("ERROR 1044") || said.contains("ERROR 1049"),
                    "{said}"
                );
            }
        }
        assert!(!stand.log().contains(server.password()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_a_password_logs_in() {
    let servers = TestServers::exclusive();
    for engine in ENGINES {
        let server = servers.of(engine);
        server.sql("CREATE USER bare@'%' IDENTIFIED BY ''; GRANT ALL ON appdb.* TO bare@'%'");
        let stand = Stand::before(server, &servers);
        for place in stand.places() {
            for client in clients_of(engine).iter().copied() {
                let program = Program::new(client, &place, "bare", "");
                assert_eq!(program.run(WHO), "bare\tappdb\n");
            }
            let options = options(&place, "").user(Some("bare")).pass(None::<String>);
            let conn = Conn::new(options).await;
            conn.unwrap().disconnect().await.unwrap();
        }
        server.sql("DROP USER bare@'%'");
    }
}
