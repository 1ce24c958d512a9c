//! What `check` shows of certificates is what stands in them.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use wa_db_lab::pki::{CaSpec, Issued, KeyKind, Leaf, Validity};
use wa_db_lab::server::{Engine, TestServers};

use crate::support::with;
use crate::verdict::{PASSES, both, on_each, tls, trusting};

#[test]
fn certificate_and_chain_are_shown_as_they_were_minted() {
    let servers = TestServers::exclusive();
    // Beyond 2049 a certificate writes its times in another form.
    let validity = Validity {
        not_before: at("2024-02-29T23:59:59Z"),
        not_after: at("2062-03-01T00:00:00Z"),
    };
    let intermediate = CaSpec::new("Lab Intermediate, West")
        .key_kind(KeyKind::EcP384)
        .validity(validity)
        .signed_by(servers.ca());
    let leaf = TestServers::leaf().ou("Lab").validity(validity);
    let presented = intermediate.issue(&leaf);
    let days = || (validity.not_after - OffsetDateTime::now_utc()).whole_days();
    on_each(servers.all(), |server| {
        server.present(&presented);
        let expected = |days_left| {
            let common = json!({
                "not_before": "2024-02-29T23:59:59Z",
                "not_after": "2062-03-01T00:00:00Z",
                "days_left": days_left,
            });
            let leaf = json!({
                "subject": "CN=db.lab, OU=Lab",
                "issuer": "CN=Lab Intermediate\\, West",
                "names": ["DNS:db.lab", "DNS:localhost", "IP:127.0.0.1", "IP:::1"],
                "key": "EC P-256",
                "signature": "ecdsa-with-SHA384",
                "spki_sha256": presented.spki_sha256(),
            });
            let above = json!({
                "subject": "CN=Lab Intermediate\\, West",
                "issuer": "CN=wa-db lab root",
                "names": [],
                "key": "EC P-384",
                "signature": "ecdsa-with-SHA256",
                "spki_sha256": intermediate.as_issued().spki_sha256(),
            });
            [merged(&leaf, &common), merged(&above, &common)]
        };
        let before = days();
        let seen = both("verified", &trusting(server, servers.ca_file()), PASSES);
        let seen = &seen["tls"];
        // Midnight may pass between our look at the clock and theirs.
        let expected = [before, days()].map(expected);
        let found = [seen["certificate"].clone(), seen["chain"][1].clone()];
        assert!(
            expected.contains(&found),
            "{seen:#} instead of {:#}",
            expected[0][0]
        );
        assert_eq!(seen["chain"][0], seen["certificate"]);
        // The servers do not send the root; it is shown because trust ends there.
        assert_eq!(seen["chain"].as_array().unwrap().len(), 3);
        assert_eq!(seen["chain"][2]["subject"], "CN=wa-db lab root");
        assert_eq!(seen["protocol"], "TLSv1.3");
        let cipher = seen["cipher"].to_string();
        assert!(cipher.contains("TLS_"), "{cipher}");
    });
}

#[test]
fn every_kind_of_key_and_signature_is_named() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::Postgres);
    for (kind, key, signature) in [
        (KeyKind::EcP256, "EC P-256", "ecdsa-with-SHA256"),
        (KeyKind::EcP384, "EC P-384", "ecdsa-with-SHA384"),
        (KeyKind::Rsa2048, "RSA 2048", "sha256WithRSAEncryption"),
        (KeyKind::Ed25519, "Ed25519", "ED25519"),
    ] {
        let ca = CaSpec::new("a CA of that kind").key_kind(kind).root();
        let presented = ca.issue(&TestServers::leaf().key_kind(kind));
        server.present(&presented);
        let file = server.file("kind.pem", ca.cert_pem());
        let seen = both(key, &trusting(server, &file), PASSES);
        let seen = &seen["tls"]["certificate"];
        assert_eq!(seen["key"], key);
        assert_eq!(seen["signature"], signature);
        assert_eq!(seen["spki_sha256"], presented.spki_sha256());
    }
}

#[test]
fn refused_certificate_is_shown_all_the_same() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::Postgres);
    let show = |presented: &Issued, code| {
        server.present(presented);
        let target = both(code, &trusting(server, servers.ca_file()), tls(code));
        let seen = target["tls"].clone();
        assert_eq!(seen["certificate"]["spki_sha256"], presented.spki_sha256());
        assert_eq!(seen["chain"][0], seen["certificate"]);
        assert_eq!(seen["verified"], false);
        assert_eq!(seen["would_fail"], Value::Null);
        seen
    };
    // Days are rounded down.
    let ended = Validity {
        not_before: at("2024-01-01T00:00:00Z"),
        not_after: OffsetDateTime::now_utc() - Duration::hours(36),
    };
    let over = servers.ca().issue(&TestServers::leaf().validity(ended));
    let seen = show(&over, "certificate_expired");
    assert_eq!(seen["certificate"]["days_left"], -2);
    let impostor = servers.ca().impostor().issue(&TestServers::leaf());
    show(&impostor, "certificate_untrusted");
    let seen = show(&servers.ca().issue(&Leaf::server()), "hostname_mismatch");
    assert_eq!(seen["certificate"]["subject"], "");
    assert_eq!(seen["certificate"]["names"], json!([]));
}

#[test]
fn control_characters_in_a_certificate_are_not_printed() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::Postgres);
    let leaf = Leaf::server().cn("db\u{1b}[2J\u{7}.lab");
    server.present(&servers.ca().issue(&leaf));
    let variables = with(
        &trusting(server, servers.ca_file()),
        [("WA_DB_SSL_SERVER_NAME", "db.lab")],
    );
    let target = both("escapes", &variables, tls("hostname_mismatch"));
    let subject = target["tls"]["certificate"]["subject"].as_str().unwrap();
    let message = target["stages"][3]["error"]["message"].as_str().unwrap();
    for text in [subject, message] {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

fn at(time: &str) -> OffsetDateTime {
    OffsetDateTime::parse(time, &Rfc3339).unwrap()
}

fn merged(one: &Value, other: &Value) -> Value {
    let fields = [one, other]
        .into_iter()
        .flat_map(|value| value.as_object().unwrap().clone());
    Value::Object(fields.collect())
}
