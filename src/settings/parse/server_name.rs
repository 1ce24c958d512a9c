//! `WA_DB_SSL_SERVER_NAME`: the name a certificate must carry.

use crate::settings::fault::Fault;
use crate::settings::variables::SSL_SERVER_NAME;

/// As long as a DNS name can be.
const MAX: usize = 253;

/// A name, an address, or the common name of an auto-generated certificate. Brackets around an
/// address and one trailing dot are dropped. It is compared, never resolved, so it need not have
/// the form of a host name.
pub(in crate::settings) fn server_name(text: &str) -> Result<String, Fault> {
    let name = text.trim_matches(' ');
    let fault = |what: &str, hint: &str| {
        Err(Fault::invalid(
            SSL_SERVER_NAME,
            format!("{SSL_SERVER_NAME} {what}"),
            hint,
        ))
    };
    let name = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return fault(
            "holds no name",
            "write the name that stands in the server's certificate",
        );
    }
    // OpenSSL takes a name that begins with a dot for every name below it.
    if name.starts_with('.') {
        return fault(
            "begins with a dot",
            "write the whole name that stands in the server's certificate",
        );
    }
    if name.chars().any(char::is_control) {
        return fault(
            "holds a control character",
            "a carriage return at the end comes from a file with Windows line ends",
        );
    }
    if !name.is_ascii() {
        return fault(
            "holds a letter that is not ASCII",
            "write the name in its xn-- form",
        );
    }
    if name.len() > MAX {
        return fault(
            "is longer than 253 characters",
            "no certificate carries such a name",
        );
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::server_name;

    #[test]
    fn whatever_a_certificate_may_carry_is_a_name() {
        for (text, expected) in [
            ("db.lab", "db.lab"),
            ("db.lab.", "db.lab"),
            (" db.lab ", "db.lab"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "::1"),
            ("::1/128", "::1/128"),
            (
                "MySQL_Server_9.7.0_Auto_Generated_Server_Certificate",
                "MySQL_Server_9.7.0_Auto_Generated_Server_Certificate",
            ),
            ("project:instance", "project:instance"),
            ("A Server", "A Server"),
        ] {
            assert_eq!(server_name(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_no_certificate_carries_is_a_fault() {
        let long = "a".repeat(254);
        for text in [
            "",
            " ",
            ".",
            "..",
            ".corp.example",
            " .corp.example.",
            "[.corp.example]",
            "[]",
            "db\r",
            "d\u{1b}b",
            "d\0b",
            "münchen.example",
            &long,
        ] {
            let fault = server_name(text).unwrap_err();
            assert!(
                fault.message.starts_with("WA_DB_SSL_SERVER_NAME"),
                "{text:?}"
            );
        }
    }
}
