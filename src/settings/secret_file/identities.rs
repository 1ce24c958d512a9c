//! The file of age identities, in the form in which `age-keygen` writes it.

use std::path::Path;

use age::x25519::Identity;

use super::encryption::is_encrypted;
use super::{MAX, var};
use crate::settings::fault::Fault;
use crate::settings::permissions::require_private;
use crate::settings::small_file::{read_regular, useless, utf8};

/// Each identity is tried on each recipient of a secret, so there is an end to them.
const MOST: usize = 16;

/// How identities of X25519 begin, those of other kinds, and recipients.
const IDENTITY: &str = "AGE-SECRET-KEY-1";
const OTHER_IDENTITIES: [&str; 2] = ["AGE-SECRET-KEY-", "AGE-PLUGIN-"];
const RECIPIENT: &str = "age1";

/// Reads the identities: one a line, between comments (`#`) and blank lines.
///
/// The file is a private key, and held to what holds for those.
pub(super) fn read(path: &Path) -> Result<Vec<Identity>, Fault> {
    let name = var::IDENTITY_FILE;
    let content = read_regular(name, path, MAX)?;
    require_private(name, path, &content.metadata)?;
    if is_encrypted(&content.bytes) {
        return Err(useless(
            name,
            path,
            "is itself encrypted",
            "name the identity file as age-keygen writes it: nobody can be asked for a passphrase here",
        ));
    }
    let text = utf8(name, path, &content.bytes)?;
    let mut identities = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let identity = line.parse().map_err(|_| {
            let (what, hint) = objection(line);
            useless(name, path, &format!("line {}: {what}", index + 1), hint)
        })?;
        identities.push(identity);
    }
    match identities.len() {
        0 => Err(useless(
            name,
            path,
            "holds no identity",
            "make one with: age-keygen -o FILE",
        )),
        1..=MOST => Ok(identities),
        _ => Err(useless(
            name,
            path,
            &format!("holds more than {MOST} identities"),
            "keep those that secrets are encrypted for",
        )),
    }
}

/// What a line holds in place of an identity. None of it is shown: it may be a secret of another kind.
fn objection(line: &str) -> (&'static str, &'static str) {
    let begins = |start: &&str| {
        let head = line.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    if begins(&IDENTITY) {
        (
            "the identity is damaged",
            "copy the whole line, AGE-SECRET-KEY-1 to its end",
        )
    } else if OTHER_IDENTITIES.iter().any(begins) {
        (
            "an identity of a kind that is not supported",
            "make one of the kind X25519 with: age-keygen -o FILE",
        )
    } else if begins(&RECIPIENT) {
        (
            "a recipient, which can only encrypt",
            "name the file that age-keygen wrote, with the line AGE-SECRET-KEY-1…",
        )
    } else {
        (
            "no age identity",
            "name a file as age-keygen writes it: age-keygen -o FILE",
        )
    }
}
