//! What a session does after its login: the tunnel only moves bytes.

use std::fmt::Write as _;
use std::fs;

use wa_db::mysql_async::prelude::Queryable;
use wa_db::mysql_async::{ChangeUserOpts, TxOpts};
use wa_db_lab::server::{Engine, TestServers};

use super::stand::{ENGINES, Stand, app, clients_of, driver};

#[test]
fn compression_large_results_and_local_files_pass_through_client_programs() {
    let servers = TestServers::exclusive();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rows.txt");
    let mut lines = String::new();
    for number in 0..20_000 {
        writeln!(lines, "{number}\trow").unwrap();
    }
    fs::write(&file, lines).unwrap();
    for engine in ENGINES {
        let server = servers.of(engine);
        server.sql("SET GLOBAL local_infile = 1");
        let stand = Stand::before(server, &servers);
        for (client, place) in clients_of(engine)
            .iter()
            .flat_map(|client| stand.places().map(|place| (*client, place)))
        {
            let program = app(client, &place, server.password());
            let compressed = match client {
                Engine::MySql => program.with(&["--compression-algorithms=zlib"]),
                _ => program.with(&["--compress"]),
            };
            let case = (engine, client, &place);
            let status = compressed.run("SHOW SESSION STATUS LIKE 'Compression'");
            assert!(status.contains("ON"), "{case:?}: {status}");
            let large = "SELECT REPEAT('x', 1048576) FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) a, (SELECT 1 UNION ALL SELECT 2) b";
            for by in [&program, &compressed] {
                let bytes = by.with(&["--quick"]).run(large).len();
                assert_eq!(bytes, 10 * (1024 * 1024 + 1), "{case:?}");
            }
            let load = format!(
                "CREATE TEMPORARY TABLE loaded (id INT, word TEXT); LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded; SELECT COUNT(*), SUM(id) FROM loaded",
                file.display()
            );
            let loaded = program.with(&["--local-infile=1"]).run(&load);
            assert_eq!(loaded, "20000\t199990000\n", "{case:?}");
        }
        server.sql("SET GLOBAL local_infile = 0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_transactions_50_mb_and_a_change_of_user_pass_through_the_driver() {
    const LARGE: usize = 8 * 1024 * 1024;
    let servers = TestServers::shared();
    for engine in ENGINES {
        let server = servers.of(engine);
        let stand = Stand::before(server, &servers);
        for place in stand.places() {
            let mut conn = driver(&place, server.password()).await;
            conn.query_drop("CREATE TEMPORARY TABLE carried (id INT PRIMARY KEY, body LONGBLOB)")
                .await
                .unwrap();
            let body: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
            let mut transaction = conn.start_transaction(TxOpts::default()).await.unwrap();
            transaction
                .exec_drop("INSERT INTO carried VALUES (?, ?)", (1, &body))
                .await
                .unwrap();
            transaction.commit().await.unwrap();
            let back: Option<Vec<u8>> = conn
                .exec_first("SELECT body FROM carried WHERE id = ?", (1,))
                .await
                .unwrap();
            assert!(back.unwrap() == body, "the row came back changed");
            let rows = "SELECT REPEAT('x', 1024) FROM information_schema.columns a, information_schema.columns b LIMIT 51200";
            let mut answer = conn.query_iter(rows).await.unwrap();
            let mut bytes = 0;
            while let Some(row) = answer.next().await.unwrap() {
                bytes += row.get::<String, _>(0).unwrap().len();
            }
            drop(answer);
            assert_eq!(bytes, 51_200 * 1024);
            let again = ChangeUserOpts::default()
                .with_user(Some("app".to_owned()))
                .with_pass(Some(server.password().to_owned()));
            conn.change_user(again).await.unwrap();
            let tables: Vec<String> = conn.query("SELECT USER()").await.unwrap();
            assert!(tables[0].starts_with("app@"));
            conn.disconnect().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn session_that_the_server_kills_ends_for_the_client_and_others_live_on() {
    let servers = TestServers::shared();
    for engine in ENGINES {
        let server = servers.of(engine);
        let stand = Stand::before(server, &servers);
        let [tcp, unix] = stand.places();
        let mut doomed = driver(&tcp, server.password()).await;
        let mut other = driver(&unix, server.password()).await;
        let id: Option<u64> = doomed.query_first("SELECT CONNECTION_ID()").await.unwrap();
        server.sql(&format!("KILL {}", id.unwrap()));
        assert!(doomed.query_drop("SELECT 1").await.is_err());
        other.query_drop("SELECT 1").await.unwrap();
        other.disconnect().await.unwrap();
    }
}
