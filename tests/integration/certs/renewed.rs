//! Certificates that are replaced by new ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use wa_db_lab::pki::{Ca, Leaf, Validity, write_file, write_private};

use super::place::{Place, openssl};
use crate::support::{Variables, text, wa_db};

/// What a certificate keeps when it is renewed.
fn lasting(place: &Place, name: &str) -> [serde_json::Value; 4] {
    let shown = place.shown(name);
    ["subject", "issuer", "names", "purposes"].map(|field| shown[field].clone())
}

#[test]
fn names_purpose_key_and_length_stay_and_the_serial_number_does_not() {
    let place = Place::with_ca(&["--permit-dns", "lab", "--permit-ip", "10.0.0.0/8"]);
    place.make(
        "issue server",
        &[
            "--name",
            "db.lab",
            "*.a.lab",
            "10.0.0.1",
            "--days",
            "20",
            "--key-type",
            "rsa-3072",
        ],
    );
    place.make("issue client", &["--name", "app", "--days", "30"]);
    for (name, days) in [("db.lab", 20), ("app", 30)] {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let (before, shown) = (lasting(&place, &certificate), place.shown(&certificate));
        let key_before = fs::read(place.path(&key)).unwrap();
        let outcome = place.make("renew", &[text(&place.path(&certificate))]);
        assert_eq!(lasting(&place, &certificate), before);
        assert_eq!(fs::read(place.path(&key)).unwrap(), key_before);
        assert!(place.belong_together(&certificate, &key));
        let after = place.shown(&certificate);
        assert_eq!(after["pin"], shown["pin"]);
        assert_ne!(after["serial"], shown["serial"]);
        let line = format!(
            "{}  until {}, the same key, {}\n",
            place.path(&certificate).display(),
            after["not_after"].as_str().unwrap(),
            after["pin"].as_str().unwrap()
        );
        assert_eq!(outcome.stdout, line);
        assert!(place.has_days_left(&certificate, days));
        let told = outcome.stderr.contains("SELECT pg_reload_conf()");
        assert_eq!(told, name == "db.lab", "{outcome:?}");
        place.make("renew", &[text(&place.path(&certificate)), "--days", "100"]);
        assert!(place.has_days_left(&certificate, 100));
        assert!(place.verifies(&certificate, &[]));
    }
}

#[test]
fn a_file_that_is_not_there_is_named_before_the_ca_that_is_not_there_either() {
    let place = Place::empty();
    let missing = place.path("db.pem");
    let outcome = wa_db(&["certs", "renew", text(&missing)], &Variables::new());
    assert_eq!((outcome.code, &*outcome.stdout), (10, ""), "{outcome:?}");
    let expected = format!("error: FILE: {} does not exist\n", missing.display());
    assert!(outcome.stderr.starts_with(&expected), "{outcome:?}");
    assert!(!outcome.stderr.contains("there is no CA"), "{outcome:?}");

    let other = Place::with_ca(&[]);
    other.make("issue client", &["--name", "app"]);
    let file = other.path("app.pem");
    let outcome = place.certs("renew", &[text(&file)]);
    let expected = format!("error: there is no CA in {}", place.dir().display());
    assert!(outcome.stderr.starts_with(&expected), "{outcome:?}");
}

#[test]
fn a_new_key_is_of_the_same_kind_and_takes_the_place_of_the_old_one() {
    let place = Place::with_ca(&[]);
    for kind in ["ec-p256", "ec-p384", "rsa-3072", "ed25519"] {
        let certificate = format!("{kind}.pem");
        let path = place.path(&certificate);
        let base = place.path(kind);
        place.make(
            "issue client",
            &["--name", "app", "--key-type", kind, "--out", text(&base)],
        );
        let before = place.shown(&certificate);
        let outcome = place.make("renew", &["--new-key", text(&path)]);
        let after = place.shown(&certificate);
        assert_eq!(after["key"], before["key"]);
        assert_ne!(after["pin"], before["pin"]);
        assert!(
            place.belong_together(&certificate, &format!("{kind}.key")),
            "{kind}"
        );
        assert!(
            place.verifies(&certificate, &["-purpose", "sslclient"]),
            "{kind}"
        );
        let named = format!(
            "a new key in {}, {}",
            base.display(),
            after["pin"].as_str().unwrap()
        );
        assert!(
            outcome.stdout.contains(&named.replace(", ", ".key, ")),
            "{outcome:?}"
        );
        assert!(
            outcome.stderr.contains("must be given the new pin"),
            "{outcome:?}"
        );
    }
}

#[test]
fn the_key_is_found_by_what_it_is_and_not_by_its_name() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab"]);
    fs::rename(place.path("db.lab.pem"), place.path("server-cert.crt")).unwrap();
    fs::rename(place.path("db.lab.key"), place.path("server-key.pem")).unwrap();
    let certificate = place.path("server-cert.crt");
    place.make("renew", &["--new-key", text(&certificate)]);
    assert!(place.belong_together("server-cert.crt", "server-key.pem"));
    assert_eq!(
        place.names(),
        ["ca.key", "ca.pem", "server-cert.crt", "server-key.pem"]
    );
    // Without it there is no place for a new one; the certificate alone can still be renewed.
    fs::remove_file(place.path("server-key.pem")).unwrap();
    let before = place.content();
    let outcome = place.certs("renew", &["--new-key", text(&certificate)]);
    assert_eq!(outcome.code, 10, "{outcome:?}");
    assert!(outcome.stderr.contains("is not beside it"), "{outcome:?}");
    assert_eq!(place.content(), before);
    place.make("renew", &[text(&certificate)]);
}

