//! Where trust comes from: the CA file, or the system's store.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use wa_db::settings::Role;
use wa_db_lab::pki::Ca;
use wa_db_lab::run::finish;
use wa_db_lab::server::{Engine, TestServers};

use super::trust::{UNTRUSTED, expect_seen, expect_would_fail, stage};
use crate::support::{Variables, check, text, unreadable_store, with};
use crate::verdict::{PASSES, both, by_library, on_each, trusting};

/// A CA file beside the servers' own.
fn ca_file(servers: &TestServers, name: &str, content: &str) -> PathBuf {
    servers.all()[0].file(name, content)
}

#[test]
fn p04_p06_intermediate_must_be_sent_and_is_no_anchor() {
    let servers = TestServers::exclusive();
    let intermediate = servers.ca().intermediate("lab intermediate");
    let only_intermediate = ca_file(&servers, "intermediate.pem", &intermediate.cert_pem());
    let both_cas = intermediate.cert_pem() + &servers.ca().cert_pem();
    let both_cas = ca_file(&servers, "both.pem", &both_cas);
    on_each(servers.all(), |server| {
        let sent = intermediate.issue(&TestServers::leaf());
        server.present(&sent);
        let target = both("P06, sent", &trusting(server, servers.ca_file()), PASSES);
        expect_seen(&target, &sent, "P06, sent");
        let what = "P04, the CA file holds only the intermediate";
        both(what, &trusting(server, &only_intermediate), UNTRUSTED);

        server.present(&sent.leaf_only());
        let base = trusting(server, servers.ca_file());
        both("P06, not sent", &base, UNTRUSTED);
        expect_would_fail(server, &base, UNTRUSTED.1);
        both(
            "P04, not sent",
            &trusting(server, &only_intermediate),
            UNTRUSTED,
        );
        both("not sent but at hand", &trusting(server, &both_cas), PASSES);
    });
}

#[test]
fn p05_every_root_of_the_file_counts() {
    let servers = TestServers::shared();
    let others = ["first", "third"].map(|name| Ca::root(name).cert_pem());
    let ours = servers.ca().cert_pem();
    let bundle = format!("{}# ours\n{ours}{}", others[0], others[1]);
    let second = ca_file(&servers, "second-of-three.pem", &bundle);
    let without = ca_file(&servers, "without.pem", &others.concat());
    let der = servers.all()[0].file("ca.der", servers.ca().cert_der());
    on_each(servers.all(), |server| {
        both("ours second", &trusting(server, &second), PASSES);
        both("ours missing", &trusting(server, &without), UNTRUSTED);
        both("DER", &trusting(server, &der), PASSES);
    });
}

#[test]
fn p07_ca_file_that_holds_no_ca_stops_the_start() {
    let servers = TestServers::shared();
    let ca = servers.ca();
    let server = &servers.all()[0];
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let table = [
        ("empty", String::new(), "ca_empty"),
        ("garbage", "no such thing\n".to_owned(), "ca_empty"),
        ("key", ca.key().pkcs8_pem(), "certificate_invalid"),
        (
            "key beside",
            ca.cert_pem() + &ca.key().pkcs8_pem(),
            "certificate_invalid",
        ),
        ("list", ca.crl_pem(&[]), "ca_empty"),
        ("broken block", broken.to_owned(), "certificate_invalid"),
        (
            "broken beside",
            ca.cert_pem() + broken,
            "certificate_invalid",
        ),
        (
            "a server's",
            servers.certificate().cert_pem(),
            "certificate_invalid",
        ),
    ];
    for (what, content, code) in table {
        let file = ca_file(&servers, "p07.pem", &content);
        let target = both(what, &trusting(server, &file), (10, code));
        let message = stage(&target, "settings")["error"]["message"].to_string();
        assert!(message.contains("WA_DB_SSL_CA"), "{what}: {message}");
    }
    both(
        "missing",
        &trusting(server, "/does/not/exist.pem".as_ref()),
        (10, "file_missing"),
    );
}

