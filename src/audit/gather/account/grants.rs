//! What `SHOW GRANTS` of MySQL and MariaDB says: [`Grant`].

use super::words::{Word, words};

/// One line of `SHOW GRANTS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Grant {
    /// Privileges on something.
    Privileges {
        /// In capitals: `CREATE ROUTINE`. `USAGE` stands for none.
        names: Vec<String>,
        on: Scope,
        /// Whether they may be handed on.
        grant_option: bool,
    },
    /// The right to log in as another account.
    Proxy { user: String, host: String },
    /// Roles.
    Roles {
        roles: Vec<MyRole>,
        /// Whether they may be handed on.
        admin_option: bool,
    },
}

/// What privileges are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Scope {
    /// `*.*`
    Everything,
    /// A database, or a pattern of such.
    Database(String),
    /// A table or view of a database.
    Table(String, String),
    /// A routine of a database, with the word for its kind.
    Routine(String, String, String),
}

impl Scope {
    /// Whether it is every database: all of them, or a pattern of nothing but wildcards.
    pub(in crate::audit) fn is_everything(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::Database(pattern) => {
                !pattern.is_empty() && pattern.chars().all(|c| matches!(c, '%' | '_'))
            }
            Self::Table(..) | Self::Routine(..) => false,
        }
    }

    /// Whether a database is the one it names, or of its pattern. Case does not count, as on servers
    /// that fold names.
    pub(in crate::audit) fn is_of_database(&self, database: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Database(pattern) => {
                let pattern: Vec<_> = pattern.to_ascii_lowercase().chars().collect();
                let name: Vec<_> = database.to_ascii_lowercase().chars().collect();
                matches(&pattern, &name)
            }
            // What is on one table or routine is on one database: wildcards stand for themselves.
            Self::Table(name, _) | Self::Routine(_, name, _) => name.eq_ignore_ascii_case(database),
        }
    }
}

/// Whether a name is of a pattern: `%` is any text, `_` any character, and after a backslash a
/// character stands for itself.
fn matches(pattern: &[char], name: &[char]) -> bool {
    // For each length of the name's beginning, whether the pattern so far matches that.
    let mut so_far = vec![false; name.len() + 1];
    so_far[0] = true;
    let mut signs = pattern.iter().peekable();
    while let Some(sign) = signs.next() {
        if *sign == '%' {
            let first = so_far.iter().position(|matched| *matched);
            let first = first.unwrap_or(so_far.len());
            so_far[first..].fill(true);
            continue;
        }
        let wanted = match sign {
            '_' => None,
            '\\' => Some(*signs.next().unwrap_or(sign)),
            plain => Some(*plain),
        };
        for end in (0..name.len()).rev() {
            so_far[end + 1] = so_far[end] && wanted.is_none_or(|wanted| wanted == name[end]);
        }
        so_far[0] = false;
    }
    so_far[name.len()]
}

/// A role of MySQL, which has a host, or of MariaDB, which has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct MyRole {
    pub(in crate::audit) name: String,
    pub(in crate::audit) host: Option<String>,
}

impl Grant {
    /// One line; `None` for what grants nothing, such as a partial `REVOKE` or a default role.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let words = words(line);
        let (grant, rest) = words.split_first()?;
        if !grant.is("GRANT") {
            return None;
        }
        let (items, rest) = items(rest);
        let (end, rest) = rest.split_first()?;
        if end.is("TO") {
            let roles: Vec<_> = items.iter().filter_map(|item| role(item)).collect();
            return (!roles.is_empty()).then(|| Self::Roles {
                roles,
                admin_option: has_option(rest, "ADMIN"),
            });
        }
        let names: Vec<_> = items.iter().filter_map(|item| privilege(item)).collect();
        if names.iter().any(|name| name == "PROXY") {
            return proxy(rest);
        }
        let (on, rest) = scope(rest)?;
        Some(Self::Privileges {
            names,
            on,
            grant_option: has_option(rest, "GRANT"),
        })
    }
}

