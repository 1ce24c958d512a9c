//! What an account of MySQL or MariaDB may do, asked of the account itself: [`MySqlAccount`].

use super::definition::Definition;
use super::grants::{Grant, MyRole, Scope};
use crate::audit::gather::asking::Asking;
use crate::audit::gather::server::Product;
use crate::audit::sql;
use crate::connect::staged::Row;
use crate::failure::Failure;

/// More roles than this are not asked about.
const ROLES: usize = 16;

/// The account that the server took us for, and the address it sees us at.
const WHO: &str = "SELECT CURRENT_USER(), USER()";
const DEFINITION: &str = "SHOW CREATE USER CURRENT_USER()";
const GRANTS: &str = "SHOW GRANTS FOR CURRENT_USER()";
/// In MariaDB.
const ACTIVE_ROLE: &str = "SHOW GRANTS FOR CURRENT_ROLE()";
/// What everyone has; in MariaDB since 10.11.
const OF_EVERYONE: &str = "SHOW GRANTS FOR PUBLIC";
/// The role of everyone.
const EVERYONE: &str = "PUBLIC";
/// The hosts from which anyone may log in without a name; for administrators only.
const ANONYMOUS: &str = "SELECT Host FROM mysql.user WHERE User = '' LIMIT 20";

/// What is not known where the server does not answer.
const OF_ACCOUNT: &str = "the account";
const OF_PASSWORD: &str = "how the password is kept";
const OF_RIGHTS: &str = "the rights of the account";

/// An account of MySQL or MariaDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct MySqlAccount {
    pub(in crate::audit) product: Product,
    pub(in crate::audit) user: String,
    /// The host, or pattern of hosts, that it is for.
    pub(in crate::audit) host: String,
    /// Where the server sees us come from.
    pub(in crate::audit) client: Option<String>,
    pub(in crate::audit) held: Vec<Held>,
    /// `None`: not known.
    pub(in crate::audit) definition: Option<Definition>,
    /// The hosts of accounts without a name, as far as we may know.
    pub(in crate::audit) anonymous: Vec<String>,
}

/// One thing that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Held {
    pub(in crate::audit) grant: Grant,
    /// The role of the account through which it is held.
    pub(in crate::audit) through: Option<MyRole>,
}

impl MySqlAccount {
    /// The account as it stands in statements: `'app'@'%'`.
    pub(in crate::audit) fn quoted(&self) -> String {
        sql::my_account(&self.user, &self.host)
    }
}

impl MyRole {
    /// Whether it is MariaDB's role of everyone.
    pub(in crate::audit) fn is_everyone(&self) -> bool {
        self.host.is_none() && self.name == EVERYONE
    }

    /// The role as it stands in statements: `'reader'@'%'`, or `'reader'` in MariaDB.
    pub(in crate::audit) fn quoted(&self) -> String {
        match &self.host {
            None if self.is_everyone() => EVERYONE.to_owned(),
            Some(host) => sql::my_account(&self.name, host),
            None => sql::my_text(&self.name),
        }
    }
}

/// Asks the server about the account of this session.
pub(super) async fn look(
    asking: &mut Asking<'_>,
    product: Product,
) -> Result<Option<MySqlAccount>, Failure> {
    let who = asking.ask(OF_ACCOUNT, WHO).await?;
    let Some([Some(current), seen]) = who.first().map(Vec::as_slice) else {
        asking.lack(OF_ACCOUNT);
        return Ok(None);
    };
    // A host has no `@`, a user may have.
    let split = |account: &str| {
        let (user, host) = account.rsplit_once('@')?;
        Some((user.to_owned(), host.to_owned()))
    };
    let Some((user, host)) = split(current) else {
        asking.lack(OF_ACCOUNT);
        return Ok(None);
    };
    let mut definition = column(asking.ask(OF_PASSWORD, DEFINITION).await?);
    let anonymous = column(asking.ask_as_administrator(ANONYMOUS).await?).collect();
    Ok(Some(MySqlAccount {
        product,
        user,
        host,
        client: seen.as_deref().and_then(split).map(|(_, host)| host),
        held: held(asking, product).await?,
        definition: definition.find_map(|text| Definition::parse(&text)),
        anonymous,
    }))
}

