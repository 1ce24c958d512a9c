//! Secrets that the programs of age encrypted: what they open, and that nothing of them is shown.

use serde_json::Value;
use wa_db_lab::age::{Form, Identity, encrypt};
use wa_db_lab::pki::{Ca, write_file};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::command::{KEY_PASSWORD, Planted};
use crate::support::{check, text, wa_db, with};

const PASSWORD: &str = "WA_DB_PASSWORD_FILE";
const IDENTITY: &str = "WA_DB_IDENTITY_FILE";
const KEY: &str = "WA_DB_SSL_KEY_PASSWORD_FILE";
/// A word that stands where something else belongs.
const MISPLACED: &str = "canary-misplaced-8c31";

/// Secrets of every kind, for a server that is never reached.
fn planted(server: &Server, identities: &[&Identity]) -> Planted {
    hiding(Planted::into(&server.env(), server.password()), identities)
}

fn hiding(planted: Planted, identities: &[&Identity]) -> Planted {
    let planted = planted.hiding("a misplaced word", MISPLACED);
    identities.iter().fold(planted, |planted, identity| {
        planted.hiding("an identity", identity.secret())
    })
}

#[test]
fn encrypted_password_and_key_password_let_in_on_every_engine_and_are_not_shown() {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).client_ca(&ca);
    let [one, two] = [(); 2].map(|()| Identity::generate());
    let forms = [Form::Binary, Form::Armored, Form::Binary];
    for (server, form) in Server::start_all(&options).iter().zip(forms) {
        let trusted = server.file("trusted.pem", ca.cert_pem());
        let base = with(&server.env(), [("WA_DB_SSL_CA", text(&trusted))]);
        let planted = hiding(Planted::of(&ca, &base, server.password()), &[&one, &two]);
        let sealed = planted.file("password.sealed");
        // For everybody to read: that is what it is encrypted for.
        let password = format!("{}\n", server.password());
        write_file(sealed.as_ref(), encrypt(form, &[&one], &password));
        let key = planted.private("key.sealed", encrypt(form, &[&two], KEY_PASSWORD));
        let identities = format!("{}\n{}", two.file(), one.file());
        let identities = planted.private("identity", identities);
        let changes = [
            ("WA_DB_PASSWORD", ""),
            (PASSWORD, &*sealed),
            (KEY, &*key),
            (IDENTITY, &*identities),
        ];
        planted.dial(&format!("{:?} {form:?}", server.engine()), 0, &changes);
        planted.read("success", &changes);
        // The planted string alone is what there is to warn of.
        let quiet = with(&planted.variables, changes);
        let quiet = with(&quiet, [("WA_DB_CONNECTION_OPTION", "")]);
        let outcome = wa_db(&["check", "--strict"], &quiet);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let explained = wa_db(&["explain"], &quiet);
        let mut lines = explained.stdout.lines();
        let row = lines.find(|line| line.contains(IDENTITY));
        assert!(
            row.is_some_and(|row| row.contains(&*identities)),
            "{explained:#?}"
        );
    }
}

#[test]
fn identity_that_does_not_open_a_secret_is_a_fault_of_the_settings_and_not_shown() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let [right, wrong] = [(); 2].map(|()| Identity::generate());
    let planted = planted(server, &[&right, &wrong]);
    let password = server.password();
    let sealed = planted.private("sealed", encrypt(Form::Binary, &[&right], password));
    let open = planted.file("open");
    write_file(open.as_ref(), right.file());
    let other = planted.private("other", wrong.file());
    let comments = planted.private("comments", right.file().replace("AGE-SECRET", "#"));
    let damaged = planted.private("damaged", right.secret().replace("KEY-1", "KEY-1Q"));
    let misplaced = planted.private("misplaced", MISPLACED);
    for (what, identity, code) in [
        ("wrong identity", &*other, "key_mismatch"),
        ("none named", "", "variable_missing"),
        ("no such file", "/no/such/file", "file_missing"),
        ("a directory", "/", "file_unreadable"),
        ("open to all", &open, "key_permissions"),
        ("comments alone", &comments, "file_unreadable"),
        ("a damaged one", &damaged, "file_unreadable"),
        ("a word", &misplaced, "file_unreadable"),
        ("a word as path", MISPLACED, "file_missing"),
        ("itself as path", right.secret(), "file_missing"),
        ("the secret in its place", &sealed, "file_unreadable"),
    ] {
        let password = [
            ("WA_DB_PASSWORD", ""),
            (PASSWORD, &*sealed),
            (IDENTITY, identity),
        ];
        refused(&planted, what, &password, code, IDENTITY);
        let of_key = [(KEY, &*sealed), (IDENTITY, identity)];
        refused(&planted, what, &of_key, code, IDENTITY);
        // What is wrong with the identity itself is said once.
        let both = [&password[..], &of_key].concat();
        let error = refused(&planted, what, &both, code, IDENTITY);
        let of_secrets = ["key_mismatch", "variable_missing"].contains(&code);
        let others = error["others"].as_array().map_or(0, Vec::len);
        assert_eq!(others, usize::from(of_secrets), "{what}: {error}");
    }
}

#[test]
fn secret_that_was_cut_or_altered_is_a_fault_of_the_settings_and_not_shown() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let identity = Identity::generate();
    let planted = planted(server, &[&identity]);
    let password = server.password();
    let named = planted.private("identity", identity.file());
    for form in [Form::Binary, Form::Armored] {
        let sealed = encrypt(form, &[&identity], password);
        let half = planted.private("half", &sealed[..sealed.len() / 2]);
        let mut altered = sealed.clone();
        let at = altered.len() * 3 / 4;
        altered[at] ^= 1;
        let altered = planted.private("altered", altered);
        for (what, file) in [("half of it", &half), ("one bit", &altered)] {
            let what = format!("{form:?}, {what}");
            let changes = [
                ("WA_DB_PASSWORD", ""),
                (PASSWORD, file),
                (IDENTITY, &*named),
            ];
            refused(&planted, &what, &changes, "file_unreadable", PASSWORD);
            let changes = [(KEY, &**file), (IDENTITY, &*named)];
            refused(&planted, &what, &changes, "file_unreadable", KEY);
        }
    }
}

/// Every command ends with 10 and shows no secret; the check's error has this code and begins with this
/// variable. Returns that error.
fn refused(
    planted: &Planted,
    what: &str,
    changes: &[(&str, &str)],
    code: &str,
    variable: &str,
) -> Value {
    planted.dial(what, 10, changes);
    planted.read(what, changes);
    let mut variables = planted.variables.clone();
    for (name, value) in changes {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    let outcome = check("webapp", &variables);
    assert_eq!(
        outcome.verdict(),
        (10, code.to_owned()),
        "{what}: {outcome:#?}"
    );
    let error = &outcome.target()["stages"][0]["error"];
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(variable), "{what}: {message}");
    assert_ne!(error["hint"].as_str(), Some(""), "{what}");
    error.clone()
}
