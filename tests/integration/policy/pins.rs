//! Pins: keys that a server's chain must hold, and row M10.

use std::collections::BTreeMap;

use openssl::x509::X509;
use serde_json::Value;
use wa_db::settings::Role;
use wa_db_lab::pki::{Ca, Issued, Leaf};
use wa_db_lab::server::{Engine, Server, TestServers};

use crate::certificates::trust::stage;
use crate::support::{Variables, check, text, with};
use crate::tls_front::TlsFront;
use crate::verdict::{PASSES, Verdict, both, both_as, on_each, tls, trusting};

const MISMATCH: Verdict = tls("pin_mismatch");

fn pin(certificate: &Issued) -> String {
    format!("sha256/{}", certificate.spki_sha256())
}

/// A pin of a key that no server has.
fn spare() -> String {
    pin(Ca::root("spare").as_issued())
}

fn pinning(servers: &TestServers, server: &Server, pins: &str) -> Variables {
    let base = trusting(server, servers.ca_file());
    with(&base, [("WA_DB_SSL_PINS", pins)])
}

fn warnings(target: &Value) -> String {
    stage(target, "tls")["warnings"].to_string()
}

#[test]
fn pinned_key_anywhere_in_the_verified_chain_passes_and_no_other_does() {
    let servers = TestServers::exclusive();
    let intermediate = servers.ca().intermediate("pinned");
    let presented = intermediate.issue(&TestServers::leaf());
    let spare = spare();
    on_each(servers.all(), |server| {
        server.present(&presented);
        for (what, pins, verdict) in [
            ("leaf", pin(&presented), PASSES),
            ("intermediate", pin(intermediate.as_issued()), PASSES),
            ("root", pin(servers.ca().as_issued()), PASSES),
            ("another server", pin(servers.certificate()), MISMATCH),
        ] {
            let variables = pinning(&servers, server, &format!("{spare};{pins}"));
            let what = format!("{:?}, {what}", server.engine());
            let target = both(&what, &variables, verdict);
            assert_eq!(warnings(&target), "[]", "{what}");
            if verdict == MISMATCH {
                let error = stage(&target, "tls")["error"].to_string();
                assert!(error.contains("WA_DB_SSL_PINS"), "{error}");
                assert!(error.contains(&pin(&presented)), "{error}");
            }
        }
        let rfc7469 = format!(
            "pin-sha256=\"{}\", pin-sha256=\"{}\"",
            presented.spki_sha256(),
            spare.trim_start_matches("sha256/")
        );
        both("RFC 7469", &pinning(&servers, server, &rfc7469), PASSES);
    });
}

#[test]
fn pin_does_not_replace_verification() {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let leaf = TestServers::leaf();
        for (presented, code) in [
            (
                servers.ca().impostor().issue(&leaf),
                "certificate_untrusted",
            ),
            (
                servers.ca().issue(&leaf.clone().expired()),
                "certificate_expired",
            ),
            (
                servers.ca().issue(&Leaf::server().dns("other.lab")),
                "hostname_mismatch",
            ),
        ] {
            server.present(&presented);
            let pins = format!("{};{}", pin(&presented), spare());
            let variables = pinning(&servers, server, &pins);
            both(&format!("{:?}", server.engine()), &variables, tls(code));
        }
    });
}

#[test]
fn with_verification_off_the_servers_own_key_must_be_pinned() {
    let servers = TestServers::exclusive();
    let impostor = servers.ca().impostor();
    let presented = impostor.issue(&TestServers::leaf());
    let spare = spare();
    on_each(servers.all(), |server| {
        server.present(&presented);
        for (pins, verdict) in [
            (pin(&presented), PASSES),
            (pin(servers.ca().as_issued()), MISMATCH),
            (pin(impostor.as_issued()), MISMATCH),
            (pin(servers.certificate()), MISMATCH),
        ] {
            let base = pinning(&servers, server, &format!("{pins};{spare}"));
            let off = with(&base, [("WA_DB_SSL_VERIFY", "off")]);
            let target = both(&format!("{:?}", server.engine()), &off, verdict);
            if verdict == PASSES {
                let tls = &target["tls"];
                assert_eq!(tls["would_fail"], "certificate_untrusted");
                assert_eq!(tls["verified"], false);
            }
            // coreapp has no such switch.
            both_as(Role::Coreapp, "coreapp", &off, tls("certificate_untrusted"));
        }
    });
}

