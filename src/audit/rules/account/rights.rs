//! Rules about what the account may do with the schema, and hand on.

use super::powers::{Powers, has, in_postgres, revoke, through};
use super::privileges::{Class, class};
use crate::audit::gather::account::{
    Account, Attribute, Grant, Held, MyRole, MySqlAccount, OWNER, Place, PostgresAccount, Right,
    Scope,
};
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::audit::sql;

pub(in crate::audit::rules) const RULES: &[Rule] = &[CHANGES_SCHEMA, HANDS_ON_RIGHTS];

const CHANGES_SCHEMA: Rule = Rule {
    id: "account-changes-schema",
    title: "the account may change the schema",
    severity: Severity::Medium,
    also: &[Severity::Low],
    why: "A service that only reads and writes rows has no use for it, while a flaw of the service can drop tables, \
          leave triggers and functions behind that others run, or hide what was changed. An owner has every right \
          to what it owns, whatever is revoked.",
    fix: "Let another account own the schema and run migrations; leave the service SELECT, INSERT, UPDATE and DELETE.",
    look: |seen| match &seen.account {
        None => Vec::new(),
        Some(Account::Postgres(account)) => changes_postgres(account),
        Some(Account::MySql(account)) => changes_mysql(account, seen.settings.database()),
    },
};

const HANDS_ON_RIGHTS: Rule = Rule {
    id: "account-hands-on-rights",
    title: "the account may hand its rights on to others",
    severity: Severity::Medium,
    also: &[],
    why: "Rights that were handed on stay when the service has been repaired, with accounts that nobody looks after.",
    fix: "REVOKE GRANT OPTION, and ADMIN OPTION of roles.",
    look: |seen| match &seen.account {
        None => Vec::new(),
        Some(Account::Postgres(account)) => hands_on_postgres(account),
        Some(Account::MySql(account)) => hands_on_mysql(account),
    },
};

const CREATES_DATABASES: Powers = Powers {
    attributes: &[Attribute::CreateDb],
    roles: &[],
    class: None,
};

/// The role that stands for whoever owns the database.
const DATABASE_OWNER: &str = "pg_database_owner";
/// What a service reads and writes with.
const ROWS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

fn changes_postgres(account: &PostgresAccount) -> Vec<Observation> {
    let mut found = owned(account);
    for right in account
        .rights
        .iter()
        .filter(|right| !right.privileges.contains(&OWNER))
    {
        // What a service needs may be among what it may hand on.
        let harmful =
            |privilege: &&&str| !ROWS.contains(privilege) && !HARMLESS.contains(privilege);
        let privileges: Vec<_> = right.privileges.iter().filter(harmful).copied().collect();
        if privileges.is_empty() {
            continue;
        }
        let privileges = privileges.join(", ");
        let (holder, from) = holder(account, right);
        found.push(Observation::new(
            format!("{holder} has {privileges} on {}", shown(&right.on)),
            format!("REVOKE {privileges} ON {} FROM {from};", target(&right.on)),
        ));
    }
    found.extend(in_postgres(account, &CREATES_DATABASES));
    found
}

/// Privileges on databases and schemas that change nothing.
const HARMLESS: [&str; 4] = ["USAGE", "CONNECT", "TEMPORARY", "MAINTAIN"];

/// What the account owns, one observation for each owner it may act as.
fn owned(account: &PostgresAccount) -> Vec<Observation> {
    let rights = account
        .rights
        .iter()
        .filter(|right| right.privileges.contains(&OWNER));
    let mut owners: Vec<(&str, Vec<&Place>)> = Vec::new();
    for right in rights {
        let Some(role) = right.role.as_deref().filter(|role| *role != DATABASE_OWNER) else {
            continue;
        };
        match owners.iter_mut().find(|(owner, _)| *owner == role) {
            Some((_, places)) => places.push(&right.on),
            None => owners.push((role, vec![&right.on])),
        }
    }
    let name = sql::name(&account.name);
    let observed = owners.into_iter().map(|(owner, places)| {
        let things: Vec<_> = places.iter().map(|place| shown(place)).collect();
        let things = things.join(", ");
        if owner == account.name {
            return Observation::new(format!("{name} owns {things}"), give_away(account, &places));
        }
        let way = account
            .memberships
            .iter()
            .find(|membership| membership.role == owner);
        let way = way.map_or(owner, |membership| &membership.through);
        Observation::new(
            format!(
                "{name} may act as {}, which owns {things}",
                sql::name(owner)
            ),
            format!(
                "REVOKE {} FROM {name};{}",
                sql::name(way),
                keep(&name, &places)
            ),
        )
    });
    observed.collect()
}

/// The statements that leave what the account owns to a role that nobody logs in as.
fn give_away(account: &PostgresAccount, places: &[&Place]) -> String {
    let name = sql::name(&account.name);
    let owner = sql::name(&format!("{}_owner", account.name));
    format!(
        "CREATE ROLE {owner} NOLOGIN; REASSIGN OWNED BY {name} TO {owner};{}",
        keep(&name, places)
    )
}

/// The statements that leave the account what it needs of the tables it no longer owns.
fn keep(name: &str, places: &[&Place]) -> String {
    let schemas = places.iter().filter_map(|place| match place {
        Place::Tables { schema, .. } => Some(sql::name(schema)),
        _ => None,
    });
    let grants = schemas.map(|schema| {
        format!(
            " GRANT USAGE ON SCHEMA {schema} TO {name}; \
             GRANT {} ON ALL TABLES IN SCHEMA {schema} TO {name}; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {name};",
            ROWS.join(", ")
        )
    });
    grants.collect()
}

