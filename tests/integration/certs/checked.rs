//! What `wa-db certs check` finds in a directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use wa_db_lab::pki::{
    Ca, CaSpec, Digest, Issued, KeyKind, Leaf, Validity, self_signed, write_file, write_private,
};

use super::place::Place;
use crate::support::{Variables, text, wa_db};

/// Verdict and code of each problem of a file, or of the directory where no file is named.
fn problems(report: &Value, file: &str) -> Vec<(String, String)> {
    let found = if file.is_empty() {
        report["problems"].clone()
    } else {
        let files = report["files"].as_array().unwrap().clone();
        let found = files.into_iter().find(|entry| entry["file"] == file);
        found.unwrap_or_else(|| panic!("{file} is not in {report}"))["problems"].clone()
    };
    let problems = found.as_array().unwrap().iter();
    problems
        .map(|problem| {
            let word = |field: &str| problem[field].as_str().unwrap().to_owned();
            assert!(
                !word("message").is_empty() && !word("hint").is_empty(),
                "{problem}"
            );
            (word("verdict"), word("code"))
        })
        .collect()
}

fn wrong(code: &str) -> Vec<(String, String)> {
    vec![("wrong".to_owned(), code.to_owned())]
}

fn warning(code: &str) -> Vec<(String, String)> {
    vec![("warning".to_owned(), code.to_owned())]
}

/// A place with the CA's certificate alone, and what else is put there.
fn place_of(ca: &Ca) -> Place {
    let place = Place::empty();
    write_file(&place.path("ca.pem"), ca.cert_pem());
    place
}

fn put(place: &Place, name: &str, issued: &Issued) {
    write_file(&place.path(&format!("{name}.pem")), issued.chain_pem());
    write_private(&place.path(&format!("{name}.key")), issued.key_pem());
}

#[test]
fn what_was_issued_is_fine_and_each_key_is_told_with_its_certificate() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab", "10.0.0.1"]);
    place.make("issue client", &["--name", "app"]);
    let outcome = place.check(&[]);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    let stdout = outcome.stdout.replace("397 days", "396 days");
    for part in [
        "ok   app.pem     CN=app; for clients; EC P-256; 396 days left; key in app.key\n",
        "ok   db.lab.key  private key, EC P-256; of db.lab.pem\n",
        "ok   db.lab.pem  DNS:db.lab, IP:10.0.0.1; for servers; EC P-256; 396 days left; key in db.lab.key\n",
        "\n6 files, nothing is wrong\n",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let report = place.check(&["--format", "json"]).json();
    assert_eq!(
        (&report["ok"], &report["exit_code"]),
        (&true.into(), &0.into())
    );
    let entry = &report["files"][1];
    assert_eq!(
        (&entry["file"], &entry["key_file"]),
        (&"app.pem".into(), &"app.key".into())
    );
    assert_eq!(entry["certificates"][0]["subject"], "CN=app");
    assert_eq!(
        report["files"][0]["certificate_files"],
        serde_json::json!(["app.pem"])
    );
}

