//! Which certificates are trusted.

use serde_json::Value;
use wa_db::settings::Role;
use wa_db_lab::pki::{Ca, CaSpec, Issued, KeyKind, Leaf, self_signed};
use wa_db_lab::server::{Engine, Server, TestServers};

use crate::support::{Variables, with};
use crate::verdict::{PASSES, Verdict, both, both_as, on_each, tls, trusting};

pub(super) const UNTRUSTED: Verdict = tls("certificate_untrusted");

/// Has each server present a certificate that `make` makes of the right CA and the ordinary
/// names, and holds it to the verdict and to the very certificate it presented.
fn judge(make: impl Fn(&Ca) -> Issued + Sync, expected: Verdict) {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let presented = make(servers.ca());
        server.present(&presented);
        let what = format!("{:?}", server.engine());
        let target = both(&what, &trusting(server, servers.ca_file()), expected);
        expect_seen(&target, &presented, &what);
        if expected != PASSES {
            expect_would_fail(server, &trusting(server, servers.ca_file()), expected.1);
        }
    });
}

pub(super) fn expect_seen(target: &Value, presented: &Issued, what: &str) {
    let shown = &target["tls"]["certificate"]["spki_sha256"];
    assert_eq!(*shown, presented.spki_sha256(), "{what}");
}

/// With verification off the connection is made, and the report says what verification would
/// have said; coreapp, who has no such switch, verifies as ever.
pub(super) fn expect_would_fail(server: &Server, variables: &Variables, code: &'static str) {
    let what = format!("{:?} with verification off", server.engine());
    let off = with(variables, [("WA_DB_SSL_VERIFY", "off")]);
    let target = both(&what, &off, PASSES);
    assert_eq!(target["tls"]["would_fail"], code, "{what}");
    assert_eq!(target["tls"]["verified"], false, "{what}");
    assert_eq!(stage(&target, "tls")["status"], "warn", "{what}");
    both_as(Role::Coreapp, &what, &off, tls(code));
}

pub(crate) fn stage(target: &Value, name: &str) -> Value {
    let stages = target["stages"].as_array().cloned().unwrap_or_default();
    let found = stages.into_iter().find(|stage| stage["stage"] == name);
    found.unwrap_or_else(|| panic!("stage {name} is missing: {target}"))
}

#[test]
fn p03_certificate_of_another_ca_of_the_same_name_is_untrusted() {
    judge(|ca| ca.impostor().issue(&TestServers::leaf()), UNTRUSTED);
}

#[test]
fn p03_broken_signature_is_untrusted_where_no_key_identifier_gives_the_impostor_away() {
    let leaf = TestServers::leaf().without_key_identifiers();
    judge(|ca| ca.impostor().issue(&leaf), UNTRUSTED);
}

#[test]
fn p03_certificate_that_would_pass_is_said_to_with_verification_off() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let base = trusting(server, servers.ca_file());
        let target = both("verified", &base, PASSES);
        assert_eq!(target["tls"]["verified"], true);
        assert_eq!(stage(&target, "tls")["status"], "ok");
        let off = with(&base, [("WA_DB_SSL_VERIFY", "off")]);
        let target = both("not verified", &off, PASSES);
        assert_eq!(target["tls"]["would_fail"], Value::Null);
        assert_eq!(target["tls"]["verified"], false);
        let elsewhere = with(&off, [("WA_DB_SSL_SERVER_NAME", "elsewhere.lab")]);
        let target = both("another name", &elsewhere, PASSES);
        assert_eq!(target["tls"]["would_fail"], "hostname_mismatch");
    });
}

#[test]
fn p22_self_signed_certificate_is_named_as_such() {
    let verdict = tls("certificate_self_signed");
    judge(|_| self_signed(&TestServers::leaf()), verdict);
}

#[test]
fn p22_self_signed_certificate_that_is_the_ca_file_is_trusted() {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let presented = self_signed(&TestServers::leaf());
        server.present(&presented);
        let file = server.file("self-signed.pem", presented.cert_pem());
        both("its own anchor", &trusting(server, &file), PASSES);
    });
}

