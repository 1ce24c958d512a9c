//! The pin of a key as the manuals tell to compute it, with the `openssl` program.

use std::path::Path;
use std::process::{Command, Stdio};

/// `openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`.
pub(super) fn pin_of_certificate(der: &[u8]) -> String {
    let public = piped(&["x509", "-inform", "der", "-pubkey", "-noout"], der);
    pin_of_public(&public)
}

/// The same of a private key in PEM.
pub(super) fn pin_of_key(file: &Path) -> String {
    let pem = std::fs::read(file).unwrap();
    pin_of_public(&piped(&["pkey", "-pubout"], &pem))
}

fn pin_of_public(pem: &[u8]) -> String {
    let der = piped(&["pkey", "-pubin", "-outform", "der"], pem);
    let hash = piped(&["dgst", "-sha256", "-binary"], &der);
    let base64 = piped(&["base64", "-A"], &hash);
    format!("sha256/{}", String::from_utf8(base64).unwrap().trim())
}

/// A certificate signing request for a key, in PEM.
pub(super) fn request(key: &Path, subject: &str) -> Vec<u8> {
    let key = key.to_str().unwrap();
    piped(&["req", "-new", "-key", key, "-subj", subject], b"")
}

/// What `openssl` makes of an input.
pub(super) fn piped(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;

    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Small enough for the pipe: nothing waits for anything.
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}
