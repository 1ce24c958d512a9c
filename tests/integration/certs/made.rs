//! What is issued, and what is not.

use std::collections::BTreeSet;

use wa_db_lab::pki::{Ca, CaSpec, Leaf, Validity, write_file, write_private};

use super::place::{Place, openssl};
use crate::support::text;

const DAY: i64 = 86_400;

/// Whether a certificate is still good so many seconds from now, by `openssl`.
fn lasts(place: &Place, name: &str, seconds: i64) -> bool {
    let path = place.path(name);
    let seconds = seconds.to_string();
    openssl(&["x509", "-in", text(&path), "-noout", "-checkend", &seconds]).code == Some(0)
}

#[test]
fn a_ca_may_issue_leaves_and_nothing_else_for_ten_years() {
    let place = Place::with_ca(&[
        "--name",
        "Example databases",
        "--permit-dns",
        "example.internal",
        "--permit-ip",
        "10.0.0.0/8",
        "--permit-ip",
        "2001:db8::/32",
    ]);
    assert_eq!(place.names(), ["ca.key", "ca.pem"]);
    let text = place.text("ca.pem");
    for part in [
        "Issuer: CN = Example databases",
        "Subject: CN = Example databases",
        "ASN1 OID: prime256v1",
        "ecdsa-with-SHA256",
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
        "X509v3 Name Constraints: critical\n                Permitted:\n                  DNS:example.internal\n                  \
         IP:10.0.0.0/255.0.0.0\n                  IP:2001:DB8:0:0:0:0:0:0/FFFF:FFFF:0:0:0:0:0:0",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(lasts(&place, "ca.pem", 3650 * DAY - 60) && !lasts(&place, "ca.pem", 3650 * DAY + 60));
    assert!(place.verifies("ca.pem", &[]));
    assert!(place.belong_together("ca.pem", "ca.key"));
    let unlimited = Place::with_ca(&[]);
    assert!(!unlimited.text("ca.pem").contains("Name Constraints"));
}

#[test]
fn a_ca_in_the_place_of_another_says_what_it_is_no_longer_held_to() {
    const LIMITED: &str = "the CA before it was limited to DNS lab, IP 10.0.0.0/8";
    const BELOW: &str = "the CA before it could issue CAs below it";
    let limits = ["--permit-dns", "lab", "--permit-ip", "10.0.0.0/8"];
    for (again, told) in [
        (&limits[..], None),
        (&[], Some("this one may vouch for every name")),
        (
            &limits[..2],
            Some("this one is limited to DNS lab, no IPv4 addresses"),
        ),
    ] {
        let place = Place::with_ca(&limits);
        let outcome = place.make("init", &[&["--force"], again].concat());
        let has = |part: &str| outcome.stderr.contains(part);
        assert_eq!(has(LIMITED), told.is_some(), "{outcome:?}");
        assert!(told.is_none_or(has), "{outcome:?}");
        let flags = "--force --permit-dns lab --permit-ip 10.0.0.0/8\n";
        assert_eq!(has(flags), told.is_some(), "{outcome:?}");
        assert!(!has(BELOW), "{outcome:?}");
    }
    let place = Place::of(Ca::root("old").as_issued());
    let outcome = place.make("init", &["--force"]);
    assert!(outcome.stderr.contains(BELOW), "{outcome:?}");
    assert!(!outcome.stderr.contains("was limited"), "{outcome:?}");
}

#[test]
fn a_server_is_verified_by_each_of_its_names_and_by_no_other() {
    let place = Place::with_ca(&[]);
    place.make(
        "issue server",
        &[
            "--name",
            "db.example.internal",
            "*.pool.example.internal",
            "--ip",
            "10.0.0.5",
            "--name",
            "fd00::5",
        ],
    );
    let file = "db.example.internal.pem";
    for (words, expected) in [
        (&["-verify_hostname", "db.example.internal"][..], true),
        (&["-verify_hostname", "one.pool.example.internal"], true),
        (&["-verify_hostname", "pool.example.internal"], false),
        (&["-verify_hostname", "other.example.internal"], false),
        (&["-verify_ip", "10.0.0.5"], true),
        (&["-verify_ip", "fd00::5"], true),
        (&["-verify_ip", "10.0.0.6"], false),
        (&["-purpose", "sslserver"], true),
        (&["-purpose", "sslclient"], false),
    ] {
        assert_eq!(place.verifies(file, words), expected, "{words:?}");
    }
    let text = place.text(file);
    for part in [
        "Subject: CN = db.example.internal",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(lasts(&place, file, 397 * DAY - 60) && !lasts(&place, file, 397 * DAY + 60));
    assert!(place.belong_together(file, "db.example.internal.key"));
}

#[test]
fn a_server_without_a_name_that_fits_the_subject_has_none_there() {
    let place = Place::with_ca(&[]);
    let long = format!("{}.{}.internal", "a".repeat(60), "b".repeat(60));
    for names in [&["10.0.0.5"][..], &[&long]] {
        let words: Vec<_> = ["--name"].iter().chain(names).copied().collect();
        place.make("issue server", &words);
        let file = format!("{}.pem", names[0]);
        let text = place.text(&file);
        assert!(text.contains("Subject: \n"), "{text}");
        assert!(
            text.contains("X509v3 Subject Alternative Name: critical"),
            "{text}"
        );
        assert!(place.verifies(&file, &["-purpose", "sslserver"]));
    }
}

#[test]
fn a_client_is_its_account_and_no_server() {
    let place = Place::with_ca(&[]);
    place.make(
        "issue client",
        &[
            "--name",
            "größe app",
            "--days",
            "30",
            "--out",
            text(&place.path("app")),
        ],
    );
    let path = place.path("app.pem");
    let subject = openssl(&[
        "x509",
        "-in",
        text(&path),
        "-noout",
        "-subject",
        "-nameopt",
        "utf8,-esc_msb",
    ]);
    assert_eq!(subject.stdout, "subject=CN=größe app\n");
    assert!(place.verifies("app.pem", &["-purpose", "sslclient"]));
    assert!(!place.verifies("app.pem", &["-purpose", "sslserver"]));
    assert!(
        place
            .text("app.pem")
            .contains("TLS Web Client Authentication\n")
    );
    assert!(lasts(&place, "app.pem", 30 * DAY - 60) && !lasts(&place, "app.pem", 30 * DAY + 60));
}

#[test]
fn each_kind_of_key_is_made_as_asked_for_and_written_as_pkcs8() {
    let place = Place::with_ca(&[]);
    for (kind, shown, usage) in [
        ("ec-p256", "EC P-256", "Digital Signature\n"),
        ("EC-P384", "EC P-384", "Digital Signature\n"),
        (
            "rsa-3072",
            "RSA 3072",
            "Digital Signature, Key Encipherment\n",
        ),
        ("ed25519", "Ed25519", "Digital Signature\n"),
    ] {
        let base = place.path(kind);
        place.make(
            "issue server",
            &["--name", "db.lab", "--key-type", kind, "--out", text(&base)],
        );
        let (certificate, key) = (format!("{kind}.pem"), format!("{kind}.key"));
        assert_eq!(place.shown(&certificate)["key"], shown);
        assert!(place.text(&certificate).contains(usage), "{kind}");
        assert!(
            place.verifies(&certificate, &["-purpose", "sslserver"]),
            "{kind}"
        );
        assert!(place.belong_together(&certificate, &key), "{kind}");
        let pem = std::fs::read_to_string(place.path(&key)).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{kind}");
    }
}

#[test]
fn serial_numbers_are_long_and_never_the_same() {
    let place = Place::with_ca(&[]);
    let mut seen = BTreeSet::new();
    seen.insert(place.shown("ca.pem")["serial"].to_string());
    for _ in 0..5 {
        place.make("issue client", &["--name", "app", "--force"]);
        seen.insert(place.shown("app.pem")["serial"].to_string());
    }
    assert_eq!(seen.len(), 6);
    // Sixteen bytes in hexadecimal, and quotes.
    assert!(seen.iter().all(|serial| serial.len() == 34), "{seen:?}");
}

#[test]
fn names_outside_of_the_ca_s_limits_are_refused_and_nothing_is_written() {
    let place = Place::with_ca(&[
        "--permit-dns",
        "example.internal",
        "--permit-ip",
        "10.0.0.0/8",
    ]);
    for (names, refused) in [
        (&["db.example.org"][..], "db.example.org"),
        (
            &["db.example.internal", "db.example.org", "10.0.0.1"],
            "db.example.org",
        ),
        (&["db.notexample.internal"], "db.notexample.internal"),
        (&["*.example.org"], "*.example.org"),
        (&["192.168.0.1", "10.0.0.1", "::1"], "192.168.0.1, ::1"),
    ] {
        let words: Vec<_> = ["--name"].iter().chain(names).copied().collect();
        let outcome = place.certs("issue server", &words);
        assert_eq!((outcome.code, &*outcome.stdout), (10, ""), "{outcome:?}");
        let expected = format!(
            "error: the CA may not vouch for {refused}: it is limited to DNS example.internal, IP 10.0.0.0/8\nhint:  "
        );
        assert!(outcome.stderr.starts_with(&expected), "{outcome:?}");
    }
    // OpenSSL takes it for a host name.
    assert_eq!(
        place.certs("issue client", &["--name", "app.example"]).code,
        10
    );
    assert_eq!(place.names(), ["ca.key", "ca.pem"]);
    for words in [
        &["--name", "example.internal"][..],
        &["--name", "a.b.example.internal", "10.255.0.1"],
        &["--name", "10.0.0.1"],
    ] {
        place.make("issue server", words);
    }
    place.make("issue client", &["--name", "app"]);
    for name in [
        "example.internal",
        "a.b.example.internal",
        "10.0.0.1",
        "app",
    ] {
        assert!(place.verifies(&format!("{name}.pem"), &[]), "{name}");
    }
}

#[test]
fn a_kind_of_name_of_which_nothing_is_permitted_is_excluded() {
    for (permitted, limits, good, bad) in [
        (
            ["--permit-dns", "lab"],
            "DNS lab, no IPv4 addresses, no IPv6 addresses",
            "db.lab",
            &["10.0.0.1", "::1"][..],
        ),
        (
            ["--permit-ip", "10.0.0.0/8"],
            "IP 10.0.0.0/8, no DNS names",
            "10.0.0.1",
            &["db.lab", "::1"],
        ),
    ] {
        let place = Place::empty();
        let outcome = place.make("init", &permitted);
        let told = format!("#   limited to {limits}\n");
        assert!(outcome.stdout.contains(&told), "{outcome:?}");
        place.make("issue server", &["--name", good]);
        assert!(place.verifies(&format!("{good}.pem"), &[]), "{good}");
        place.make("issue client", &["--name", "app"]);
        for name in bad {
            let outcome = place.certs("issue server", &["--name", name]);
            assert_eq!(outcome.code, 10, "{outcome:?}");
            let told = format!("may not vouch for {name}: it is limited to {limits}\n");
            assert!(outcome.stderr.contains(&told), "{outcome:?}");
            // The same with the CA's key in other hands.
            assert!(!place.verifies_signed_elsewhere(name), "{name}");
        }
        assert!(place.verifies_signed_elsewhere(good), "{good}");
    }
}

#[test]
fn a_leaf_ends_with_its_ca_and_that_is_said() {
    let place = Place::with_ca(&["--days", "10"]);
    let outcome = place.make("issue server", &["--name", "db.lab"]);
    assert!(
        outcome
            .stderr
            .contains("note: it ends with its CA, CN=wa-db private CA, at "),
        "{outcome:?}"
    );
    assert_eq!(
        place.shown("db.lab.pem")["not_after"],
        place.shown("ca.pem")["not_after"]
    );
    let outcome = place.make(
        "issue server",
        &["--name", "db.lab", "--days", "9", "--force"],
    );
    assert!(!outcome.stderr.contains("ends with its CA"), "{outcome:?}");
}

#[test]
fn more_than_398_days_are_warned_of() {
    let place = Place::with_ca(&[]);
    for (days, warned) in [("397", false), ("398", false), ("399", true)] {
        let outcome = place.make(
            "issue server",
            &["--name", "db.lab", "--days", days, "--force"],
        );
        let found = outcome
            .stderr
            .contains(&format!("warning: {days} days are long"));
        assert_eq!(found, warned, "{outcome:?}");
    }
}

#[test]
fn what_is_no_name_is_no_usage() {
    let place = Place::with_ca(&[]);
    for name in [
        "db:5432",
        "db lab",
        "https://db.lab",
        "10.0.0.256",
        "*.lab",
        "",
        "-x.lab",
        "bücher.lab",
    ] {
        let outcome = place.certs("issue server", &[&*format!("--name={name}")]);
        assert_eq!(
            (outcome.code, &*outcome.stdout),
            (2, ""),
            "{name}: {outcome:?}"
        );
    }
    assert_eq!(place.names(), ["ca.key", "ca.pem"]);
}

#[test]
fn a_ca_that_cannot_issue_is_refused_with_the_reason() {
    let root = Ca::root("good");
    let spec = |validity| CaSpec::new("of another time").validity(validity).root();
    let leaf = root.issue(&Leaf::server().cn("db.lab"));
    for (place, reason) in [
        (Place::empty(), "there is no CA in "),
        (
            Place::of(spec(Validity::expired()).as_issued()),
            "the CA CN=of another time expired at ",
        ),
        (
            Place::of(spec(Validity::not_yet()).as_issued()),
            "the CA CN=of another time is not valid before ",
        ),
        (Place::of(&leaf), "is not that of a CA: CN=db.lab"),
        (
            Place::of(&root.as_issued().with_key_of(&leaf)),
            "does not belong to ",
        ),
        (
            with_key(
                &root,
                &root.as_issued().key().encrypted_pkcs8_pem("canary-71b3"),
            ),
            "is an encrypted key",
        ),
        (with_key(&root, "garbage"), "holds no private key"),
        (with_open_key(&root), "can be read by others (mode 0644"),
    ] {
        let before = place.names();
        for words in [
            ["issue server", "--name", "db.lab"],
            ["issue client", "--name", "app"],
        ] {
            let outcome = place.certs(words[0], &words[1..]);
            assert_eq!(
                (outcome.code, &*outcome.stdout),
                (10, ""),
                "{reason}: {outcome:?}"
            );
            assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
            assert!(outcome.stderr.contains(reason), "{reason}: {outcome:?}");
            assert!(outcome.stderr.contains("\nhint:  "), "{outcome:?}");
        }
        assert_eq!(place.names(), before);
    }
}

fn with_key(ca: &Ca, key: &str) -> Place {
    let place = Place::of(ca.as_issued());
    write_private(&place.path("ca.key"), key);
    place
}

fn with_open_key(ca: &Ca) -> Place {
    let place = Place::of(ca.as_issued());
    write_file(&place.path("ca.key"), ca.as_issued().key_pem());
    place
}

#[test]
fn the_bundle_of_an_intermediate_is_the_leaf_and_what_links_it_to_the_root() {
    let root = Ca::root("root");
    let intermediate = root.intermediate("intermediate");
    for chain in [
        intermediate.cert_pem(),
        intermediate.cert_pem() + &root.cert_pem(),
    ] {
        let place = Place::of(intermediate.as_issued());
        write_file(&place.path("ca.pem"), chain);
        place.make("issue server", &["--name", "db.lab"]);
        let bundle = std::fs::read_to_string(place.path("db.lab.pem")).unwrap();
        assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(bundle.ends_with(&intermediate.cert_pem()));
        write_file(&place.path("root.pem"), root.cert_pem());
        let (roots, file) = (place.path("root.pem"), place.path("db.lab.pem"));
        let words = [
            "verify",
            "-CAfile",
            text(&roots),
            "-untrusted",
            text(&file),
            text(&file),
        ];
        assert_eq!(openssl(&words).code, Some(0));
    }
}
