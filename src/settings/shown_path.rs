//! The paths of files as messages may show them: what stands in a path's place may be a secret.

use std::path::Path;

use super::variables as var;

/// What begins each block of a PEM file.
pub(super) const PEM: &str = "-----BEGIN";

/// The most bytes Linux takes for a path (`PATH_MAX`).
const MAX: usize = 4096;

/// What stands in place of a path that is not shown.
const NAMELESS: &str = "the file named there";

/// Why a text is no path; such a text is never shown, since it may be the file's content.
pub(super) fn oddity(text: &str) -> Option<(&'static str, &'static str)> {
    if text.contains(PEM) {
        return Some((
            "holds PEM text in place of a path",
            "write the text into a file and give that file's path",
        ));
    }
    if text.chars().any(char::is_control) {
        return Some((
            "holds a control character",
            "a carriage return at the end comes from a file with Windows line ends",
        ));
    }
    (text.len() > MAX).then_some((
        "is longer than any path",
        "give the path of a file, not what is to stand in it",
    ))
}

/// Whether a message may show this path of a variable. Where a variable names the file of a secret,
/// people put the secret itself, so that only what is plainly a path is shown.
pub(crate) fn may_show(variable: &str, path: &Path) -> bool {
    let Some(text) = path.to_str() else {
        // Not UTF-8: no message can show it as it is.
        return false;
    };
    let is_plain = || {
        ["/", "./", "../"]
            .iter()
            .any(|start| text.starts_with(start))
    };
    oddity(text).is_none() && (!names_secret(variable) || is_plain())
}

/// The path, or words in its place.
pub(crate) fn shown_path(variable: &str, path: &Path) -> String {
    if may_show(variable, path) {
        path.display().to_string()
    } else {
        NAMELESS.to_owned()
    }
}

/// Whether the file that a variable names is a secret.
fn names_secret(variable: &str) -> bool {
    [
        var::PASSWORD_FILE,
        var::IDENTITY_FILE,
        var::SSL_KEY,
        var::SSL_KEY_PASSWORD_FILE,
    ]
    .contains(&variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_shown_in_place_of_a_path() {
        let long = format!("/{}", "a".repeat(MAX));
        for (variable, text, shown) in [
            (var::SSL_CA, "ca.pem", true),
            (var::SSL_CERT, "certs/cert.pem", true),
            (var::SSL_CERT, "/a b/ü.pem", true),
            (var::SSL_KEY, "/run/secrets/key.pem", true),
            (var::SSL_KEY, "./key.pem", true),
            (var::PASSWORD_FILE, "../password", true),
            (var::PASSWORD_FILE, "hunter2-Secret", false),
            (var::PASSWORD_FILE, "aGVs/bG8=", false),
            (var::SSL_KEY, "MIGHAgEAMBMGByqGSM49AgEG", false),
            (var::SSL_KEY_PASSWORD_FILE, "hunter2-Secret", false),
            (var::IDENTITY_FILE, "/etc/wa-db/identity", true),
            (var::IDENTITY_FILE, "AGE-SECRET-KEY-1QQQQ", false),
            (var::SSL_KEY, "-----BEGIN PRIVATE KEY-----\\nMIG/x", false),
            (var::SSL_CA, "-----BEGIN PRIVATE KEY-----\nMIG/x", false),
            (var::SSL_CERT, "'-----BEGIN EC PRIVATE KEY-----'", false),
            (var::SSL_CERT, "/cert\n.pem", false),
            (var::SSL_KEY, "/\u{1b}[31m", false),
            (var::SSL_CA, &long, false),
        ] {
            let path = Path::new(text);
            let expected = if shown { text } else { NAMELESS };
            assert_eq!(shown_path(variable, path), expected, "{variable}");
        }
    }
}
