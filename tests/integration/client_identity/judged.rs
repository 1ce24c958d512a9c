//! What the server says of our certificate, or of its lack.

use openssl::ssl::{SslVerifyMode, SslVersion};
use wa_db::settings::Role;
use wa_db_lab::pki::Leaf;
use wa_db_lab::server::{Engine, USER};

use super::demanding::{Demanding, Files};
use crate::support::{text, with};
use crate::tls_front::TlsFront;
use crate::verdict::{PASSES, Verdict, both, by_library, on_each, tls};

const REQUIRED: Verdict = tls("client_certificate_required");
const REJECTED: Verdict = tls("client_certificate_rejected");
const NOT_THIS_ACCOUNT: Verdict = (14, "authentication_failed");

/// How often a refusal that may be lost in a reset is asked for.
const ROUNDS: usize = 3;

#[test]
fn c01_certificate_that_postgres_demands_and_nobody_set_is_named() {
    let demanding = Demanding::shared();
    let server = &demanding.servers()[0];
    assert_eq!(server.engine(), Engine::Postgres);
    let by_certificate = demanding.base(server);
    let by_password = with(&by_certificate, [("WA_DB_NAME", "postgres")]);
    for (what, variables) in [("cert", &by_certificate), ("clientcert", &by_password)] {
        let target = both(what, variables, REQUIRED);
        let hint = target["stages"][3]["error"]["hint"].to_string();
        assert!(hint.contains("WA_DB_SSL_CERT"), "{hint}");
        both(
            what,
            &Files::of(&demanding.good()).identify(variables),
            PASSES,
        );
    }
}

#[test]
fn c01_certificate_demanded_within_tls_and_not_set_is_named() {
    let demanding = Demanding::shared();
    let own = demanding
        .ca()
        .issue(&wa_db_lab::server::TestServers::leaf());
    let ca = Files::new();
    let ca = (ca.public("ca.pem", demanding.ca().cert_pem()), ca);
    for engine in [Engine::Postgres, Engine::MySql] {
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let front = TlsFront::start(engine, &own, |tls| {
                tls.set_min_proto_version(Some(version)).unwrap();
                tls.set_max_proto_version(Some(version)).unwrap();
                tls.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
            });
            let variables = with(&front.env(), [("WA_DB_SSL_CA", text(&ca.0))]);
            both(
                &format!("{engine:?} with {version:?}"),
                &variables,
                REQUIRED,
            );
        }
    }
}

#[test]
fn c05_certificate_of_another_account_is_refused_by_the_login() {
    let demanding = Demanding::shared();
    let other = demanding.intermediate().issue(&Leaf::client().cn("other"));
    let files = Files::of(&other);
    on_each(demanding.servers(), |server| {
        let variables = files.identify(&demanding.base(server));
        let what = format!("{:?}", server.engine());
        both(&what, &variables, NOT_THIS_ACCOUNT);
        if server.engine() == Engine::Postgres {
            let by_password = with(&variables, [("WA_DB_NAME", "postgres")]);
            both("clientcert=verify-full", &by_password, NOT_THIS_ACCOUNT);
        }
    });
}

#[test]
fn c06_c07_certificate_that_the_server_does_not_take_is_named_with_tls_1_3() {
    expect_rejections(Demanding::shared(), "TLSv1.3");
}

#[test]
fn c06_c07_certificate_that_the_server_does_not_take_is_named_with_tls_1_2() {
    expect_rejections(&Demanding::with_tls_1_2(), "TLSv1.2");
}

fn expect_rejections(demanding: &Demanding, protocol: &str) {
    let good = Files::of(&demanding.good());
    let revoked = Files::of(demanding.revoked());
    let alone = Files::of(&demanding.good().leaf_only());
    let impostor = Files::of(&demanding.ca().impostor().issue(&Demanding::leaf()));
    let for_servers = Files::of(&demanding.ca().issue(&Demanding::leaf().server_auth_only()));
    on_each(demanding.servers(), |server| {
        let base = demanding.base(server);
        let target = both("taken", &good.identify(&base), PASSES);
        assert_eq!(target["tls"]["protocol"], protocol);
        for (what, files) in [
            ("revoked", &revoked),
            ("intermediate missing", &alone),
            ("another CA's", &impostor),
            ("not for clients", &for_servers),
        ] {
            let what = format!("{:?} with {protocol}, {what}", server.engine());
            let variables = files.identify(&base);
            let target = both(&what, &variables, REJECTED);
            let message = target["stages"][3]["error"]["message"].to_string();
            assert!(message.contains("WA_DB_SSL_CERT"), "{message}");
            for round in 1..ROUNDS {
                let (verdict, said) = by_library(Role::Webapp, &variables);
                let expected = (REJECTED.0, REJECTED.1.to_owned());
                assert_eq!(verdict, expected, "{what}, round {round}: {said}");
            }
        }
    });
}

#[test]
fn c06_rejection_is_named_on_a_server_that_would_have_taken_no_certificate_at_all() {
    let demanding = Demanding::shared();
    for server in demanding.servers() {
        if server.engine() == Engine::Postgres {
            continue;
        }
        server.sql(&format!(
            "CREATE USER anyone@'%' IDENTIFIED BY '{}'; GRANT ALL ON appdb.* TO anyone@'%'",
            server.password()
        ));
        let base = with(&demanding.base(server), [("WA_DB_USERNAME", "anyone")]);
        both("without", &base, PASSES);
        let revoked = Files::of(demanding.revoked());
        both("revoked", &revoked.identify(&base), REJECTED);
    }
    assert_ne!(USER, "anyone");
}
