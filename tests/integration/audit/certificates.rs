//! Rules about certificates, at servers that present them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wa_db_lab::pki::{Ca, Issued, KeyKind, Leaf, Validity, self_signed};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::support::{audit, audit_as};
use crate::support::{Variables, text, with};
use crate::verdict::{on_each, trusting};

/// Every rule whose finding would be wrong of the lab's ordinary certificate.
const NOT_OF_THE_ORDINARY: [&str; 18] = [
    "cert-expires",
    "cert-ca-expires",
    "cert-client-expires",
    "cert-not-yet-valid",
    "cert-long-lived",
    "cert-weak-key",
    "cert-weak-signature",
    "cert-short-serial",
    "cert-malformed",
    "cert-wrong-purpose",
    "cert-no-purpose",
    "cert-leaf-is-ca",
    "cert-self-signed",
    "cert-intermediate-missing",
    "cert-key-shared",
    "cert-root-unused",
    "cert-wildcard",
    "cert-name-only-in-cn",
];

#[test]
fn nothing_is_found_of_an_ordinary_certificate_but_its_private_addresses() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let report = audit(&trusting(server, servers.ca_file()));
        for id in NOT_OF_THE_ORDINARY {
            report.lacks(id);
        }
        let (severity, evidence) = report.finding("cert-private-address");
        assert_eq!(severity, "low");
        assert!(
            evidence.ends_with("(CN=db.lab) is for 127.0.0.1, ::1"),
            "{evidence}"
        );
    });
}

#[test]
fn a_certificate_that_is_refused_is_judged_all_the_same() {
    let servers = TestServers::exclusive();
    let ca = servers.ca();
    let leaf = TestServers::leaf;
    let cases: [(Issued, &str, &str, &str); 6] = [
        (
            ca.issue(&leaf().expired()),
            "cert-expires",
            "critical",
            "expired at",
        ),
        (
            ca.issue(&leaf().not_yet_valid()),
            "cert-not-yet-valid",
            "high",
            "is valid from",
        ),
        (
            ca.issue(&leaf().key_kind(KeyKind::Rsa1024)),
            "cert-weak-key",
            "high",
            "RSA 1024",
        ),
        (
            ca.issue(&leaf().signed_with_sha1()),
            "cert-weak-signature",
            "high",
            "ecdsa-with-SHA1",
        ),
        (
            ca.issue(&leaf().client_auth_only()),
            "cert-wrong-purpose",
            "high",
            "lacks serverAuth",
        ),
        (
            self_signed(&leaf()),
            "cert-self-signed",
            "high",
            "nothing that is trusted vouches for it",
        ),
    ];
    on_each(servers.all(), |server| {
        let verified = trusting(server, servers.ca_file());
        let off = with(&verified, [("WA_DB_SSL_VERIFY", "off")]);
        for (presented, id, severity, part) in &cases {
            server.present(presented);
            for (variables, code) in [(&verified, 13), (&off, 18)] {
                let report = audit(variables);
                assert_eq!(report.code, code, "{id}: {:#}", report.json);
                let (found, evidence) = report.finding(id);
                assert_eq!(found, *severity, "{id}: {evidence}");
                for part in [part, "unverified text from the peer: \"CN=db.lab\""] {
                    assert!(evidence.contains(part), "{id}: {evidence}");
                }
            }
        }
    });
}

#[test]
fn a_certificate_is_told_of_from_a_month_before_its_end_on() {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let variables = trusting(server, servers.ca_file());
        for (days, severity, threshold) in [(20, "medium", "medium"), (5, "high", "high")] {
            let leaf = TestServers::leaf().validity(Validity::days(days));
            server.present(&servers.ca().issue(&leaf));
            let report = audit_as("webapp", &variables, &["--fail-on", threshold]);
            assert_eq!(report.code, 18, "{:#}", report.json);
            let (found, evidence) = report.finding("cert-expires");
            assert_eq!(found, severity, "{evidence}");
            let left = format!("in {days} days");
            assert!(evidence.ends_with(&left), "{evidence}");
        }
    });
}

#[test]
fn names_of_a_certificate_that_passes_are_judged() {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let variables = trusting(server, servers.ca_file());
        for (leaf, name, id, severity) in [
            (
                Leaf::server().cn("db.lab"),
                "db.lab",
                "cert-name-only-in-cn",
                "low",
            ),
            (
                Leaf::server().cn("db.lab").dns("*.db.lab"),
                "one.db.lab",
                "cert-wildcard",
                "medium",
            ),
        ] {
            server.present(&servers.ca().issue(&leaf));
            let report = audit(&with(&variables, [("WA_DB_SSL_SERVER_NAME", name)]));
            assert_ne!(report.code, 13, "{:#}", report.json);
            assert_eq!(report.finding(id).0, severity);
        }
    });
}

