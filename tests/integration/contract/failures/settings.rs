//! Settings and the files they name.

use wa_db_lab::pki::{Ca, Leaf};

use super::super::codes::Case;
use super::super::lab::Files;
use crate::support::{Outcome, Variables, check, with};

pub(in super::super) const CASES: [Case; 10] = [
    ("variable_invalid", 10, || with_one("WA_DB_PORT", "http")),
    ("variable_missing", 10, || with_one("WA_DB_HOSTNAME", "")),
    ("file_missing", 10, || {
        with_one("WA_DB_SSL_CA", "/does/not/exist.pem")
    }),
    // A directory is what even root cannot read as a file.
    ("file_unreadable", 10, || with_one("WA_DB_SSL_CA", "/")),
    ("key_permissions", 10, || with_identity(key_open_to_all)),
    ("key_encrypted", 10, || with_identity(key_encrypted)),
    ("key_mismatch", 10, || with_identity(key_of_another)),
    ("certificate_invalid", 10, || with_identity(garbage)),
    ("ca_empty", 10, || {
        let files = Files::new();
        with_one("WA_DB_SSL_CA", &files.public("ca.pem", ""))
    }),
    ("swapped_files", 10, || with_identity(swapped)),
];

/// Settings without a fault; nothing of these cases gets as far as to use them.
fn sound() -> Variables {
    let pairs = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_USERNAME", "app"),
    ];
    with(&Variables::new(), pairs)
}

fn with_one(variable: &str, value: &str) -> Outcome {
    check("webapp", &with(&sound(), [(variable, value)]))
}

/// Certificate file and key file.
fn with_identity(write: fn(&Files) -> (String, String)) -> Outcome {
    let files = Files::new();
    let (cert, key) = write(&files);
    let identity = [("WA_DB_SSL_CERT", &*cert), ("WA_DB_SSL_KEY", &*key)];
    check("webapp", &with(&sound(), identity))
}

fn key_open_to_all(files: &Files) -> (String, String) {
    let client = Ca::root("clients").issue(&Leaf::client().cn("app"));
    (
        files.public("cert.pem", client.chain_pem()),
        files.public("key.pem", client.key_pem()),
    )
}

fn key_encrypted(files: &Files) -> (String, String) {
    let client = Ca::root("clients").issue(&Leaf::client().cn("app"));
    let key = client.key().encrypted_pkcs8_pem("unknown");
    (
        files.public("cert.pem", client.chain_pem()),
        files.private("key.pem", key),
    )
}

fn key_of_another(files: &Files) -> (String, String) {
    let ca = Ca::root("clients");
    let (client, other) = (
        ca.issue(&Leaf::client().cn("app")),
        ca.issue(&Leaf::client().cn("app")),
    );
    (
        files.public("cert.pem", client.chain_pem()),
        files.private("key.pem", other.key_pem()),
    )
}

fn garbage(files: &Files) -> (String, String) {
    let client = Ca::root("clients").issue(&Leaf::client().cn("app"));
    (
        files.public("cert.pem", "no certificate at all"),
        files.private("key.pem", client.key_pem()),
    )
}

fn swapped(files: &Files) -> (String, String) {
    let client = Ca::root("clients").issue(&Leaf::client().cn("app"));
    (
        files.private("cert.pem", client.key_pem()),
        files.private("key.pem", client.chain_pem()),
    )
}
