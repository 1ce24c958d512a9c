//! Rules about what the account may do with the server.

use super::privileges::{Class, class};
use crate::audit::evidence::Evidence;
use crate::audit::gather::account::{
    Account, Attribute, FileFunction, Grant, Held, Membership, MySqlAccount, PostgresAccount, Scope,
};
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::audit::sql;

pub(in crate::audit::rules) const RULES: &[Rule] = &[
    SUPERUSER,
    REPLICATION,
    BYPASSES_ROW_SECURITY,
    MANAGES_ACCOUNTS,
    SERVER_FILES,
    STOPS_SERVER,
    ADMINISTERS_SERVER,
    ALL_DATA,
];

const SUPERUSER: Rule = Rule {
    id: "account-superuser",
    title: "the account may do everything",
    severity: Severity::High,
    also: &[],
    why: "One flaw of the service that lets a query through is then the end of the whole server: every database, \
          every account, and mostly the machine, since an administrator reads and writes files and runs programs.",
    fix: "Take the right away: ALTER ROLE … NOSUPERUSER in PostgreSQL, REVOKE SUPER or ALL PRIVILEGES ON *.* in \
          MySQL and MariaDB; grant SELECT, INSERT, UPDATE and DELETE on the service's own tables instead.",
    look: |seen| {
        held(
            seen,
            &Powers {
                attributes: &[Attribute::Superuser],
                roles: &[],
                class: Some(Class::Superuser),
            },
        )
    },
};

const REPLICATION: Rule = Rule {
    id: "account-replication",
    title: "the account may follow or steer replication",
    severity: Severity::High,
    also: &[Severity::Low, Severity::Medium],
    why: "Who may replicate gets a copy of everything that is written, of every database, and in PostgreSQL a copy \
          of all files of the server with the hashes of all passwords.",
    fix: "ALTER ROLE … NOREPLICATION in PostgreSQL, REVOKE REPLICATION SLAVE ON *.* in MySQL and MariaDB; replicas \
          have accounts of their own.",
    look: |seen| {
        held(
            seen,
            &Powers {
                attributes: &[Attribute::Replication],
                roles: &[("pg_create_subscription", Severity::Medium)],
                class: Some(Class::Replication),
            },
        )
    },
};

const BYPASSES_ROW_SECURITY: Rule = Rule {
    id: "account-bypasses-row-security",
    title: "the account is not held back by row security",
    severity: Severity::Medium,
    also: &[],
    why: "Policies that keep the rows of one user from another are without effect for it.",
    fix: "Take the attribute away: ALTER ROLE … NOBYPASSRLS.",
    look: |seen| {
        held(
            seen,
            &Powers {
                attributes: &[Attribute::BypassRls],
                roles: &[],
                class: None,
            },
        )
    },
};

const MANAGES_ACCOUNTS: Rule = Rule {
    id: "account-manages-accounts",
    title: "the account may make or change accounts",
    severity: Severity::High,
    also: &[Severity::Medium],
    why: "Who may make accounts or set passwords gets as far as the mightiest of those accounts, and keeps a way \
          back in after the service has been repaired.",
    fix: "ALTER ROLE … NOCREATEROLE in PostgreSQL, REVOKE CREATE USER ON *.* in MySQL and MariaDB.",
    look: |seen| {
        let mut found = held(
            seen,
            &Powers {
                attributes: &[Attribute::CreateRole],
                roles: &[],
                class: Some(Class::Accounts),
            },
        );
        found.extend(proxies(seen));
        found
    },
};

const SERVER_FILES: Rule = Rule {
    id: "account-server-files",
    title: "the account may read or write files of the server, or run programs there",
    severity: Severity::High,
    also: &[],
    why: "A query is then enough to read keys and configuration off the database machine, or to put a program \
          there and run it.",
    fix: "REVOKE FILE ON *.* in MySQL and MariaDB; REVOKE pg_read_server_files, pg_write_server_files and \
          pg_execute_server_program in PostgreSQL, and EXECUTE on functions such as pg_read_file.",
    look: |seen| {
        let mut found = held(
            seen,
            &Powers {
                attributes: &[],
                roles: &[
                    ("pg_read_server_files", Severity::High),
                    ("pg_write_server_files", Severity::High),
                    ("pg_execute_server_program", Severity::High),
                ],
                class: Some(Class::Files),
            },
        );
        found.extend(file_functions(seen));
        found
    },
};

const STOPS_SERVER: Rule = Rule {
    id: "account-stops-server",
    title: "the account may shut the server down or end others' sessions",
    severity: Severity::Medium,
    also: &[Severity::Low],
    why: "A flaw of one service then takes the database away from all of them.",
    fix: "REVOKE SHUTDOWN and CONNECTION_ADMIN ON *.* in MySQL and MariaDB, REVOKE pg_signal_backend in PostgreSQL.",
    look: |seen| {
        held(
            seen,
            &Powers {
                attributes: &[],
                roles: &[
                    ("pg_signal_backend", Severity::Medium),
                    ("pg_signal_autovacuum_worker", Severity::Low),
                ],
                class: Some(Class::Stops),
            },
        )
    },
};

