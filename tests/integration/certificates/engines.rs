//! What MySQL and MariaDB do with certificates and logins besides.

use mysql_async::prelude::Queryable;
use wa_db::code::ErrorCode;
use wa_db::connect::MySqlConnector;
use wa_db::settings::Role;
use wa_db_lab::pki::{Leaf, self_signed};
use wa_db_lab::server::{ED25519_USER, Engine, Server, ServerOptions, TestServers};

use crate::support::{check, with};
use crate::verdict::{PASSES, both, runtime, settings, tls, trusting};

const MYSQLS: [Engine; 2] = [Engine::MariaDb, Engine::MySql];

#[test]
fn m01_certificate_that_mysql_made_for_itself_passes_by_its_own_name() {
    let server = Server::start(Engine::MySql, ServerOptions::makes_its_own_certificates());
    let base = trusting(&server, &server.own_ca_file());
    let target = both("without a name", &base, tls("hostname_mismatch"));
    let message = target["stages"][3]["error"]["message"].to_string();
    assert!(
        message.contains(&server.own_certificate_name()),
        "{message}"
    );
    let name = server.own_certificate_name();
    let named = with(&base, [("WA_DB_SSL_SERVER_NAME", &name)]);
    both("with its name", &named, PASSES);
    let other = with(&base, [("WA_DB_SSL_SERVER_NAME", "MySQL_Server")]);
    both("with another name", &other, tls("hostname_mismatch"));
}

#[test]
fn m16_reloaded_certificate_is_for_new_sessions_and_old_ones_live_on() {
    let servers = TestServers::exclusive();
    for engine in MYSQLS {
        let server = servers.of(engine);
        let variables = trusting(server, servers.ca_file());
        let settings = settings(Role::Webapp, &variables).unwrap();
        let connector = MySqlConnector::new(&settings).unwrap();
        runtime().block_on(async {
            let mut first = connector.connect().await.unwrap().conn;
            let renewed = servers.ca().issue(&TestServers::leaf());
            server.present(&renewed);
            let shown = check("webapp", &variables).target();
            let shown = &shown["tls"]["certificate"]["spki_sha256"];
            assert_eq!(*shown, renewed.spki_sha256(), "{engine:?}");
            let mut second = connector.connect().await.unwrap().conn;

            let impostor = servers.ca().impostor().issue(&TestServers::leaf());
            server.present(&impostor);
            let refused = connector.connect().await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::CertificateUntrusted, "{refused}");
            for old in [&mut first, &mut second] {
                let answer: Option<i32> = old.query_first("SELECT 41 + 1").await.unwrap();
                assert_eq!(answer, Some(42), "{engine:?}");
            }
        });
    }
}

#[test]
fn m18_mariadb_trusted_by_password_alone_is_refused_with_the_way_out() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::MariaDb);
    // What MariaDB makes for itself since 11.4, for its own clients to trust by the password.
    let own = self_signed(&Leaf::server().cn("MariaDB Server"));
    server.present(&own);
    let target = both("no CA set", &server.env(), tls("certificate_self_signed"));
    let hint = target["stages"][3]["error"]["hint"].to_string();
    assert!(hint.contains("WA_DB_SSL_CA"), "{hint}");
    // Following the hint leads on, to the name and then in.
    let file = server.file("own.pem", own.cert_pem());
    let trusted = trusting(server, &file);
    let target = both("its CA set", &trusted, tls("hostname_mismatch"));
    let hint = target["stages"][3]["error"]["hint"].to_string();
    assert!(hint.contains("WA_DB_SSL_SERVER_NAME"), "{hint}");
    let named = with(&trusted, [("WA_DB_SSL_SERVER_NAME", "MariaDB Server")]);
    both("and its name", &named, PASSES);
}

#[test]
fn m19_caching_sha2_logs_in_while_the_server_has_cached_nothing() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::MySql);
    let variables = trusting(server, servers.ca_file());
    let plugin = "SELECT plugin FROM mysql.user WHERE user = 'app'";
    assert_eq!(server.sql(plugin), "caching_sha2_password\n");
    for _ in 0..2 {
        server.sql("FLUSH PRIVILEGES");
        both("with an empty cache", &variables, PASSES);
        both("with a full one", &variables, PASSES);
    }
    server.restart();
    both("after a restart", &variables, PASSES);
    let wrong = with(&variables, [("WA_DB_PASSWORD", "wrong")]);
    both(
        "with the wrong password",
        &wrong,
        (14, "authentication_failed"),
    );
    server.sql("FLUSH PRIVILEGES");
    both(
        "wrong and nothing cached",
        &wrong,
        (14, "authentication_failed"),
    );
}

#[test]
fn m19_native_password_and_ed25519_log_in() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let base = trusting(server, servers.ca_file());
    for (user, plugin) in [("app", "mysql_native_password"), (ED25519_USER, "ed25519")] {
        let used = format!("SELECT plugin FROM mysql.user WHERE user = '{user}'");
        assert_eq!(server.sql(&used), format!("{plugin}\n"));
        let variables = with(&base, [("WA_DB_USERNAME", user)]);
        both(plugin, &variables, PASSES);
        let wrong = with(&variables, [("WA_DB_PASSWORD", "wrong")]);
        both(plugin, &wrong, (14, "authentication_failed"));
    }
}
