//! `WA_DB_SSL_NEGOTIATION=direct`: TLS from the first byte on, and the server says that it is
//! PostgreSQL (ALPN).

use openssl::ssl::{AlpnError, SslAcceptorBuilder, select_next_proto};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::lab::trusting;
use crate::support::{Variables, check, text, with};
use crate::tls_front::TlsFront;
use crate::verdict::{self, PASSES, both, by_library, settings};
use wa_db::settings::{Depth, Role};

fn direct(variables: &Variables) -> Variables {
    with(variables, [("WA_DB_SSL_NEGOTIATION", "direct")])
}

#[track_caller]
fn assert_ends(what: &str, variables: &Variables, exit: i32, code: &str) {
    let expected = (exit, code.to_owned());
    let outcome = check("webapp", variables);
    assert_eq!(outcome.verdict(), expected, "{what}, by check: {outcome:?}");
    let (verdict, said) = by_library(Role::Webapp, variables);
    assert_eq!(verdict, expected, "{what}, by the library: {said}");
}

type Configure = fn(&mut SslAcceptorBuilder);

/// Chooses what PostgreSQL 17 chooses, if it is offered.
fn postgresql(builder: &mut SslAcceptorBuilder) {
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(b"\x0apostgresql", offered).ok_or(AlpnError::ALERT_FATAL)
    });
}

#[test]
fn direct_tls_goes_on_to_the_login_only_where_the_server_says_that_it_is_postgresql() {
    let ca = Ca::root("lab root");
    let certificate = ca.issue(&TestServers::leaf());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    wa_db_lab::pki::write_file(&file, ca.cert_pem());
    let fronts: [(&str, Configure, _); 3] = [
        ("chosen", postgresql, (14, "protocol_error")),
        ("not known there", |_| (), (13, "tls_refused")),
        (
            "turned down",
            |builder| builder.set_alpn_select_callback(|_, _| Err(AlpnError::ALERT_FATAL)),
            (13, "tls_refused"),
        ),
    ];
    for (what, configure, (exit, code)) in fronts {
        let front = TlsFront::start_direct(&certificate, configure);
        let variables = with(&direct(&front.env()), [("WA_DB_SSL_CA", text(&file))]);
        let depth = settings(Role::Webapp, &variables).unwrap().tls().depth();
        assert_eq!(depth, Depth::Wire(vec!["WA_DB_SSL_NEGOTIATION"]));
        assert_ends(what, &variables, exit, code);
        let secured = front.secured();
        // A start-up message of protocol 3.0, and nothing where the server did not say who it is.
        let versions: Vec<_> = secured.chunks(8).map(|first| &first[4..]).collect();
        assert_eq!(versions.is_empty(), exit == 13, "{what}: {secured:?}");
        assert!(
            versions.iter().all(|version| *version == [0, 3, 0, 0]),
            "{what}: {secured:?}"
        );
    }
}

/// A server that takes TLS both ways, and writes into its log which one each connection chose.
fn taking_both(ca: &Ca) -> Server {
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()))
        .newer_postgres()
        .setting("trace_connection_negotiation", "on");
    Server::start(Engine::Postgres, options)
}

#[test]
fn server_that_takes_tls_both_ways_passes_by_the_one_that_was_asked_for() {
    let ca = Ca::root("lab root");
    let server = taking_both(&ca);
    let by_request = trusting(&server, &ca);
    let (asked, at_once) = ("SSLRequest accepted", "direct SSL connection accepted");
    for (variables, used, unused) in [
        (direct(&by_request), at_once, asked),
        (by_request, asked, at_once),
    ] {
        let earlier = server.log().len();
        // A login that is not bound to its channel does not pass.
        let variables = with(&variables, [("WA_DB_CHANNEL_BINDING", "require")]);
        let target = both(used, &variables, PASSES);
        let tls = &target["tls"];
        assert_eq!(tls["protocol"], "TLSv1.3", "{used}: {tls:#}");
        for field in ["verified", "channel_bound"] {
            assert_eq!(tls[field], true, "{used}, {field}: {tls:#}");
        }
        assert_eq!(target["pool"]["opened"], 1, "{used}: {target:#}");
        let version = target["server"]["version"].as_str().unwrap();
        let expected = format!("PostgreSQL {}", server.version());
        assert!(version.starts_with(&expected), "{version}, {expected}");
        let log = server.log().split_off(earlier);
        assert!(log.contains(used) && !log.contains(unused), "{used}: {log}");
        assert!(log.contains("method=scram-sha-256"), "{used}: {log}");
    }
}

#[test]
fn direct_tls_to_a_server_of_another_name_ends_before_the_login() {
    let ca = Ca::root("lab root");
    let server = taking_both(&ca);
    let other_name = [("WA_DB_SSL_SERVER_NAME", "other.lab")];
    let variables = with(&direct(&trusting(&server, &ca)), other_name);
    both("other.lab", &variables, verdict::tls("hostname_mismatch"));
    let log = server.log();
    assert!(!log.contains("user=app"), "{log}");
}

#[test]
fn direct_tls_is_refused_where_the_engine_has_none() {
    for engine in ["MYSQL", "MARIADB"] {
        let pairs = [
            ("WA_DB_ENGINE", engine),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_PASSWORD", "not-to-be-sent"),
        ];
        let variables = direct(&with(&Variables::new(), pairs));
        assert_ends(engine, &variables, 10, "variable_invalid");
    }
}

#[test]
fn direct_tls_with_a_certificate_that_does_not_verify_says_so() {
    let stranger = Ca::root("lab root");
    let certificate = stranger.issue(&TestServers::leaf());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    wa_db_lab::pki::write_file(&file, Ca::root("lab root").cert_pem());
    let front = TlsFront::start_direct(&certificate, postgresql);
    let variables = with(&direct(&front.env()), [("WA_DB_SSL_CA", text(&file))]);
    assert_ends("stranger", &variables, 13, "certificate_untrusted");
    assert!(front.secured().is_empty());
}

#[test]
fn direct_tls_to_a_server_that_waits_to_be_asked_is_refused_with_a_word_on_what_to_do() {
    let ca = Ca::root("lab root");
    let certificate = ca.issue(&TestServers::leaf());
    // PostgreSQL 15 knows TLS by request only.
    let server = Server::start(Engine::Postgres, ServerOptions::tls(&certificate));
    let variables = direct(&trusting(&server, &ca));
    assert_ends("PostgreSQL 15", &variables, 13, "tls_refused");
    let target = check("webapp", &variables).target();
    let hint = target["stages"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|stage| stage["error"]["hint"].as_str())
        .unwrap();
    assert!(hint.contains("WA_DB_SSL_NEGOTIATION"), "{hint}");
}