const ADMINISTERS_SERVER: Rule = Rule {
    id: "account-administers-server",
    title: "the account may administer the server or watch others' work",
    severity: Severity::Medium,
    also: &[Severity::Low, Severity::High],
    why: "Settings of the server change what holds for every account, and others' running queries hold their \
          data. A service that reads and writes its own tables needs neither.",
    fix: "REVOKE PROCESS, RELOAD and the …_ADMIN privileges ON *.* in MySQL and MariaDB, and roles such as \
          pg_monitor in PostgreSQL.",
    look: |seen| {
        held(
            seen,
            &Powers {
                attributes: &[],
                roles: &[
                    ("pg_maintain", Severity::Medium),
                    ("pg_monitor", Severity::Low),
                    ("pg_read_all_settings", Severity::Low),
                    ("pg_read_all_stats", Severity::Low),
                    ("pg_stat_scan_tables", Severity::Low),
                    ("pg_checkpoint", Severity::Low),
                    ("pg_use_reserved_connections", Severity::Low),
                ],
                class: Some(Class::Administers),
            },
        )
    },
};

const ALL_DATA: Rule = Rule {
    id: "account-all-data",
    title: "the account may read or write the data of every database",
    severity: Severity::Medium,
    also: &[Severity::High],
    why: "A flaw of this service gives away what others keep on the same server, and in MySQL and MariaDB the \
          tables with the hashes of all passwords.",
    fix: "Grant on the service's own database instead of *.*, and REVOKE pg_read_all_data and pg_write_all_data in \
          PostgreSQL.",
    look: |seen| {
        let mut found = held(
            seen,
            &Powers {
                attributes: &[],
                roles: &[
                    ("pg_read_all_data", Severity::Medium),
                    ("pg_write_all_data", Severity::Medium),
                ],
                class: Some(Class::Data),
            },
        );
        found.extend(system_tables(seen));
        found
    },
};

/// What a rule asks after, in the words of either engine.
pub(super) struct Powers {
    pub(super) attributes: &'static [Attribute],
    /// PostgreSQL's predefined roles, with how bad each is.
    pub(super) roles: &'static [(&'static str, Severity)],
    /// Of privileges on everything, in MySQL and MariaDB.
    pub(super) class: Option<Class>,
}

fn held(seen: &Evidence<'_>, powers: &Powers) -> Vec<Observation> {
    match &seen.account {
        None => Vec::new(),
        Some(Account::Postgres(account)) => in_postgres(account, powers),
        Some(Account::MySql(account)) => in_mysql(seen, account, powers),
    }
}

pub(super) fn in_postgres(account: &PostgresAccount, powers: &Powers) -> Vec<Observation> {
    let name = sql::name(&account.name);
    let own = powers
        .attributes
        .iter()
        .filter(|attribute| account.attributes.contains(attribute));
    let own = own.map(|attribute| {
        let keyword = attribute.keyword();
        Observation::new(
            format!("{name} has {keyword}"),
            format!("ALTER ROLE {name} NO{keyword};"),
        )
    });
    let lent = account.memberships.iter().flat_map(|membership| {
        let role = sql::name(&membership.role);
        let what = format!("{name} may act as {role}{}", way(membership));
        let fix = format!("REVOKE {} FROM {name};", sql::name(&membership.through));
        let attributes = powers.attributes.iter();
        let attributes = attributes.filter(|attribute| membership.attributes.contains(attribute));
        let attributes =
            attributes.map(|attribute| format!("{what}, which has {}", attribute.keyword()));
        let attributes: Vec<_> = attributes
            .map(|what| Observation::new(what, fix.clone()))
            .collect();
        let predefined = |name: &str| powers.roles.iter().find(|(role, _)| *role == name);
        // Some of them come with others, which go with them.
        let is_told =
            membership.through != membership.role && predefined(&membership.through).is_some();
        let predefined = predefined(&membership.role).filter(|_| !is_told);
        let predefined = predefined.map(|(_, severity)| Observation::new(what, fix).at(*severity));
        attributes.into_iter().chain(predefined)
    });
    own.chain(lent).collect()
}

