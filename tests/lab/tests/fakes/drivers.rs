//! The honest fakes, seen by the drivers themselves.

use mysql_async::prelude::Queryable;
use mysql_async::{OptsBuilder, SslOpts};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::config::{ChannelBinding, SslMode};
use wa_db_lab::fake::{
    Cell, Event, FAKE_PASSWORD, FakeMySql, FakePostgres, MySqlScript, Persona, PostgresScript,
    Reply, ScramFault, UnixTrap,
};

use crate::client::{LIMIT, identity};

fn persona() -> Persona {
    Persona {
        replies: vec![Reply::row(
            "SELECT * FROM facts",
            [
                ("word", "green".into()),
                ("number", 7.into()),
                ("nothing", Cell::Null),
            ],
        )],
        ..Persona::default()
    }
}

async fn postgres(fake: &FakePostgres) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let connector = native_tls::TlsConnector::builder()
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    let (client, connection) = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(fake.port())
        .user("app")
        .password(FAKE_PASSWORD)
        .ssl_mode(SslMode::Require)
        .channel_binding(ChannelBinding::Require)
        .connect(postgres_native_tls::MakeTlsConnector::new(connector))
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

fn mysql(fake: &FakeMySql, prefer_socket: bool) -> OptsBuilder {
    let tls = SslOpts::default()
        .with_danger_accept_invalid_certs(true)
        .with_danger_skip_domain_validation(true);
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(fake.port())
        .user(Some("app"))
        .pass(Some(FAKE_PASSWORD))
        .prefer_socket(prefer_socket)
        .ssl_opts(tls)
}

#[tokio::test]
async fn tokio_postgres_logs_in_bound_to_the_channel_and_queries_both_ways() {
    let fake = FakePostgres::start_as(persona(), PostgresScript::Honest, Some(identity())).unwrap();
    let client = postgres(&fake).await.unwrap();
    let row = client.query_one("SELECT * FROM facts", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>("word"), "green");
    assert_eq!(row.get::<_, i32>("number"), 7);
    assert_eq!(row.get::<_, Option<&str>>("nothing"), None);
    let one: i32 = client.query_one("SELECT 1", &[]).await.unwrap().get(0);
    assert_eq!(one, 1);
    assert!(
        client
            .query("SELECT unknown", &[])
            .await
            .unwrap()
            .is_empty()
    );
    client
        .batch_execute("BEGIN; SELECT 1; COMMIT")
        .await
        .unwrap();
    assert!(
        fake.events()
            .contains(&Event::ScramMechanism("SCRAM-SHA-256-PLUS".into()))
    );
    assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
}

#[tokio::test]
async fn healthy_personas_answer_what_a_check_asks() {
    let healthy = Persona::healthy_postgres();
    let fake = FakePostgres::start_as(healthy, PostgresScript::Honest, Some(identity())).unwrap();
    let client = postgres(&fake).await.unwrap();
    let query = "SELECT a, b, (SELECT ssl FROM pg_stat_ssl)";
    let messages = client.simple_query(query).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some([row.get(0), row.get(1), row.get(2)]),
        _ => None,
    });
    assert_eq!(row.unwrap(), [Some("15.18"), Some("false"), Some("true")]);

    let healthy = Persona::healthy_mysql();
    let fake = FakeMySql::start_as(healthy, MySqlScript::Honest, Some(identity())).unwrap();
    let mut conn = mysql_async::Conn::new(mysql(&fake, false)).await.unwrap();
    let version: Option<String> = conn.query_first("SELECT VERSION()").await.unwrap();
    assert_eq!(version.as_deref(), Some("8.4.6"));
    let query = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
    let cipher: Option<(String, String)> = conn.query_first(query).await.unwrap();
    assert_eq!(cipher.unwrap().1, "TLS_AES_256_GCM_SHA384");
    let query = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only')";
    let switches: Vec<(String, String)> = conn.query(query).await.unwrap();
    assert_eq!(switches, [("read_only".to_owned(), "OFF".to_owned())]);
}

#[tokio::test]
async fn tokio_postgres_turns_down_every_scram_cheat() {
    let cheats = [
        ScramFault::PlusStripped,
        ScramFault::UnknownMechanism,
        ScramFault::Iterations(1 << 31),
        ScramFault::Iterations((1 << 31) - 1),
        ScramFault::ForeignNonce,
        ScramFault::OkAfterFirst,
        ScramFault::OkWithoutProof,
        ScramFault::WrongProof,
        ScramFault::ErrorProof("invalid-proof".into()),
    ];
    for cheat in cheats {
        let script = PostgresScript::Scram(cheat.clone());
        let fake = FakePostgres::start(script, Some(identity())).unwrap();
        assert!(postgres(&fake).await.is_err(), "{cheat:?}");
    }
}

#[tokio::test]
async fn mysql_async_logs_in_by_either_plugin_and_queries() {
    for script in [MySqlScript::Honest, MySqlScript::HonestNative] {
        let fake = FakeMySql::start_as(persona(), script, Some(identity())).unwrap();
        let mut conn = mysql_async::Conn::new(mysql(&fake, false)).await.unwrap();
        let row: Option<(String, i32, Option<String>)> =
            conn.query_first("SELECT * FROM facts").await.unwrap();
        assert_eq!(row, Some(("green".into(), 7, None)));
        let one: Option<i32> = conn.query_first("SELECT 1").await.unwrap();
        assert_eq!(one, Some(1));
        let row: Option<(String, i32, Option<String>)> = conn
            .exec_first("SELECT * FROM facts WHERE number = ?", (7,))
            .await
            .unwrap();
        assert_eq!(row, Some(("green".into(), 7, None)));
        conn.exec_drop("UPDATE facts SET number = ?", (8,))
            .await
            .unwrap();
        conn.ping().await.unwrap();
        conn.reset().await.unwrap();
        conn.disconnect().await.unwrap();
        assert!(fake.wait_ended(LIMIT));
        assert!(fake.events().contains(&Event::Goodbye));
        assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
    }
}

#[tokio::test]
async fn mysql_async_falls_for_the_named_socket_when_it_prefers_sockets() {
    for prefers in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let trap = UnixTrap::start(directory.path().join("trap.sock")).unwrap();
        let fake = FakeMySql::start(
            MySqlScript::NameSocket(trap.path().into()),
            Some(identity()),
        )
        .unwrap();
        let conn = mysql_async::Conn::new(mysql(&fake, prefers)).await;
        assert!(conn.is_ok());
        assert_eq!(trap.connections(), usize::from(prefers));
    }
}

#[tokio::test]
async fn mysql_async_hands_its_password_to_full_authentication_over_unverified_tls() {
    let fake = FakeMySql::start(MySqlScript::FullAuthentication, Some(identity())).unwrap();
    mysql_async::Conn::new(mysql(&fake, false)).await.unwrap();
    assert!(
        fake.events()
            .contains(&Event::ClearPassword(FAKE_PASSWORD.as_bytes().to_vec()))
    );
}

#[tokio::test]
async fn mysql_async_sends_no_file_that_nobody_registered() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, "canary of the file").unwrap();
    let fake = FakeMySql::start(MySqlScript::LocalInfile(file), Some(identity())).unwrap();
    // The driver's own settings query is a query, too.
    assert!(mysql_async::Conn::new(mysql(&fake, false)).await.is_err());
    assert!(!fake.received_contains(b"canary of the file"));
    assert!(
        fake.events()
            .iter()
            .any(|event| matches!(event, Event::Query(_)))
    );
}