#[test]
fn owner_and_mode_stay_and_a_symbolic_link_is_refused() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab"]);
    let (certificate, key) = (place.path("db.lab.pem"), place.path("db.lab.key"));
    let is_root = fs::metadata(&key).unwrap().uid() == 0;
    let (uid, gid) = if is_root {
        (65_534, 65_534)
    } else {
        (
            fs::metadata(&key).unwrap().uid(),
            fs::metadata(&key).unwrap().gid(),
        )
    };
    for path in [&certificate, &key] {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
    fs::set_permissions(&certificate, fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    symlink("db.lab.pem", place.path("link.pem")).unwrap();
    symlink("db.lab.key", place.path("link.key")).unwrap();
    let before = place.shown("db.lab.pem");
    let content = place.content();
    let outcome = place.certs("renew", &["--new-key", text(&place.path("link.pem"))]);
    assert_eq!(outcome.code, 10, "{outcome:?}");
    assert!(outcome.stderr.contains("is a symbolic link"), "{outcome:?}");
    assert_eq!(place.content(), content);
    place.make("renew", &["--new-key", text(&certificate)]);
    assert_ne!(place.shown("db.lab.pem")["pin"], before["pin"]);
    assert!(place.belong_together("db.lab.pem", "db.lab.key"));
    for name in ["link.pem", "link.key"] {
        assert!(
            fs::symlink_metadata(place.path(name)).unwrap().is_symlink(),
            "{name}"
        );
    }
    for (path, mode) in [(&certificate, 0o640), (&key, 0o400)] {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid, gid));
        assert_eq!(metadata.mode() & 0o777, mode, "{}", path.display());
    }
}

#[test]
fn a_certificate_that_has_expired_is_renewed_and_one_that_is_none_of_ours_is_not() {
    let ca = Ca::root("ours");
    let place = Place::of(ca.as_issued());
    let write = |name: &str, content: String| write_file(&place.path(name), content);
    write(
        "expired.pem",
        ca.issue(&Leaf::server().cn("db.lab").dns("db.lab").expired())
            .cert_pem(),
    );
    write(
        "others.pem",
        Ca::root("others")
            .issue(&Leaf::server().dns("db.lab"))
            .cert_pem(),
    );
    write(
        "impostors.pem",
        ca.impostor()
            .issue(&Leaf::server().dns("db.lab"))
            .cert_pem(),
    );
    write("garbage.pem", "garbage".to_owned());
    let both = ca.issue(&Leaf::server().dns("db.lab"));
    write_private(&place.path("both.pem"), both.cert_pem() + &both.key_pem());
    for (name, reason) in [
        ("others.pem", "was not issued by CN=ours but by CN=others"),
        ("impostors.pem", "was not issued by CN=ours"),
        ("garbage.pem", "holds no certificate"),
        ("missing.pem", "does not exist"),
        ("ca.pem", "it is a CA"),
        ("ca.key", "holds no certificate"),
        ("both.pem", "holds the key too"),
    ] {
        let before = place.content();
        let outcome = place.certs("renew", &[text(&place.path(name))]);
        assert_eq!(
            (outcome.code, &*outcome.stdout),
            (10, ""),
            "{name}: {outcome:?}"
        );
        assert!(outcome.stderr.contains(reason), "{name}: {outcome:?}");
        assert!(outcome.stderr.contains("\nhint:  "), "{name}: {outcome:?}");
        assert_eq!(place.content(), before, "{name}");
    }
    // What cannot be renewed keeps nothing else from it.
    let paths = ["others.pem", "expired.pem", "missing.pem"].map(|name| place.path(name));
    let outcome = place.certs("renew", &paths.each_ref().map(|path| text(path)));
    assert_eq!(outcome.code, 10, "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 1, "{outcome:?}");
    assert!(place.verifies("expired.pem", &["-verify_hostname", "db.lab"]));
}

#[test]
fn a_certificate_is_renewed_beside_its_ca_without_a_word_of_where_that_is() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab", "--days", "5"]);
    let file = place.path("db.lab.pem");
    let outcome = wa_db(
        &["certs", "renew", "--days", "50", text(&file)],
        &Variables::new(),
    );
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(place.has_days_left("db.lab.pem", 50));
}

#[test]
fn a_leaf_that_would_outlive_its_ca_is_renewed_up_to_its_end() {
    let ca = wa_db_lab::pki::CaSpec::new("short")
        .validity(Validity::days(10))
        .root();
    let place = Place::of(ca.as_issued());
    write_file(
        &place.path("db.pem"),
        ca.issue(&Leaf::server().dns("db.lab")).cert_pem(),
    );
    let outcome = place.make("renew", &[text(&place.path("db.pem"))]);
    assert!(
        outcome.stderr.contains("ends with its CA, CN=short"),
        "{outcome:?}"
    );
    assert_eq!(
        place.shown("db.pem")["not_after"],
        place.shown("ca.pem")["not_after"]
    );
    let verified = openssl(&[
        "verify",
        "-CAfile",
        text(&place.path("ca.pem")),
        text(&place.path("db.pem")),
    ]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