#[test]
fn each_fault_of_a_certificate_has_its_code_and_a_next_step() {
    let ca = Ca::root("ours");
    let server = || Leaf::server().cn("db.lab").dns("db.lab");
    let sha1 = server().signed_with_sha1();
    for (name, issued, expected) in [
        ("good", ca.issue(&server()), vec![]),
        (
            "expired",
            ca.issue(&server().expired()),
            wrong("certificate_expired"),
        ),
        (
            "future",
            ca.issue(&server().not_yet_valid()),
            wrong("certificate_not_yet_valid"),
        ),
        (
            "strangers",
            Ca::root("theirs").issue(&server()),
            wrong("certificate_untrusted"),
        ),
        (
            "impostors",
            ca.impostor().issue(&server()),
            wrong("certificate_untrusted"),
        ),
        (
            "alone",
            self_signed(&server()),
            wrong("certificate_self_signed"),
        ),
        (
            "nameless",
            ca.issue(&Leaf::server().cn("db.lab")),
            wrong("hostname_mismatch"),
        ),
        (
            "weak-key",
            ca.issue(&server().key_kind(KeyKind::Rsa1024)),
            wrong("certificate_weak"),
        ),
        ("weak-signature", ca.issue(&sha1), wrong("certificate_weak")),
        (
            "soon",
            ca.issue(&server().validity(Validity::days(20))),
            warning("certificate_expires"),
        ),
        (
            "long",
            ca.issue(&server().validity(Validity::days(500))),
            warning("certificate_long"),
        ),
        (
            "intermediates",
            ca.intermediate("between").issue(&server()),
            vec![],
        ),
    ] {
        let place = place_of(&ca);
        put(&place, name, &issued);
        let outcome = place.check(&["--format", "json"]);
        let report = outcome.json();
        let is_wrong = expected.iter().any(|(verdict, _)| verdict == "wrong");
        assert_eq!(
            outcome.code,
            if is_wrong { 10 } else { 0 },
            "{name}: {report}"
        );
        assert_eq!(report["ok"], !is_wrong, "{name}");
        let found = problems(&report, &format!("{name}.pem"));
        assert_eq!(found, expected, "{name}: {report}");
        assert_eq!(problems(&report, &format!("{name}.key")), [], "{name}");
        assert_eq!(problems(&report, ""), [], "{name}");
        // The text has the same to say.
        let text = place.check(&[]);
        assert_eq!(text.code, outcome.code);
        assert_eq!(text.stdout.contains("error: "), is_wrong, "{text:?}");
        assert_eq!(text.stdout.contains("hint:  "), is_wrong, "{text:?}");
        assert_eq!(text.stdout.contains("(exit code 10)"), is_wrong, "{text:?}");
    }
}

#[test]
fn signature_over_a_broken_digest_is_weak_however_it_is_padded() {
    let ca = CaSpec::new("ours").key_kind(KeyKind::Rsa2048).root();
    for (digest, over) in [
        (Digest::Sha256, None),
        (Digest::Sha1, Some("SHA-1")),
        (Digest::PssSha1, Some("SHA-1")),
        (Digest::Md5, Some("MD5 or older")),
    ] {
        let place = place_of(&ca);
        let leaf = Leaf::server().cn("db.lab").dns("db.lab");
        put(&place, "db", &ca.issue(&leaf.signed_over(digest)));
        let report = place.check(&["--format", "json"]).json();
        let is_weak = problems(&report, "db.pem")
            .iter()
            .any(|(_, code)| code == "certificate_weak");
        assert_eq!(is_weak, over.is_some(), "{digest:?}: {report}");
        let told = report.to_string();
        let over = over.map(|over| format!("a weak signature over {over}, "));
        assert!(over.is_none_or(|over| told.contains(&over)), "{told}");
    }
}

#[test]
fn next_step_names_the_file_as_a_shell_takes_it() {
    let ca = Ca::root("ours");
    let place = place_of(&ca);
    let server = || Leaf::server().cn("db.lab").dns("db.lab");
    put(&place, "o'neil db", &ca.issue(&server().expired()));
    put(
        &place,
        "long",
        &ca.issue(&server().validity(Validity::days(500))),
    );
    let dir = text(place.dir()).to_owned();
    for (name, mode) in [("o'neil db.key", 0o644), ("long.pem", 0o666)] {
        fs::set_permissions(place.path(name), Permissions::from_mode(mode)).unwrap();
    }
    let stdout = place.check(&[]).stdout;
    for part in [
        format!(r"run: wa-db certs renew --dir DIR '{dir}/o'\''neil db.pem'"),
        format!(r"'{dir}/o'\''neil db.key'"),
        format!("run: wa-db certs renew --dir DIR --days 397 {dir}/long.pem; "),
        format!("run: chmod go-w {dir}/long.pem\n"),
    ] {
        assert!(stdout.contains(&part), "{part}: {stdout}");
    }
}