/// What the account was granted, itself and through its roles, whether they are active or not.
async fn held(asking: &mut Asking<'_>, product: Product) -> Result<Vec<Held>, Failure> {
    if product == Product::MariaDb {
        // What an active role has would be told as the account's own.
        asking.ask(OF_RIGHTS, "SET ROLE NONE").await?;
    }
    let direct = grants(asking, GRANTS).await?;
    let mut lent = Vec::new();
    let roles = roles_of(&direct).take(ROLES + 1).collect();
    for role in asking.keep("the roles of the account", ROLES, roles) {
        // Either answer holds what the role has of other roles.
        let question = if product == Product::MariaDb {
            // MariaDB tells of a role only while it is active, which it is for this session alone.
            let activate = format!("SET ROLE {}", sql::my_name(&role.name));
            asking.ask(OF_RIGHTS, &activate).await?;
            ACTIVE_ROLE.to_owned()
        } else {
            format!("{GRANTS} USING {}", role.quoted())
        };
        let more = grants(asking, &question).await?.into_iter();
        let beyond = more.filter_map(|grant| beyond(&direct, grant));
        lent.extend(beyond.map(|grant| Held {
            grant,
            through: Some(role.clone()),
        }));
    }
    if product == Product::MariaDb {
        let everyones = asking.ask_as_administrator(OF_EVERYONE).await?;
        let everyones = column(everyones).filter_map(|line| Grant::parse(&line));
        lent.extend(everyones.map(|grant| Held {
            grant,
            through: Some(MyRole {
                name: EVERYONE.to_owned(),
                host: None,
            }),
        }));
    }
    let own = direct.iter().cloned().map(|grant| Held {
        grant,
        through: None,
    });
    Ok(own.chain(lent).collect())
}

/// The roles that are granted.
fn roles_of(grants: &[Grant]) -> impl Iterator<Item = &MyRole> {
    let roles = grants.iter().filter_map(|grant| match grant {
        Grant::Roles { roles, .. } => Some(roles),
        _ => None,
    });
    roles.flatten()
}

/// What a grant of a role adds to what the account has itself.
fn beyond(direct: &[Grant], grant: Grant) -> Option<Grant> {
    let Grant::Privileges {
        mut names,
        on,
        grant_option,
    } = grant
    else {
        return (!direct.contains(&grant)).then_some(grant);
    };
    names.retain(|name| {
        !direct
            .iter()
            .any(|held| covers(held, name, &on, grant_option))
    });
    (!names.is_empty()).then_some(Grant::Privileges {
        names,
        on,
        grant_option,
    })
}

fn covers(held: &Grant, name: &str, on: &Scope, grant_option: bool) -> bool {
    matches!(held, Grant::Privileges { names, on: held_on, grant_option: held_option }
        if held_on == on && (*held_option || !grant_option) && names.iter().any(|held| held == name))
}

async fn grants(asking: &mut Asking<'_>, question: &str) -> Result<Vec<Grant>, Failure> {
    let lines = column(asking.ask(OF_RIGHTS, question).await?);
    Ok(lines.filter_map(|line| Grant::parse(&line)).collect())
}

/// The first column of an answer.
fn column(rows: Vec<Row>) -> impl Iterator<Item = String> {
    rows.into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Grant, beyond};

    #[test]
    fn what_a_role_gives_beyond_the_account_is_told_of_the_role() {
        let direct = [
            "GRANT SELECT ON `db`.* TO a",
            "GRANT INSERT ON `db`.* TO a WITH GRANT OPTION",
        ];
        let direct = direct.map(|line| Grant::parse(line).unwrap());
        for (line, expected) in [
            ("GRANT SELECT ON `db`.* TO r", None),
            (
                "GRANT SELECT, FILE ON *.* TO r",
                Some("GRANT SELECT, FILE ON *.* TO r"),
            ),
            (
                "GRANT SELECT, DROP ON `db`.* TO r",
                Some("GRANT DROP ON `db`.* TO r"),
            ),
            (
                "GRANT SELECT, INSERT ON `db`.* TO r WITH GRANT OPTION",
                Some("GRANT SELECT ON `db`.* TO r WITH GRANT OPTION"),
            ),
            ("GRANT `x` TO r", Some("GRANT `x` TO r")),
        ] {
            let found = beyond(&direct, Grant::parse(line).unwrap());
            assert_eq!(found, expected.and_then(Grant::parse), "{line}");
        }
    }
}
