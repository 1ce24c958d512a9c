//! Names put into the statements that findings propose, quoted so that they stay names.

/// A name in PostgreSQL: `"app"`.
pub(super) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name in MySQL and MariaDB: `` `appdb` ``.
pub(super) fn my_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// An account of MySQL or MariaDB: `'app'@'%'`.
pub(super) fn my_account(user: &str, host: &str) -> String {
    format!("{}@{}", my_text(user), my_text(host))
}

/// A text in MySQL and MariaDB: `'app'`.
pub(super) fn my_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{my_account, my_name, name};

    #[test]
    fn name_stays_a_name_whatever_it_holds() {
        for (plain, postgres, mysql) in [
            ("app", "\"app\"", "`app`"),
            ("User Name", "\"User Name\"", "`User Name`"),
            ("a\"; DROP", "\"a\"\"; DROP\"", "`a\"; DROP`"),
            ("a`; DROP", "\"a`; DROP\"", "`a``; DROP`"),
        ] {
            assert_eq!(name(plain), postgres);
            assert_eq!(my_name(plain), mysql);
        }
    }

    #[test]
    fn account_stays_an_account_whatever_it_holds() {
        for (user, host, account) in [
            ("app", "%", "'app'@'%'"),
            ("", "localhost", "''@'localhost'"),
            ("o'neil", "10.0.0.%", "'o''neil'@'10.0.0.%'"),
            ("a\\'; DROP", "h", "'a\\\\''; DROP'@'h'"),
        ] {
            assert_eq!(my_account(user, host), account);
        }
    }
}