/// What is granted, item by item without the columns it may be limited to, and the words from `ON`
/// or `TO` on.
fn items(words: &[Word]) -> (Vec<Vec<&Word>>, &[Word]) {
    let mut items = Vec::new();
    let mut item = Vec::new();
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate() {
        match word {
            Word::Sign('(') => depth += 1,
            Word::Sign(')') => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            Word::Sign(',') => items.push(std::mem::take(&mut item)),
            word if word.is("ON") || word.is("TO") => {
                items.push(item);
                return (items, &words[index..]);
            }
            word => item.push(word),
        }
    }
    (items, &[])
}

fn privilege(item: &[&Word]) -> Option<String> {
    let plain: Vec<_> = item
        .iter()
        .filter_map(|word| match word {
            Word::Plain(word) => Some(word.to_ascii_uppercase()),
            _ => None,
        })
        .collect();
    (!plain.is_empty()).then(|| plain.join(" "))
}

fn role(item: &[&Word]) -> Option<MyRole> {
    let (name, host) = match item {
        [name] => (name, None),
        [name, Word::Sign('@'), host] => (name, host.name()),
        _ => return None,
    };
    Some(MyRole {
        name: name.name()?.to_owned(),
        host: host.map(str::to_owned),
    })
}

/// The account after `PROXY ON`.
fn proxy(words: &[Word]) -> Option<Grant> {
    let [user, Word::Sign('@'), host, ..] = words else {
        return None;
    };
    Some(Grant::Proxy {
        user: user.name()?.to_owned(),
        host: host.name()?.to_owned(),
    })
}

/// What the privileges are on, and the words after it.
fn scope(words: &[Word]) -> Option<(Scope, &[Word])> {
    let dot = words.iter().position(|word| *word == Word::Sign('.'))?;
    let (before, after) = (words.get(..dot)?, words.get(dot + 1..)?);
    let (database, kind) = before.split_last()?;
    let (object, rest) = after.split_first()?;
    let kind = kind
        .iter()
        .filter_map(Word::name)
        .collect::<Vec<_>>()
        .join(" ");
    let on = match (database.name(), object.name()) {
        (None, None) => Scope::Everything,
        (Some(database), None) => Scope::Database(database.to_owned()),
        (Some(database), Some(object)) => {
            let (database, object) = (database.to_owned(), object.to_owned());
            match kind.to_ascii_uppercase() {
                kind if kind.is_empty() || kind == "TABLE" => Scope::Table(database, object),
                kind => Scope::Routine(kind, database, object),
            }
        }
        (None, Some(_)) => return None,
    };
    Some((on, rest))
}

