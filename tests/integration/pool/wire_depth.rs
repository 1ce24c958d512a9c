//! What a pool and its connections know at the wire depth alone.

use std::time::{Duration, SystemTime};

use wa_db::code::Stage;
use wa_db::connect::{MySqlConnector, PostgresConnector, StageTimes};
use wa_db::settings::Settings;
use wa_db::tls::CertificateExpiries;
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::fixture::{ask, id, pool, settings};

const WIRE: (&str, &str) = ("WA_DB_SECURITY_LEVEL", "OLD");

async fn connect(engine: Engine, settings: &Settings) -> (CertificateExpiries, StageTimes) {
    if engine == Engine::Postgres {
        let connector = PostgresConnector::new(settings).unwrap();
        let connection = connector.connect().await.unwrap();
        (connection.expiries, connection.times)
    } else {
        let connector = MySqlConnector::new(settings).unwrap();
        let connection = connector.connect().await.unwrap();
        let told = (connection.expiries, connection.times);
        connection.conn.disconnect().await.unwrap();
        told
    }
}

async fn at(
    server: &Server,
    servers: &TestServers,
    depth: &[(&str, &str)],
) -> (CertificateExpiries, StageTimes) {
    connect(server.engine(), &settings(server, servers.ca_file(), depth)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_servers_certificate_is_known_where_our_own_dialer_saw_it() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let (direct, _) = at(server, &servers, &[]).await;
        let (wire, _) = at(server, &servers, &[WIRE]).await;
        assert_eq!(direct.server, None, "{:?}", server.engine());
        let end = wire.server.unwrap();
        assert!(
            end > SystemTime::now() + Duration::from_secs(3600),
            "{end:?}"
        );
        assert_eq!((direct.client, direct.ca), (wire.client, wire.ca));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_of_a_connection_is_timed_by_itself() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let (_, times) = at(server, &servers, &[WIRE]).await;
        let stages: Vec<_> = times.iter().map(|(stage, _)| *stage).collect();
        let all = [
            Stage::Resolve,
            Stage::Connect,
            Stage::Tls,
            Stage::Authenticate,
            Stage::Session,
        ];
        assert_eq!(stages, all, "{:?}", server.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pool_over_direct_tls_lends_connections_and_makes_new_ones_after_a_restart() {
    let ca = Ca::root("root of direct TLS");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()))
        .newer_postgres()
        .setting("trace_connection_negotiation", "on");
    let server = Server::start(Engine::Postgres, options);
    let file = server.file("ca.pem", ca.cert_pem());
    let pool = pool(&server, &file, &[("WA_DB_SSL_NEGOTIATION", "direct")]).await;
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (round, restarts) in [("at first", false), ("after a restart", true)] {
        if restarts {
            tokio::task::block_in_place(|| server.restart());
        }
        let (mut one, mut other) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        assert_ne!(id(&mut one).await, id(&mut other).await, "{round}");
        for client in [&mut one, &mut other] {
            assert_eq!(ask(client, encrypted).await.unwrap(), "t", "{round}");
        }
    }
    let log = server.log();
    let begun = log.matches("direct SSL connection accepted").count();
    assert!(begun >= 4 && !log.contains("SSLRequest"), "{log}");
}
