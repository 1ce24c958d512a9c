//! Paths of files that variables name. Whether the file is there is for its reader to find out.

use std::path::PathBuf;

use crate::settings::fault::Fault;
use crate::settings::shown_path::oddity;

/// A path, taken as it is. What is no path may be a secret, and is not shown.
pub(in crate::settings) fn path(variable: &str, text: &str) -> Result<PathBuf, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::invalid(
            variable,
            format!("{variable} holds only white space"),
            "give the path of a file, or leave the variable empty",
        ));
    }
    if let Some((what, hint)) = oddity(text) {
        return Err(Fault::invalid(variable, format!("{variable} {what}"), hint));
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::path;

    #[test]
    fn a_path_is_taken_as_it_is() {
        for text in ["/a/ca.pem", "ca.pem", "/a b/ü.pem", "/a/$x/;y"] {
            assert_eq!(path("X", text).unwrap(), Path::new(text));
        }
        let long = format!("/c4n4ry{}", "a".repeat(4096));
        for text in [
            " ",
            "/c4n4ry.pem\r",
            "/c4n4ry\n.pem",
            "\0",
            "-----BEGIN PRIVATE KEY-----\\nc4n4ry",
            "-----BEGIN PRIVATE KEY-----\nc4n4ry",
            "\"-----BEGIN RSA PRIVATE KEY----- c4n4ry\"",
            &long,
        ] {
            let message = path("WA_DB_SSL_CA", text).unwrap_err().message;
            assert!(message.contains("WA_DB_SSL_CA"), "{message}");
            assert!(!message.contains("c4n4ry"), "{message}");
        }
    }
}
