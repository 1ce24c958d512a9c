//! What `SHOW CREATE USER` of MySQL and MariaDB says: [`Definition`].

use super::words::{Word, words};

/// How an account proves itself. What the server keeps of its password is not kept here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Definition {
    /// The login methods, any of which will do.
    pub(in crate::audit) plugins: Vec<String>,
    /// Whether one of them has a password or what stands for it.
    pub(in crate::audit) has_password: bool,
    /// Whether a client certificate is demanded.
    pub(in crate::audit) demands_certificate: bool,
}

/// What MariaDB uses where nothing is said.
const NATIVE: &str = "mysql_native_password";

impl Definition {
    /// The definition in a `CREATE USER` statement.
    pub(super) fn parse(statement: &str) -> Option<Self> {
        let words = words(statement);
        let [create, user, rest @ ..] = &words[..] else {
            return None;
        };
        if !create.is("CREATE") || !user.is("USER") {
            return None;
        }
        let has = |keyword: &str| rest.iter().any(|word| word.is(keyword));
        let is_certificate = |word: &Word| {
            ["X509", "SUBJECT", "ISSUER"]
                .iter()
                .any(|kind| word.is(kind))
        };
        let mut required = rest.iter().skip_while(|word| !word.is("REQUIRE"));
        Some(Self {
            plugins: plugins(rest),
            // `IDENTIFIED BY PASSWORD '…'`, `WITH plugin AS '…'`, `VIA plugin USING '…'`
            has_password: has("BY") || has("AS") || has("USING"),
            demands_certificate: required.any(is_certificate),
        })
    }
}

fn plugins(words: &[Word]) -> Vec<String> {
    let mut plugins = Vec::new();
    let mut in_list = false;
    for pair in words.windows(2) {
        let names_plugin = if pair[0].is("WITH") || pair[0].is("VIA") {
            // Limits are said by another WITH, after the login methods.
            plugins.is_empty()
        } else {
            in_list && pair[0].is("OR")
        };
        if names_plugin {
            plugins.extend(pair[1].name().map(str::to_owned));
            in_list = true;
        }
        in_list &= !pair[1].is("REQUIRE");
    }
    if plugins.is_empty() {
        plugins.push(NATIVE.to_owned());
    }
    plugins
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Definition;

    #[test]
    fn login_methods_are_read_and_what_is_kept_of_the_password_is_not() {
        for (statement, plugins, has_password, demands_certificate) in [
            (
                "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$x\\'WITH y' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK",
                &["caching_sha2_password"][..],
                true,
                false,
            ),
            (
                "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' REQUIRE X509 WITH MAX_QUERIES_PER_HOUR 5",
                &["caching_sha2_password"],
                false,
                true,
            ),
            (
                "CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*2470C0'",
                &["mysql_native_password"],
                true,
                false,
            ),
            (
                "CREATE USER `app`@`%`",
                &["mysql_native_password"],
                false,
                false,
            ),
            (
                "CREATE USER `app`@`%` IDENTIFIED VIA ed25519 USING 'abc' OR unix_socket REQUIRE SUBJECT '/CN=app'",
                &["ed25519", "unix_socket"],
                true,
                true,
            ),
            (
                "CREATE USER `AS BY`@`%` IDENTIFIED VIA unix_socket REQUIRE SSL",
                &["unix_socket"],
                false,
                false,
            ),
        ] {
            let definition = Definition::parse(statement);
            let expected = Definition {
                plugins: plugins.iter().map(|plugin| (*plugin).to_owned()).collect(),
                has_password,
                demands_certificate,
            };
            assert_eq!(definition, Some(expected), "{statement}");
        }
        for statement in ["", "CREATE", "GRANT USAGE ON *.* TO a"] {
            assert_eq!(Definition::parse(statement), None);
        }
    }

    proptest! {
        #[test]
        fn no_statement_makes_it_panic(words in prop::collection::vec("CREATE|USER|IDENTIFIED|WITH|VIA|OR|AS|REQUIRE|`a`|'|x", 0..20)) {
            let _ = Definition::parse(&format!("CREATE USER {}", words.join(" ")));
        }
    }
}