/// The right to run functions of PostgreSQL that read and write files. The arguments are types, as the
/// server prints them for statements.
fn file_functions(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(Account::Postgres(account)) = &seen.account else {
        return Vec::new();
    };
    let name = sql::name(&account.name);
    let observed = account.functions.iter().map(|function| {
        let FileFunction {
            name: called,
            arguments,
            role,
        } = function;
        let called = format!("pg_catalog.{}({arguments})", sql::name(called));
        let (who, from) = match role.as_deref() {
            None => (format!("{name}, as everyone,"), "PUBLIC".to_owned()),
            Some(role) if role == account.name => (name.clone(), name.clone()),
            Some(role) => (
                format!("{name}, through {},", sql::name(role)),
                sql::name(role),
            ),
        };
        Observation::new(
            format!("{who} may run {called}"),
            format!("REVOKE EXECUTE ON FUNCTION {called} FROM {from};"),
        )
    });
    observed.collect()
}

/// How a role is reached, where that is not by itself.
fn way(membership: &Membership) -> String {
    if membership.through == membership.role {
        return String::new();
    }
    format!(" through {}", sql::name(&membership.through))
}

fn in_mysql(seen: &Evidence<'_>, account: &MySqlAccount, powers: &Powers) -> Vec<Observation> {
    let Some(wanted) = powers.class else {
        return Vec::new();
    };
    let observed = account.held.iter().filter_map(|held| {
        let Grant::Privileges { names, on, .. } = &held.grant else {
            return None;
        };
        let on = match on {
            Scope::Database(pattern) if on.is_everything() => {
                format!("{}.*", sql::my_name(pattern))
            }
            Scope::Everything => "*.*".to_owned(),
            _ => return None,
        };
        let matching: Vec<_> = names
            .iter()
            .filter(|name| class(name).0 == wanted)
            .collect();
        let severity = matching.iter().map(|name| class(name).1).max()?;
        let names: Vec<_> = matching.into_iter().map(String::as_str).collect();
        let fix = if names.contains(&"ALL PRIVILEGES") && held.through.is_none() {
            start_over(seen, account)
        } else {
            revoke(account, held, &names, &on)
        };
        let what = format!("{}{}", has(account, &names, &on), through(held));
        Some(Observation::new(what, fix).at(severity))
    });
    observed.collect()
}

/// The account has these privileges, in words.
pub(super) fn has(account: &MySqlAccount, names: &[&str], on: &str) -> String {
    format!("{} has {} on {on}", account.quoted(), names.join(", "))
}

/// The role through which something is held, in words.
pub(super) fn through(held: &Held) -> String {
    let role = held.through.as_ref();
    role.map_or_else(String::new, |role| {
        format!(" through the role {}", role.quoted())
    })
}

/// The statement that takes these privileges away. A role may have them of yet another, so it is
/// the role that is taken; from that of everyone nobody can be taken.
pub(super) fn revoke(account: &MySqlAccount, held: &Held, names: &[&str], on: &str) -> String {
    match &held.through {
        Some(role) if role.is_everyone() => {
            format!(
                "REVOKE {} ON {on} FROM {};",
                names.join(", "),
                role.quoted()
            )
        }
        Some(role) => format!("REVOKE {} FROM {};", role.quoted(), account.quoted()),
        None => format!(
            "REVOKE {} ON {on} FROM {};",
            names.join(", "),
            account.quoted()
        ),
    }
}

/// The statements that leave the account with what a service needs.
fn start_over(seen: &Evidence<'_>, account: &MySqlAccount) -> String {
    let account = account.quoted();
    let database = seen
        .settings
        .database()
        .map_or("<database>".to_owned(), sql::my_name);
    format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {account};"
    )
}

/// The right to log in as another account, in MySQL and MariaDB.
fn proxies(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(Account::MySql(account)) = &seen.account else {
        return Vec::new();
    };
    let observed = account.held.iter().filter_map(|held| {
        let Grant::Proxy { user, host } = &held.grant else {
            return None;
        };
        let other = sql::my_account(user, host);
        let what = format!(
            "{} may log in as {other}{}",
            account.quoted(),
            through(held)
        );
        Some(Observation::new(
            what,
            revoke(account, held, &["PROXY"], &other),
        ))
    });
    observed.collect()
}

/// The database of MySQL and MariaDB that holds accounts and passwords.
const SYSTEM: &str = "mysql";

/// Privileges on the tables that hold the accounts.
fn system_tables(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(Account::MySql(account)) = &seen.account else {
        return Vec::new();
    };
    let observed = account.held.iter().filter_map(|held| {
        let Grant::Privileges { names, on, .. } = &held.grant else {
            return None;
        };
        // What is on everything is told already.
        if on.is_everything() || !on.is_of_database(SYSTEM) {
            return None;
        }
        let on = match on {
            Scope::Database(pattern) => format!("{}.*", sql::my_name(pattern)),
            Scope::Table(database, table) => {
                format!("{}.{}", sql::my_name(database), sql::my_name(table))
            }
            _ => return None,
        };
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let what = format!("{}{}", has(account, &names, &on), through(held));
        Some(Observation::new(what, revoke(account, held, &names, &on)).at(Severity::High))
    });
    observed.collect()
}