#[test]
fn p23_expired_certificate_is_named_as_such() {
    let verdict = tls("certificate_expired");
    judge(|ca| ca.issue(&TestServers::leaf().expired()), verdict);
}

#[test]
fn p23_certificate_of_tomorrow_is_named_as_such() {
    let verdict = tls("certificate_not_yet_valid");
    judge(|ca| ca.issue(&TestServers::leaf().not_yet_valid()), verdict);
}

#[test]
fn p23_certificate_for_clients_is_named_as_such() {
    let verdict = tls("certificate_purpose");
    judge(
        |ca| ca.issue(&TestServers::leaf().client_auth_only()),
        verdict,
    );
}

#[test]
fn p24_name_constraints_of_the_ca_hold() {
    let servers = TestServers::exclusive();
    let excluding = CaSpec::new("excluding").exclude_dns("lab").root();
    let excluding_ip = CaSpec::new("excluding").exclude_ip("127.0.0.0", 8).root();
    let permitting = CaSpec::new("permitting").permit_dns("corp").root();
    let fitting = CaSpec::new("fitting").permit_dns("lab").root();
    on_each(servers.all(), |server| {
        for (ca, verdict) in [
            (&excluding, UNTRUSTED),
            (&excluding_ip, UNTRUSTED),
            (&permitting, UNTRUSTED),
            (&fitting, PASSES),
        ] {
            let leaf = Leaf::server().dns("db.lab").ip("127.0.0.1");
            server.present(&ca.issue(&leaf));
            let file = server.file("constrained.pem", ca.cert_pem());
            let named = with(
                &trusting(server, &file),
                [("WA_DB_SSL_SERVER_NAME", "db.lab")],
            );
            both(&format!("{:?}", server.engine()), &named, verdict);
        }
    });
}

#[test]
fn p25_sha1_signature_is_untrusted() {
    judge(
        |ca| ca.issue(&TestServers::leaf().signed_with_sha1()),
        UNTRUSTED,
    );
}

#[test]
fn p25_rsa_key_of_1024_bits_is_untrusted() {
    let leaf = TestServers::leaf().key_kind(KeyKind::Rsa1024);
    judge(|ca| ca.issue(&leaf), UNTRUSTED);
}

#[test]
fn p02_p03_legacy_string_weakens_as_far_as_it_says_and_no_further() {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let with_ca = trusting(server, servers.ca_file());
        let without_ca = server.env();
        let [chain, require] = match server.engine() {
            Engine::Postgres => ["sslmode=verify-ca", "sslmode=require"],
            _ => ["SSL_MODE=VERIFY_CA", "MYSQL_OPT_SSL_MODE=REQUIRED"],
        };
        let judge = |variables: &Variables, option, verdict, would_fail: Value| {
            let asked = with(variables, [("WA_DB_CONNECTION_OPTION", option)]);
            let what = format!("{:?} with {option}", server.engine());
            let target = both_as(Role::Coreapp, &what, &asked, verdict);
            assert_eq!(target["tls"]["would_fail"], would_fail, "{what}");
        };
        judge(&with_ca, chain, PASSES, Value::Null);
        let elsewhere = Leaf::server().dns("elsewhere.lab");
        server.present(&servers.ca().issue(&elsewhere));
        // As libpq has it, `require` verifies the chain where a CA is at hand.
        for option in [chain, require] {
            judge(&with_ca, option, PASSES, "hostname_mismatch".into());
        }
        server.present(&servers.ca().impostor().issue(&TestServers::leaf()));
        for option in [chain, require] {
            judge(&with_ca, option, UNTRUSTED, Value::Null);
        }
        judge(&without_ca, require, PASSES, UNTRUSTED.1.into());
        server.present(&servers.ca().issue(&elsewhere.expired()));
        judge(&with_ca, chain, tls("certificate_expired"), Value::Null);
    });
}
