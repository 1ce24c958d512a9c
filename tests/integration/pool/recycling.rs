//! What each mode of recycling does to a session of a real server.

use std::time::Duration;

use wa_db::pool::Client;
use wa_db_lab::server::{Engine, Server, TestServers};

use super::fixture::{all_gone, ask, id, pause, pool};

/// Changes the session in a way that only a reset undoes.
async fn set_a_variable(client: &mut Client) {
    let sql = match client {
        Client::Postgres(_) => "SET application_name = 'left behind'",
        Client::MySql(_) => "SET @left = 'left behind'",
    };
    ask(client, sql).await.unwrap();
}

async fn variable(client: &mut Client) -> String {
    let sql = match client {
        Client::Postgres(_) => "SHOW application_name",
        Client::MySql(_) => "SELECT @left",
    };
    ask(client, sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_recycling_resets_the_session_and_the_others_keep_it() {
    let servers = TestServers::shared();
    for server in servers.all() {
        for (recycle, kept) in [("fast", true), ("verified", true), ("clean", false)] {
            let more = [
                ("WA_DB_POOL_MAX_SIZE", "1"),
                ("WA_DB_POOL_RECYCLE", recycle),
            ];
            let pool = pool(server, servers.ca_file(), &more).await;
            let mut client = pool.get().await.unwrap();
            let before = id(&mut client).await;
            set_a_variable(&mut client).await;
            drop(client);
            let mut client = pool.get().await.unwrap();
            let context = format!("{:?} {recycle}", server.engine());
            assert_eq!(id(&mut client).await, before, "{context}");
            assert_eq!(
                variable(&mut client).await == "left behind",
                kept,
                "{context}"
            );
            drop(client);
            pool.close(Duration::from_secs(5)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_recycling_drops_what_was_prepared_in_sql() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let more = [
        ("WA_DB_POOL_MAX_SIZE", "1"),
        ("WA_DB_POOL_RECYCLE", "clean"),
    ];
    let pool = pool(server, servers.ca_file(), &more).await;
    let mut client = pool.get().await.unwrap();
    let before = id(&mut client).await;
    ask(
        &mut client,
        "PREPARE plain AS SELECT 1; PREPARE \"O\"\"dd; name\" AS SELECT 2; PREPARE \"all\" AS SELECT 3",
    )
    .await
    .unwrap();
    drop(client);
    let mut client = pool.get().await.unwrap();
    let left = "SELECT count(*) FROM pg_prepared_statements WHERE from_sql";
    assert_eq!(ask(&mut client, left).await.unwrap(), "0");
    assert_eq!(id(&mut client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_recycling_goes_back_to_the_database_of_the_settings() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        let other = "other `database`";
        let quoted = other.replace('`', "``");
        server.sql(&format!(
            "CREATE DATABASE IF NOT EXISTS `{quoted}`; GRANT ALL ON `{quoted}`.* TO app@'%'"
        ));
        // What the settings name, where the user goes, and whether the session can stay.
        for (named, used, same) in [
            ("appdb", other, true),
            (other, "appdb", true),
            ("appdb", "appdb", true),
            ("", "appdb", false),
            ("", "", true),
        ] {
            let more = [
                ("WA_DB_POOL_MAX_SIZE", "1"),
                ("WA_DB_POOL_RECYCLE", "clean"),
                ("WA_DB_NAME", named),
            ];
            let context = format!("{engine:?}: {named:?}, then {used:?}");
            let pool = pool(server, servers.ca_file(), &more).await;
            let mut client = pool.get().await.unwrap();
            let before = id(&mut client).await;
            if !used.is_empty() {
                let sql = format!("USE `{}`", used.replace('`', "``"));
                ask(&mut client, &sql).await.unwrap();
            }
            drop(client);
            let mut client = pool.get().await.unwrap();
            let now = "SELECT COALESCE(DATABASE(), '')";
            assert_eq!(ask(&mut client, now).await.unwrap(), named, "{context}");
            assert_eq!(id(&mut client).await == before, same, "{context}");
            drop(client);
            pool.close(Duration::from_secs(5)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_looked_up_before_a_clean_recycling_can_be_looked_up_after_it() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    server.sql(
        "DROP TYPE IF EXISTS mood; DROP TYPE IF EXISTS weather; \
         CREATE TYPE mood AS ENUM ('well'); CREATE TYPE weather AS ENUM ('fair')",
    );
    let more = [
        ("WA_DB_POOL_MAX_SIZE", "1"),
        ("WA_DB_POOL_RECYCLE", "clean"),
    ];
    let pool = pool(server, servers.ca_file(), &more).await;
    for sql in [
        "SELECT 'well'::mood",
        "SELECT 'fair'::weather",
        "SELECT 'well'::mood",
    ] {
        let Client::Postgres(client) = pool.get().await.unwrap() else {
            panic!("another engine")
        };
        let statement = client.prepare_cached(sql).await.unwrap();
        client.query_one(&statement, &[]).await.unwrap();
        assert_eq!(
            client.statement_cache.size(),
            1,
            "statements of the last user are gone"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fast_recycling_keeps_prepared_statements() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let pool = pool(server, servers.ca_file(), &[("WA_DB_POOL_MAX_SIZE", "1")]).await;
    for _ in 0..3 {
        let Client::Postgres(client) = pool.get().await.unwrap() else {
            panic!("another engine")
        };
        let statement = client.prepare_cached("SELECT 1").await.unwrap();
        client.query_one(&statement, &[]).await.unwrap();
    }
    let Client::Postgres(client) = pool.get().await.unwrap() else {
        panic!("another engine")
    };
    let prepared = client.query_one(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1'",
        &[],
    );
    assert_eq!(prepared.await.unwrap().get::<_, i64>(0), 1);
}

/// Sessions whose client went away without a word, by the server's own count.
async fn abandoned(server: &Server) -> String {
    all_gone(server).await;
    // What a session that ends counts is seen a moment later.
    pause(300).await;
    match server.engine() {
        Engine::Postgres => {
            server.sql("SELECT pg_stat_force_next_flush()");
            server.sql("SELECT sessions_abandoned FROM pg_stat_database WHERE datname = current_database()")
        }
        _ => server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_a_goodbye() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        for persistent in ["1", "0"] {
            let before = abandoned(server).await;
            let more = [("WA_DB_PERSISTENT", persistent)];
            let pool = pool(server, servers.ca_file(), &more).await;
            let mut clients = [pool.get().await.unwrap(), pool.get().await.unwrap()];
            for client in &mut clients {
                ask(client, "SELECT 1").await.unwrap();
            }
            drop(clients);
            pool.close(Duration::from_secs(5)).await.unwrap();
            assert_eq!(abandoned(server).await, before, "{:?}", server.engine());
        }
    }
}