#[test]
fn p08_without_a_ca_file_the_system_store_decides() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let base = server.env();
        let target = both("not in the store", &base, UNTRUSTED);
        let hint = stage(&target, "tls")["error"]["hint"].to_string();
        assert!(hint.contains("WA_DB_SSL_CA"), "{hint}");
        // OpenSSL's own variable for the system's store; the pool stage, which must pass too,
        // goes through the driver's TLS.
        let stored = with(&base, [("SSL_CERT_FILE", text(servers.ca_file()))]);
        let outcome = check("webapp", &stored);
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:?}");
        assert_eq!(outcome.target()["tls"]["verified"], true);
        // A CA file replaces the store; it does not add to it.
        let other = Ca::root("another root").cert_pem();
        let other = server.file("another.pem", other);
        let replaced = with(&stored, [("WA_DB_SSL_CA", text(&other))]);
        let outcome = check("webapp", &replaced);
        assert_eq!(
            outcome.verdict(),
            (13, UNTRUSTED.1.to_owned()),
            "{outcome:?}"
        );
    });
}

/// The drivers' TLS library would read the store for nothing, which takes longer than the check.
#[test]
fn p08_with_a_ca_file_a_check_leaves_the_system_store_unread() {
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    let store = unreadable_store(directory.path());
    on_each(servers.all(), |server| {
        let variables = trusting(server, servers.ca_file());
        let variables = with(&variables, [("SSL_CERT_FILE", text(&store))]);
        let outcome = check("webapp", &variables);
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:?}");
    });
}

#[test]
fn p08_where_one_role_alone_has_a_ca_the_store_is_read_for_the_other() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let legacy = format!(
        "sslmode=verify-full;sslrootcert={}",
        text(servers.ca_file())
    );
    let variables = with(
        &server.env(),
        [
            ("WA_DB_CONNECTION_OPTION", &*legacy),
            ("SSL_CERT_FILE", text(servers.ca_file())),
        ],
    );
    let outcome = check("both", &variables);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let report = outcome.json();
    let verified = ["/targets/0/tls/verified", "/targets/1/tls/verified"]
        .map(|field| report.pointer(field).and_then(serde_json::Value::as_bool));
    assert_eq!(verified, [Some(true); 2], "{outcome:?}");
}

#[test]
fn p08_ca_file_replaces_the_store_in_the_drivers_tls_too() {
    const NAME: &str =
        "certificates::ca_files::p08_ca_file_replaces_the_store_in_the_drivers_tls_too";
    const CHILD: &str = "WA_DB_TEST_WHAT_THE_LIBRARY_SAYS";
    // OpenSSL looks for its variable in the process, so the library has to be in another one.
    if std::env::var_os(CHILD).is_some() {
        let variables = std::env::vars().filter(|(name, _)| name != CHILD);
        let ((exit, code), _) = by_library(Role::Webapp, &variables.collect());
        std::fs::write(std::env::var(CHILD).unwrap(), format!("{exit} {code}")).unwrap();
        return;
    }
    let servers = TestServers::shared();
    let other = ca_file(&servers, "not-ours.pem", &Ca::root("another").cert_pem());
    let directory = tempfile::tempdir().unwrap();
    on_each(servers.all(), |server| {
        let answer = directory.path().join(format!("{:?}", server.engine()));
        let verdict = |variables: &Variables| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", NAME]).env_clear().envs(variables);
            child
                .env("SSL_CERT_FILE", servers.ca_file())
                .env(CHILD, &answer);
            finish(&mut child, "", Duration::from_secs(60)).unwrap();
            std::fs::read_to_string(&answer).unwrap()
        };
        assert_eq!(verdict(&server.env()), "0 ", "{:?}", server.engine());
        let replaced = trusting(server, &other);
        assert_eq!(
            verdict(&replaced),
            "13 certificate_untrusted",
            "{:?}",
            server.engine()
        );
    });
}
