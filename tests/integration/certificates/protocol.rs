//! No version, or no suite, in common.

use openssl::ssl::{SslOptions, SslVersion};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use crate::support::{text, with};
use crate::tls_front::TlsFront;
use crate::verdict::{both, on_each, tls, trusting};

#[test]
fn p21_server_that_tops_out_at_tls_1_1_is_refused() {
    let servers = TestServers::shared();
    let options = ServerOptions::tls(servers.certificate()).max_protocol("TLSv1.1");
    let old: Vec<_> = [Engine::Postgres, Engine::MariaDb]
        .map(|engine| Server::start(engine, options.clone()))
        .into();
    on_each(&old, |server| {
        assert_eq!(server.negotiated_protocol().unwrap(), "TLSv1.1");
        let variables = trusting(server, servers.ca_file());
        let target = both(
            &format!("{:?}", server.engine()),
            &variables,
            tls("tls_protocol"),
        );
        expect_hint(&target);
    });
}

#[test]
fn p21_mysql_of_old_that_tops_out_at_tls_1_1_is_refused() {
    let servers = TestServers::shared();
    // MySQL 9 has nothing below TLS 1.2; its predecessors did.
    let front = TlsFront::start(Engine::MySql, servers.certificate(), |tls| {
        tls.clear_options(SslOptions::NO_TLSV1_1);
        tls.set_security_level(0);
        tls.set_cipher_list("DEFAULT@SECLEVEL=0").unwrap();
        tls.set_min_proto_version(Some(SslVersion::TLS1_1)).unwrap();
        tls.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    });
    let variables = with(&front.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
    expect_hint(&both("MySQL", &variables, tls("tls_protocol")));
}

fn expect_hint(target: &serde_json::Value) {
    let hint = target["stages"][3]["error"]["hint"].to_string();
    assert!(hint.contains("TLS 1.2"), "{target}");
}

#[test]
fn m12_server_without_a_suite_in_common_is_refused() {
    let servers = TestServers::shared();
    // The certificate's key is EC, so an RSA suite is one that no client can use.
    let options = ServerOptions::tls(servers.certificate())
        .max_protocol("TLSv1.2")
        .ciphers("ECDHE-RSA-AES128-GCM-SHA256");
    let apart = Server::start_all(&options);
    on_each(&apart, |server| {
        let what = format!("{:?}", server.engine());
        both(
            &what,
            &trusting(server, servers.ca_file()),
            tls("tls_protocol"),
        );
    });
}