#[test]
fn each_fault_of_a_key_has_its_code_and_a_next_step() {
    let ca = Ca::root("ours");
    let leaf = ca.issue(&Leaf::server().dns("db.lab"));
    let other = ca.issue(&Leaf::server().dns("db.lab"));

    let open = place_of(&ca);
    put(&open, "db", &leaf);
    fs::set_permissions(open.path("db.key"), Permissions::from_mode(0o644)).unwrap();
    let report = open.check(&["--format", "json"]).json();
    assert_eq!(problems(&report, "db.key"), wrong("key_permissions"));
    let text = open.check(&[]).stdout;
    assert!(
        text.contains("run: chmod ") && text.contains("mode 0644"),
        "{text}"
    );

    let mixed = place_of(&ca);
    put(&mixed, "db", &leaf);
    write_private(&mixed.path("db.key"), other.key_pem());
    let report = mixed.check(&["--format", "json"]).json();
    assert_eq!(problems(&report, "db.pem"), wrong("key_mismatch"));
    assert_eq!(problems(&report, "db.key"), warning("key_unused"));

    let elsewhere = place_of(&ca);
    write_file(&elsewhere.path("db.pem"), leaf.cert_pem());
    write_private(&elsewhere.path("backup.key"), other.key_pem());
    let outcome = elsewhere.check(&["--format", "json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(
        problems(&outcome.json(), "db.pem"),
        warning("key_elsewhere")
    );
    assert_eq!(
        problems(&outcome.json(), "backup.key"),
        warning("key_unused")
    );

    let locked = place_of(&ca);
    write_private(
        &locked.path("db.key"),
        leaf.key().encrypted_pkcs8_pem("canary-71b3"),
    );
    write_private(&locked.path("broken.key"), &leaf.key_pem()[..80]);
    write_file(&locked.path("garbage.pem"), "garbage");
    write_file(&locked.path("broken.crt"), &leaf.cert_pem()[..200]);
    let report = locked.check(&["--format", "json"]).json();
    for (file, code) in [
        ("db.key", "key_encrypted"),
        ("broken.key", "certificate_invalid"),
        ("garbage.pem", "certificate_invalid"),
        ("broken.crt", "certificate_invalid"),
    ] {
        assert_eq!(problems(&report, file), wrong(code), "{file}");
    }
}

#[test]
fn the_directory_itself_must_hold_a_ca_and_be_closed_to_others() {
    let ca = Ca::root("ours");
    let place = place_of(&ca);
    put(&place, "db", &ca.issue(&Leaf::server().dns("db.lab")));
    write_file(&place.path("notes.txt"), "none of our business");
    write_file(&place.path("crl.pem"), ca.crl_pem(&[]));
    fs::create_dir(place.path("sub.pem")).unwrap();
    let report = place.check(&["--format", "json"]).json();
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["files"].as_array().unwrap().len(), 3, "{report}");
    fs::set_permissions(place.dir(), Permissions::from_mode(0o770)).unwrap();
    let report = place.check(&["--format", "json"]).json();
    assert_eq!(problems(&report, ""), wrong("directory_permissions"));
    // As in /tmp: nobody replaces the files of others there.
    fs::set_permissions(place.dir(), Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(problems(&place.check(&["--format", "json"]).json(), ""), []);
    fs::set_permissions(place.dir(), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(place.path("ca.pem"), Permissions::from_mode(0o664)).unwrap();
    let report = place.check(&["--format", "json"]).json();
    assert_eq!(problems(&report, "ca.pem"), wrong("file_permissions"));
    fs::set_permissions(place.path("ca.pem"), Permissions::from_mode(0o644)).unwrap();

    fs::rename(place.path("ca.pem"), place.path("trusted")).unwrap();
    let report = place.check(&["--format", "json"]).json();
    assert_eq!(problems(&report, ""), wrong("ca_empty"));
    let outcome = place.check(&["--ca", text(&place.path("trusted"))]);
    assert_eq!(outcome.code, 0, "{outcome:?}");

    let outcome = wa_db(&["certs", "check", "/no/such/directory"], &Variables::new());
    assert_eq!((outcome.code, &*outcome.stdout), (10, ""), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("error: /no/such/directory cannot be read"),
        "{outcome:?}"
    );
}

#[test]
fn how_many_days_must_be_left_can_be_said() {
    let place = Place::with_ca(&[]);
    place.make("issue server", &["--name", "db.lab", "--days", "40"]);
    for (days, code) in [("0", 0), ("39", 0), ("41", 10), ("400", 10)] {
        let outcome = place.check(&["--min-days", days]);
        assert_eq!(outcome.code, code, "{days}: {outcome:?}");
        let told = outcome
            .stdout
            .contains(&format!("days left, fewer than {days}"));
        assert_eq!(told, code == 10, "{days}: {outcome:?}");
    }
}