/// Whether `WITH GRANT OPTION` or `WITH ADMIN OPTION` is among the words after the account.
fn has_option(words: &[Word], which: &str) -> bool {
    let mut pairs = words.windows(2);
    pairs.any(|pair| pair[0].is(which) && pair[1].is("OPTION"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Grant, MyRole, Scope};

    fn privileges(names: &[&str], on: Scope, grant_option: bool) -> Grant {
        Grant::Privileges {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            on,
            grant_option,
        }
    }

    fn roles(names: &[(&str, Option<&str>)], admin_option: bool) -> Grant {
        let role = |(name, host): &(&str, Option<&str>)| MyRole {
            name: (*name).to_owned(),
            host: host.map(str::to_owned),
        };
        Grant::Roles {
            roles: names.iter().map(role).collect(),
            admin_option,
        }
    }

    #[test]
    fn pattern_matches_as_the_servers_match_it() {
        for (pattern, is_of_mysql, is_everything) in [
            ("mysql", true, false),
            ("MySQL", true, false),
            ("mysq_", true, false),
            ("my%", true, false),
            ("%sql", true, false),
            ("m%y%q%", true, false),
            ("_____", true, true),
            ("%", true, true),
            ("%_%", true, true),
            ("", false, false),
            ("mysq\\_", false, false),
            ("mysql\\%", false, false),
            ("m\\ysql", true, false),
            ("mysql_", false, false),
            ("mysq\\", false, false),
            ("my", false, false),
            ("ysql", false, false),
        ] {
            let scope = Scope::Database(pattern.to_owned());
            assert_eq!(scope.is_of_database("mysql"), is_of_mysql, "{pattern}");
            assert_eq!(scope.is_everything(), is_everything, "{pattern}");
        }
        let table = Scope::Table("mysq_".to_owned(), "user".to_owned());
        assert!(!table.is_of_database("mysql"));
    }

    #[test]
    fn every_line_that_the_servers_print_is_understood() {
        let database = |name: &str| Scope::Database(name.to_owned());
        let table = |name: &str| Scope::Table("db".to_owned(), name.to_owned());
        let routine = |kind: &str| Scope::Routine(kind.to_owned(), "db".to_owned(), "f".to_owned());
        for (line, expected) in [
            (
                "GRANT USAGE ON *.* TO `app`@`%`",
                privileges(&["USAGE"], Scope::Everything, false),
            ),
            (
                "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*AB' WITH GRANT OPTION",
                privileges(&["ALL PRIVILEGES"], Scope::Everything, true),
            ),
            (
                "GRANT SELECT, CREATE ROUTINE ON `app\\_%`.* TO `app`@`%`",
                privileges(&["SELECT", "CREATE ROUTINE"], database("app\\_%"), false),
            ),
            (
                "GRANT SELECT (`a`, `TO`), UPDATE (`b`) ON `db`.`t` TO `app`@`%`",
                privileges(&["SELECT", "UPDATE"], table("t"), false),
            ),
            (
                "GRANT EXECUTE ON PROCEDURE `db`.`f` TO `app`@`%`",
                privileges(&["EXECUTE"], routine("PROCEDURE"), false),
            ),
            (
                "GRANT EXECUTE ON PACKAGE BODY `db`.`f` TO `app`@`%`",
                privileges(&["EXECUTE"], routine("PACKAGE BODY"), false),
            ),
            (
                "GRANT BACKUP_ADMIN,SYSTEM_USER ON *.* TO 'app'@'%'",
                privileges(&["BACKUP_ADMIN", "SYSTEM_USER"], Scope::Everything, false),
            ),
            (
                "grant select on \"db\".* to \"app\"@\"%\" with max_queries_per_hour 5 grant option",
                privileges(&["SELECT"], database("db"), true),
            ),
            (
                "GRANT SELECT ON `ON`.`TO` TO `GRANT`@`OPTION`",
                privileges(
                    &["SELECT"],
                    Scope::Table("ON".to_owned(), "TO".to_owned()),
                    false,
                ),
            ),
            (
                "GRANT `writer`@`%`,`reader`@`%` TO `app`@`%`",
                roles(&[("writer", Some("%")), ("reader", Some("%"))], false),
            ),
            (
                "GRANT `writer` TO `app`@`%` WITH ADMIN OPTION",
                roles(&[("writer", None)], true),
            ),
            (
                "GRANT writer TO 'app'@'%'",
                roles(&[("writer", None)], false),
            ),
            (
                "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
                Grant::Proxy {
                    user: String::new(),
                    host: "%".to_owned(),
                },
            ),
        ] {
            assert_eq!(Grant::parse(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn line_that_grants_nothing_is_none() {
        for line in [
            "REVOKE SELECT ON `mysql`.* FROM `app`@`%`",
            "SET DEFAULT ROLE `writer` FOR `app`@`%`",
            "GRANT",
            "GRANT SELECT ON",
            "GRANT PROXY ON `a` TO `b`",
            "",
        ] {
            assert_eq!(Grant::parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".{0,200}", words in prop::collection::vec("GRANT|ON|TO|WITH|OPTION|`a`|'|`|\\(|\\)|,|\\.|\\*|@|PROXY|x", 0..30)) {
            let _ = Grant::parse(&line);
            let _ = Grant::parse(&words.join(" "));
            let _ = Grant::parse(&format!("GRANT {}", words.concat()));
        }

        #[test]
        fn names_come_out_as_they_went_in(database in "[^\\*]{1,20}", user in ".{1,20}") {
            let quote = |name: &str| format!("`{}`", name.replace('`', "``"));
            let line = format!("GRANT INSERT ON {}.* TO {}@`%`", quote(&database), quote(&user));
            prop_assert_eq!(Grant::parse(&line), Some(privileges(&["INSERT"], Scope::Database(database), false)));
        }
    }
}