fn hands_on_postgres(account: &PostgresAccount) -> Vec<Observation> {
    let name = sql::name(&account.name);
    let rights = account.rights.iter().filter(|right| right.may_hand_on);
    let rights = rights.map(|right| {
        let privileges = right.privileges.join(", ");
        let (holder, from) = holder(account, right);
        Observation::new(
            format!("{holder} may hand on {privileges} on {}", shown(&right.on)),
            format!(
                "REVOKE GRANT OPTION FOR {privileges} ON {} FROM {from};",
                target(&right.on)
            ),
        )
    });
    let roles = account
        .memberships
        .iter()
        .filter(|membership| membership.may_hand_on);
    let roles = roles.map(|membership| {
        let role = sql::name(&membership.role);
        Observation::new(
            format!("{name} may grant the role {role} to others"),
            format!("REVOKE ADMIN OPTION FOR {role} FROM {name};"),
        )
    });
    rights.chain(roles).collect()
}

/// Who has a right, in words and in a statement.
fn holder(account: &PostgresAccount, right: &Right) -> (String, String) {
    let name = sql::name(&account.name);
    match right.role.as_deref() {
        None => (format!("{name}, as everyone,"), "PUBLIC".to_owned()),
        Some(role) if role == account.name => (name.clone(), name),
        Some(role) => {
            let role = sql::name(role);
            (format!("{name}, through {role},"), role)
        }
    }
}

/// What a right is on, in words.
fn shown(on: &Place) -> String {
    match on {
        Place::Database(database) => format!("the database {}", sql::name(database)),
        Place::Schema(schema) => format!("the schema {}", sql::name(schema)),
        Place::Tables {
            schema,
            count,
            example,
        } => {
            let example = format!("{}.{}", sql::name(schema), sql::name(example));
            if count == "1" {
                format!("the table {example}")
            } else {
                format!("{count} tables such as {example}")
            }
        }
    }
}

/// The same in a statement.
fn target(on: &Place) -> String {
    match on {
        Place::Database(database) => format!("DATABASE {}", sql::name(database)),
        Place::Schema(schema) => format!("SCHEMA {}", sql::name(schema)),
        Place::Tables { schema, .. } => format!("ALL TABLES IN SCHEMA {}", sql::name(schema)),
    }
}

/// `own`: the database of the service.
fn changes_mysql(account: &MySqlAccount, own: Option<&str>) -> Vec<Observation> {
    let observed = account.held.iter().filter_map(|held| {
        let Grant::Privileges { names, on, .. } = &held.grant else {
            return None;
        };
        let is_everything = on.is_everything();
        // On everything, ALL PRIVILEGES are told of as what they are.
        let all = !is_everything && names.iter().any(|name| name == "ALL PRIVILEGES");
        let names = names.iter().map(String::as_str);
        let names: Vec<_> = names
            .filter(|name| all || class(name).0 == Class::Schema)
            .collect();
        if names.is_empty() {
            return None;
        }
        let severity = severity(held, on, own);
        let on = in_statement(on);
        let what = format!("{}{}", has(account, &names, &on), through(held));
        let mut fix = revoke(account, held, &names, &on);
        if all && held.through.is_none() {
            let rows = ROWS.join(", ");
            fix = format!("{fix} GRANT {rows} ON {on} TO {};", account.quoted());
        }
        Some(Observation::new(what, fix).at(severity))
    });
    observed.collect()
}

/// What everyone may do elsewhere, such as in MariaDB's database `test`, is no danger to the service.
fn severity(held: &Held, on: &Scope, own: Option<&str>) -> Severity {
    let is_everyones = held.through.as_ref().is_some_and(MyRole::is_everyone);
    match on {
        Scope::Database(_) if is_everyones && !own.is_some_and(|own| on.is_of_database(own)) => {
            Severity::Low
        }
        _ => CHANGES_SCHEMA.severity,
    }
}

fn hands_on_mysql(account: &MySqlAccount) -> Vec<Observation> {
    let name = account.quoted();
    let observed = account.held.iter().filter_map(|held| match &held.grant {
        Grant::Privileges {
            on,
            grant_option: true,
            ..
        } => {
            let on = in_statement(on);
            let what = format!("{name} has GRANT OPTION on {on}{}", through(held));
            Some(Observation::new(
                what,
                revoke(account, held, &["GRANT OPTION"], &on),
            ))
        }
        Grant::Roles {
            roles,
            admin_option: true,
        } if held.through.is_none() => {
            let roles: Vec<_> = roles.iter().map(MyRole::quoted).collect();
            let roles = roles.join(", ");
            Some(Observation::new(
                format!("{name} may grant the role {roles} to others"),
                format!("REVOKE {roles} FROM {name}; GRANT {roles} TO {name};"),
            ))
        }
        _ => None,
    });
    observed.collect()
}

/// What privileges are on, as it stands in statements.
fn in_statement(on: &Scope) -> String {
    match on {
        Scope::Everything => "*.*".to_owned(),
        Scope::Database(database) => format!("{}.*", sql::my_name(database)),
        Scope::Table(database, table) => {
            format!("{}.{}", sql::my_name(database), sql::my_name(table))
        }
        Scope::Routine(kind, database, name) => {
            format!("{kind} {}.{}", sql::my_name(database), sql::my_name(name))
        }
    }
}
