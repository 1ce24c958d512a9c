//! The lines that put a certificate to use: [`Paste`].
//!
//! A heading begins with `#`, which is a comment in each of the files that the lines are for.

use std::io;
use std::path::Path;

use crate::certs::{Authority, Described, Holder, Issued};
use crate::cli::printer::{Paint, Printer};
use crate::settings::quoted;

/// A certificate with the files that it and its CA lie in, as absolute paths.
pub(super) struct Paste {
    pub(super) certificate: Described,
    pub(super) certificate_file: String,
    pub(super) key_file: String,
    pub(super) ca_file: String,
    /// The account, where it is a client's.
    pub(super) account: Option<String>,
}

impl Paste {
    pub(super) fn new(holder: &Holder, authority: &Authority, issued: &Issued) -> Self {
        Self {
            certificate: Described::of(&issued.certificate),
            certificate_file: absolute(&issued.certificate_file),
            key_file: absolute(&issued.key_file),
            ca_file: absolute(&authority.certificate_file()),
            account: match holder {
                Holder::Server(_) => None,
                Holder::Client(name) => Some(name.as_str().to_owned()),
            },
        }
    }

    /// Prints what was issued, as comments, and the lines.
    pub(super) fn print(&self, printer: &mut Printer<'_>) -> io::Result<()> {
        let facts = &self.certificate.facts;
        let whom = match &self.account {
            Some(account) => account.clone(),
            None => facts.names.join(", "),
        };
        let pin = self.certificate.pin.as_deref().unwrap_or_default();
        let about = [
            format!(
                "# {}  {whom}, until {}",
                self.certificate_file, facts.not_after
            ),
            format!("# {}  {}, {pin}", self.key_file, facts.key),
        ];
        for line in about {
            printer.line(&line)?;
        }
        let blocks = match &self.account {
            None => self.of_server(),
            Some(account) => self.of_client(account),
        };
        for (heading, lines) in blocks {
            printer.end()?;
            printer.put(Paint::Strong, &format!("# {heading}"))?;
            printer.end()?;
            lines.iter().try_for_each(|line| printer.line(line))?;
        }
        Ok(())
    }

    fn of_server(&self) -> Vec<(&'static str, Vec<String>)> {
        let postgres = |name: &str, path: &str| format!("{name} = {}", postgres_quoted(path));
        let mysql = |name: &str, path: &str| format!("{name} = {}", mysql_quoted(path));
        vec![
            (
                "postgresql.conf",
                vec![
                    "ssl = on".to_owned(),
                    postgres("ssl_cert_file", &self.certificate_file),
                    postgres("ssl_key_file", &self.key_file),
                    postgres("ssl_ca_file", &self.ca_file),
                ],
            ),
            (
                "my.cnf of MySQL and MariaDB",
                vec![
                    "[mysqld]".to_owned(),
                    mysql("ssl_cert", &self.certificate_file),
                    mysql("ssl_key", &self.key_file),
                    mysql("ssl_ca", &self.ca_file),
                    "require_secure_transport = ON".to_owned(),
                ],
            ),
            (
                "db.env of the services",
                vec![variable("WA_DB_SSL_CA", &self.ca_file)],
            ),
        ]
    }

    fn of_client(&self, account: &str) -> Vec<(&'static str, Vec<String>)> {
        let mut blocks = vec![(
            "db.env of the service",
            vec![
                variable("WA_DB_SSL_CA", &self.ca_file),
                variable("WA_DB_SSL_CERT", &self.certificate_file),
                variable("WA_DB_SSL_KEY", &self.key_file),
            ],
        )];
        let issuer = self.certificate.facts.issuer.strip_prefix("CN=");
        // Other names would have to be quoted, by each server in its own way.
        if is_plain(account) {
            blocks.push((
                "pg_hba.conf, before other lines for this account: the certificate besides the password",
                vec![format!("hostssl all {account} all scram-sha-256 clientcert=verify-full")],
            ));
            if let Some(issuer) = issuer.filter(|issuer| is_plain(&issuer.replace(' ', ""))) {
                blocks.push((
                    "SQL for MySQL and MariaDB: the same",
                    vec![format!(
                        "ALTER USER '{account}'@'%' REQUIRE SUBJECT '/CN={account}' AND ISSUER '/CN={issuer}';"
                    )],
                ));
            }
        }
        blocks
    }
}

/// A path that means the same wherever the line is pasted.
pub(super) fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// A line of an env-file.
pub(super) fn variable(name: &str, value: &str) -> String {
    format!("{name}={}", quoted(value))
}

/// Quotes are doubled and escapes escaped (PostgreSQL's manual, 20.1.2).
fn postgres_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// In option files a backslash begins an escape and `#` a comment, unless the value stands in quotes.
fn mysql_quoted(text: &str) -> String {
    if text
        .chars()
        .all(|character| is_plain_character(character) || character == '/')
    {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\"))
}

fn is_plain(text: &str) -> bool {
    text.chars().all(is_plain_character)
}

fn is_plain_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._-@".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_as_each_file_wants_them() {
        for (path, postgres, mysql) in [
            ("/etc/tls/db.pem", "'/etc/tls/db.pem'", "/etc/tls/db.pem"),
            ("/a b/c#d.pem", "'/a b/c#d.pem'", "\"/a b/c#d.pem\""),
            ("/o'brien/x", "'/o''brien/x'", "\"/o'brien/x\""),
            ("/back\\slash", "'/back\\\\slash'", "\"/back\\\\slash\""),
        ] {
            assert_eq!(postgres_quoted(path), postgres);
            assert_eq!(mysql_quoted(path), mysql);
        }
    }
}
