//! What `wa-db certs show` says of files and servers.

use serde_json::json;
use wa_db_lab::pki::{Ca, CaSpec, KeyKind, Leaf, write_file, write_private};
use wa_db_lab::server::{Engine, TestServers};

use super::place::{Place, openssl};
use crate::support::{Outcome, Variables, text, wa_db, with};
use crate::verdict::trusting;

fn show(words: &[&str], variables: &Variables) -> Outcome {
    let arguments: Vec<_> = ["certs", "show"].iter().chain(words).copied().collect();
    wa_db(&arguments, variables)
}

#[test]
fn certificates_and_keys_in_any_form_are_shown_with_their_pins() {
    let place = Place::empty();
    let ca = CaSpec::new("limited")
        .permit_dns("lab")
        .exclude_dns("no.lab")
        .root();
    let leaf = ca.issue(
        &Leaf::server()
            .cn("db.lab")
            .dns("db.lab")
            .ip("10.0.0.1")
            .key_kind(KeyKind::Rsa2048),
    );
    write_file(&place.path("bundle.pem"), leaf.cert_pem() + &ca.cert_pem());
    write_file(&place.path("leaf.der"), leaf.cert_der());
    write_private(&place.path("key.pem"), leaf.key_pem());
    write_private(&place.path("both"), leaf.cert_pem() + &leaf.key_pem());
    let paths = ["bundle.pem", "leaf.der", "key.pem", "both"].map(|name| place.path(name));
    let words = paths.each_ref().map(|path| text(path));
    let outcome = show(
        &[&["--format", "json"], &words[..]].concat(),
        &Variables::new(),
    );
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    let report = outcome.json();
    assert_eq!(
        (&report["ok"], &report["servers"]),
        (&true.into(), &json!([]))
    );
    let files = &report["files"];
    let pin = format!("sha256/{}", leaf.spki_sha256());
    let shown = &files[0]["certificates"];
    assert_eq!(shown[0]["subject"], "CN=db.lab");
    assert_eq!(shown[0]["issuer"], "CN=limited");
    assert_eq!(shown[0]["names"], json!(["DNS:db.lab", "IP:10.0.0.1"]));
    assert_eq!(shown[0]["purposes"], json!(["server"]));
    assert_eq!(
        (&shown[0]["ca"], &shown[1]["ca"]),
        (&false.into(), &true.into())
    );
    assert_eq!(shown[1]["limits"], json!(["DNS lab", "not DNS no.lab"]));
    let der = place.path("leaf.der");
    let serial = openssl(&["x509", "-in", text(&der), "-noout", "-serial"]).stdout;
    let expected = format!("serial={}\n", shown[0]["serial"].as_str().unwrap());
    assert_eq!(serial.to_lowercase(), expected);
    assert_eq!(
        (&shown[0]["key"], &shown[0]["pin"]),
        (&"RSA 2048".into(), &pin.clone().into())
    );
    assert_eq!(files[1]["certificates"], json!([shown[0]]));
    let key = json!({"key": "RSA 2048", "private": true, "pin": pin});
    assert_eq!(
        (&files[2]["certificates"], &files[2]["key"]),
        (&json!([]), &key)
    );
    assert_eq!(
        (&files[3]["certificates"], &files[3]["key"]),
        (&json!([shown[0]]), &key)
    );

    let text = show(&words, &Variables::new()).stdout;
    for part in [
        "  CN=db.lab\n      issued by  CN=limited\n      names      DNS:db.lab, IP:10.0.0.1\n      valid      ",
        "      for        servers\n",
        "      for        issuing certificates for DNS lab, not DNS no.lab\n",
        "  private key, RSA 2048\n",
        &format!("      pin        {pin}\n"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_shown() {
    let place = Place::with_ca(&[]);
    write_file(&place.path("garbage.pem"), "garbage");
    let ca = Ca::root("locked");
    write_private(
        &place.path("locked.key"),
        ca.key().encrypted_pkcs8_pem("canary-71b3"),
    );
    for (name, code) in [
        ("garbage.pem", "certificate_invalid"),
        ("missing.pem", "file_missing"),
        ("locked.key", "key_encrypted"),
    ] {
        let (good, bad) = (place.path("ca.pem"), place.path(name));
        let words = [text(&good), text(&bad)];
        let outcome = show(&words, &Variables::new());
        assert_eq!(outcome.code, 10, "{name}: {outcome:?}");
        assert!(
            outcome.stdout.contains("CN=wa-db private CA"),
            "{name}: {outcome:?}"
        );
        assert!(
            outcome.stderr.starts_with("error: FILE: ") && outcome.stderr.contains("\nhint:  "),
            "{outcome:?}"
        );
        let outcome = show(
            &[&["--format", "json"], &words[..]].concat(),
            &Variables::new(),
        );
        let report = outcome.json();
        assert_eq!(
            (outcome.code, &report["exit_code"]),
            (10, &10.into()),
            "{name}"
        );
        assert_eq!(report["files"][1]["error"]["code"], code);
        assert_eq!(report["files"][0]["error"], serde_json::Value::Null);
    }
}

#[test]
fn text_of_a_certificate_cannot_steer_the_terminal() {
    let place = Place::empty();
    let leaf = Ca::root("root").issue(&Leaf::server().cn("db\u{1b}[2J\u{7}\u{202e}.lab"));
    write_file(&place.path("leaf.pem"), leaf.cert_pem());
    let outcome = show(&[text(&place.path("leaf.pem"))], &Variables::new());
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!outcome.stdout.contains(steers), "{outcome:?}");
}

#[test]
fn a_server_of_the_settings_or_of_the_command_line_shows_its_chain_as_it_verifies() {
    let servers = TestServers::shared();
    let pin = format!("sha256/{}", servers.certificate().spki_sha256());
    for engine in Engine::ALL {
        let server = servers.of(engine);
        let place = format!("127.0.0.1:{}", server.port());
        let settings = trusting(server, servers.ca_file());
        let ca = with(
            &Variables::new(),
            [("WA_DB_SSL_CA", text(servers.ca_file()))],
        );
        let flag = if engine == Engine::Postgres {
            "postgres"
        } else {
            "MariaDB"
        };
        for (what, words, variables) in [
            ("settings", &["--role", "webapp"][..], &settings),
            ("flag", &["--role", "webapp", "--engine", flag, &place], &ca),
            (
                "engine of the settings",
                &["--role", "webapp", &place],
                &settings,
            ),
        ] {
            let outcome = show(words, variables);
            assert_eq!(
                (outcome.code, &*outcome.stderr),
                (0, ""),
                "{what}: {outcome:?}"
            );
            for part in [
                &*format!("webapp -> {} {place}\n", engine_name(engine)),
                "  CN=db.lab  verified\n",
                "  CN=wa-db lab root  verified, not sent\n",
                &format!("      pin        {pin}\n"),
            ] {
                assert!(outcome.stdout.contains(part), "{what}, {part}: {outcome:?}");
            }
            let report = show(&[words, &["--format", "json"]].concat(), variables).json();
            assert_eq!(report["servers"][0]["chain"][0]["pin"], pin, "{what}");
            assert_eq!(report["files"], json!([]), "{what}");
        }
        // Nobody vouches for it.
        let outcome = show(
            &["--role", "webapp", "--engine", flag, &place],
            &Variables::new(),
        );
        assert_eq!(outcome.code, 13, "{outcome:?}");
        assert!(
            outcome.stdout.contains("  CN=db.lab  not verified\n"),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains("error: webapp "), "{outcome:?}");
    }
}

fn engine_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "postgres",
        _ => "mysql",
    }
}

#[test]
fn a_server_that_nobody_knows_the_engine_of_is_no_usage_and_one_that_is_not_there_ends_as_pins_do()
{
    let outcome = show(&["db.no-such.lab"], &Variables::new());
    assert_eq!((outcome.code, &*outcome.stdout), (2, ""), "{outcome:?}");
    assert!(
        outcome.stderr.contains("--engine mysql or --engine pgsql"),
        "{outcome:?}"
    );
    for (target, code) in [("127.0.0.1:1", 12), ("db:port", 10)] {
        let outcome = show(&["--engine", "mysql", target], &Variables::new());
        assert_eq!(
            (outcome.code, &*outcome.stdout),
            (code, ""),
            "{target}: {outcome:?}"
        );
    }
    let outcome = show(&[], &Variables::new());
    assert_eq!(outcome.code, 10, "{outcome:?}");
    assert!(
        outcome.stderr.contains("no WA_DB_* variable is set"),
        "{outcome:?}"
    );
}