#[test]
fn an_intermediate_that_is_not_sent_is_missed_whether_or_not_the_chain_verifies() {
    let servers = TestServers::exclusive();
    let intermediate = servers.ca().intermediate("lab intermediate");
    let complete = intermediate.issue(&TestServers::leaf());
    on_each(servers.all(), |server| {
        let root = trusting(server, servers.ca_file());
        let bundle = [servers.ca().cert_pem(), intermediate.cert_pem()].concat();
        let bundle = server.file("bundle.pem", bundle);
        let both = with(&root, [("WA_DB_SSL_CA", text(&bundle))]);

        server.present(&complete);
        audit(&root).lacks("cert-intermediate-missing");
        audit(&both).lacks("cert-intermediate-missing");

        server.present(&complete.leaf_only());
        let report = audit(&root);
        assert_eq!(report.code, 13, "{:#}", report.json);
        let (severity, evidence) = report.finding("cert-intermediate-missing");
        assert_eq!(severity, "medium");
        let named = "issued by unverified text from the peer: \"CN=lab intermediate\"";
        assert!(evidence.contains(named), "{evidence}");

        let report = audit(&both);
        assert_ne!(report.code, 13, "{:#}", report.json);
        let (_, evidence) = report.finding("cert-intermediate-missing");
        let named = "(CN=lab intermediate) was not sent: it was found in WA_DB_SSL_CA";
        assert!(evidence.ends_with(named), "{evidence}");
    });
}

#[test]
fn a_client_certificate_is_judged_with_the_servers() {
    let servers = TestServers::shared();
    // It takes any client's certificate, having no CA to compare them with.
    let server = servers.of(Engine::Postgres);
    let client = Leaf::client().cn("app");
    let verified = trusting(server, servers.ca_file());
    let of = |leaf: &Leaf| identity(&verified, server, &servers.ca().issue(leaf));

    let report = audit(&of(&client));
    for id in ["cert-client-expires", "cert-key-shared", "cert-no-purpose"] {
        report.lacks(id);
    }

    let report = audit(&of(&client.clone().validity(Validity::days(5))));
    let (severity, evidence) = report.finding("cert-client-expires");
    assert_eq!(severity, "high");
    let named = "the client certificate of WA_DB_SSL_CERT (CN=app)";
    assert!(evidence.starts_with(named), "{evidence}");

    let report = audit(&of(&client.key(servers.certificate().key())));
    let (severity, evidence) = report.finding("cert-key-shared");
    assert_eq!(severity, "high");
    let pin = servers.certificate().spki_sha256();
    for part in ["(CN=db.lab)", "(CN=app)", &pin] {
        assert!(evidence.contains(part), "{evidence}");
    }
}

#[test]
fn what_lies_on_disk_is_judged_with_its_directory() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let client = servers.ca().issue(&Leaf::client().cn("app"));
    let directory = tempfile::tempdir().unwrap();
    let mode = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(directory.path(), permissions).unwrap();
    };
    let (certificate, key) = (
        directory.path().join("app.pem"),
        directory.path().join("app.key"),
    );
    client.write_chain(&certificate);
    client.write_key(&key);
    let ca = directory.path().join("ca.pem");
    fs::write(&ca, servers.ca().cert_pem()).unwrap();
    let variables = with(
        &trusting(server, &ca),
        [
            ("WA_DB_SSL_CERT", text(&certificate)),
            ("WA_DB_SSL_KEY", text(&key)),
        ],
    );
    let rules = ["cert-key-directory-writable", "cert-ca-writable"];
    mode(0o755);
    let report = audit(&variables);
    for id in rules {
        report.lacks(id);
    }
    mode(0o777);
    let report = audit(&variables);
    for id in rules {
        assert_eq!(report.finding(id).0, "high");
    }
}

#[test]
fn an_ended_list_and_a_ca_that_is_not_needed_are_found() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let bundle = [servers.ca().cert_pem(), Ca::root("another").cert_pem()].concat();
    let bundle = server.file("two-roots.pem", bundle);
    let list = server.file("ended.pem", servers.ca().ended_crl_pem(&[]));
    let variables = with(
        &trusting(server, &bundle),
        [
            ("WA_DB_SSL_CRL", text(&list)),
            ("WA_DB_SSL_CRL_STALE", "warn"),
        ],
    );
    let report = audit(&variables);
    assert_eq!(report.code, 18, "{:#}", report.json);
    assert_eq!(report.finding("cert-crl-stale").0, "high");
    let (severity, evidence) = report.finding("cert-root-unused");
    assert_eq!(severity, "low");
    assert!(evidence.contains("holds CN=another;"), "{evidence}");
    let refused = with(&variables, [("WA_DB_SSL_CRL_STALE", "refuse")]);
    let report = audit(&refused);
    assert_eq!(report.code, 13, "{:#}", report.json);
    assert_eq!(report.finding("cert-crl-stale").0, "high");
}

#[test]
fn the_certificate_that_mysql_makes_for_itself_is_read_and_found_wanting() {
    let server = Server::start(Engine::MySql, ServerOptions::makes_its_own_certificates());
    let name = server.own_certificate_name();
    let variables = with(
        &trusting(&server, &server.own_ca_file()),
        [("WA_DB_SSL_SERVER_NAME", &*name)],
    );
    let report = audit(&variables);
    report.lacks("cert-malformed");
    for id in [
        "cert-long-lived",
        "cert-name-only-in-cn",
        "cert-no-purpose",
        "cert-short-serial",
    ] {
        let (severity, evidence) = report.finding(id);
        assert_eq!(severity, "low");
        assert!(evidence.contains(&name), "{evidence}");
    }
}

/// The variables with a client certificate, in files of its own.
fn identity(variables: &Variables, server: &Server, client: &Issued) -> Variables {
    let serial = client.serial();
    let name = serial.iter().map(|byte| format!("{byte:02x}"));
    let name: String = name.collect();
    let certificate = server.file(&format!("{name}.pem"), client.chain_pem());
    let key = certificate.with_extension("key");
    client.write_key(&key);
    with(
        variables,
        [
            ("WA_DB_SSL_CERT", text(&certificate)),
            ("WA_DB_SSL_KEY", text(&key)),
        ],
    )
}
