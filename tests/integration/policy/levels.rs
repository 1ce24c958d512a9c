//! Security levels: versions and suites that a server must agree to.

use serde_json::Value;
use wa_db_lab::pki::KeyKind;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use crate::certificates::trust::stage;
use crate::support::with;
use crate::verdict::{PASSES, Verdict, both, on_each, tls, trusting};

const APART: Verdict = tls("tls_protocol");

fn judge(server: &Server, servers: &TestServers, level: &str, verdict: Verdict) -> Value {
    let base = trusting(server, servers.ca_file());
    let variables = with(&base, [("WA_DB_SECURITY_LEVEL", level)]);
    let what = format!("{:?} at level {level:?}", server.engine());
    let target = both(&what, &variables, verdict);
    if verdict == APART {
        let error = stage(&target, "tls")["error"].to_string();
        assert!(error.contains("WA_DB_SECURITY_LEVEL"), "{what}: {error}");
    }
    target
}

#[test]
fn each_level_speaks_tls_1_3_with_a_server_that_does() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        for level in ["MODERN", "intermediate", "OLD"] {
            let target = judge(server, &servers, level, PASSES);
            assert_eq!(target["tls"]["protocol"], "TLSv1.3", "{level}");
        }
    });
}

#[test]
fn modern_refuses_a_server_of_tls_1_2_and_the_others_do_not() {
    let servers = TestServers::shared();
    let options = ServerOptions::tls(servers.certificate()).max_protocol("TLSv1.2");
    on_each(&Server::start_all(&options), |server| {
        judge(server, &servers, "MODERN", APART);
        for level in ["INTERMEDIATE", "OLD"] {
            let target = judge(server, &servers, level, PASSES);
            assert_eq!(target["tls"]["protocol"], "TLSv1.2", "{level}");
        }
    });
}

#[test]
fn intermediate_refuses_suites_without_forward_secrecy_or_aead_and_old_does_not() {
    let servers = TestServers::shared();
    let rsa = TestServers::leaf().key_kind(KeyKind::Rsa2048);
    let rsa = servers.ca().issue(&rsa);
    // MySQL 9 has no suite without AEAD any more.
    let without_aead = [Engine::Postgres, Engine::MariaDb];
    for (suite, engines) in [
        ("AES128-GCM-SHA256", &Engine::ALL[..]),
        ("ECDHE-RSA-AES128-SHA256", &without_aead),
    ] {
        let options = ServerOptions::tls(&rsa)
            .max_protocol("TLSv1.2")
            .ciphers(suite);
        let start = |engine: &Engine| Server::start(*engine, options.clone());
        let started: Vec<_> = engines.iter().map(start).collect();
        on_each(&started, |server| {
            judge(server, &servers, "INTERMEDIATE", APART);
            let target = judge(server, &servers, "OLD", PASSES);
            assert_eq!(target["tls"]["cipher"], suite);
        });
    }
}