#[test]
fn with_verification_off_a_leaf_that_cannot_be_read_lends_its_place_to_no_other_certificate() {
    let servers = TestServers::shared();
    let pinned = servers.certificate();
    let posing = servers.ca().impostor().issue(&TestServers::leaf());
    // A sequence of two UTCTimes; the first digit of the first becomes none.
    let validity = b"\x30\x1e\x17\x0d";
    let mut der = posing.cert_der().to_vec();
    let place = der
        .windows(validity.len())
        .position(|bytes| bytes == validity);
    der[place.unwrap() + validity.len()] = b'X';
    let malformed = X509::from_der(&der).unwrap();
    for engine in [Engine::Postgres, Engine::MySql] {
        let front = TlsFront::start(engine, &posing, |builder| {
            builder.set_certificate(&malformed).unwrap();
            builder.set_private_key(posing.key().pkey()).unwrap();
            builder.add_extra_chain_cert(pinned.x509()).unwrap();
        });
        let off = with(&front.env(), [("WA_DB_SSL_VERIFY", "off")]);
        let pins = format!("{};{}", pin(pinned), spare());
        let variables = with(&off, [("WA_DB_SSL_PINS", &pins)]);
        let target = both(&format!("{engine:?}"), &variables, MISMATCH);
        let error = stage(&target, "tls")["error"]["message"].to_string();
        assert!(error.contains(&pin(&posing)), "{error}");
        assert!(!error.contains(&pin(pinned)), "{error}");
    }
}

#[test]
fn pins_without_a_backup_are_warned_of() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let leaf = pin(servers.certificate());
        let root = pin(servers.ca().as_issued());
        for (pins, warned) in [
            (leaf.clone(), true),
            (format!("{leaf};{root}"), true),
            (format!("{leaf};{}", spare()), false),
        ] {
            let outcome = check("webapp", &pinning(&servers, server, &pins));
            assert_eq!(outcome.code, 0, "{outcome:?}");
            let said = warnings(&outcome.target());
            assert_eq!(said.contains("backup"), warned, "{said}");
        }
    });
}

#[test]
fn report_only_pins_are_told_and_not_enforced() {
    let servers = TestServers::shared();
    let spare = spare();
    on_each(servers.all(), |server| {
        let own = pin(servers.certificate());
        for (pins, told) in [(&own, false), (&spare, true)] {
            let base = trusting(server, servers.ca_file());
            let variables = with(&base, [("WA_DB_SSL_PINS_REPORT_ONLY", pins)]);
            let target = both(&format!("{:?}", server.engine()), &variables, PASSES);
            assert_eq!(target["tls"]["verified"], true);
            let said = warnings(&target);
            let named = said.contains("WA_DB_SSL_PINS_REPORT_ONLY") && said.contains(&own);
            assert_eq!(named, told, "{said}");
        }
        // Both sets at once, each with its own effect.
        let base = pinning(&servers, server, &format!("{own};{spare}"));
        let variables = with(&base, [("WA_DB_SSL_PINS_REPORT_ONLY", &spare)]);
        let outcome = check("webapp", &variables);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(warnings(&outcome.target()).contains("REPORT_ONLY"));
        let enforced = with(
            &base,
            [
                ("WA_DB_SSL_PINS", &spare),
                ("WA_DB_SSL_PINS_REPORT_ONLY", &own),
            ],
        );
        both("the other way round", &enforced, MISMATCH);
    });
}

#[test]
fn one_malformed_pin_stops_the_start() {
    let servers = TestServers::shared();
    let server = &servers.all()[0];
    let pins = format!("{};sha256/AAAA", pin(servers.certificate()));
    let invalid = (10, "variable_invalid");
    both("malformed", &pinning(&servers, server, &pins), invalid);
}

#[test]
fn m10_revocation_list_counts_though_the_pin_matches() {
    let servers = TestServers::exclusive();
    let presented = servers.ca().issue(&TestServers::leaf());
    let list = servers.ca().crl_pem(&[&presented]);
    let pins = format!("{};{}", pin(&presented), spare());
    on_each(servers.all(), |server| {
        server.present(&presented);
        let file = server.file("m10.crl", &list);
        let pinned = pinning(&servers, server, &pins);
        both("the pin alone", &pinned, PASSES);
        let variables: BTreeMap<_, _> = with(&pinned, [("WA_DB_SSL_CRL", text(&file))]);
        let revoked = tls("certificate_revoked");
        both(&format!("{:?}", server.engine()), &variables, revoked);
    });
}
