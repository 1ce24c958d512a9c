//! Rules about who may be the account, and from where.

use crate::audit::evidence::Evidence;
use crate::audit::gather::account::{Account, MySqlAccount, OpenLine, PostgresAccount};
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::audit::sql;
use crate::endpoint::Engine;
use crate::settings::Settings;

pub(in crate::audit::rules) const RULES: &[Rule] = &[ANY_HOST, SHARED, ANONYMOUS];

const ANY_HOST: Rule = Rule {
    id: "account-any-host",
    title: "the account may come from any host",
    severity: Severity::Medium,
    also: &[],
    why: "A password that leaks is then good from everywhere, and not only from the machines of the service.",
    fix: "RENAME USER to the network of the services in MySQL and MariaDB; name that network in pg_hba.conf in \
          PostgreSQL.",
    look: |seen| match &seen.account {
        None => Vec::new(),
        Some(Account::Postgres(account)) => any_host_postgres(account),
        Some(Account::MySql(account)) => any_host_mysql(account),
    },
};

const SHARED: Rule = Rule {
    id: "account-shared",
    title: "webapp and coreapp share one account",
    severity: Severity::Medium,
    also: &[],
    why: "Each has the rights of both, the server's log does not tell them apart, and one cannot be locked out \
          without the other.",
    fix: "Make an account for each, with the rights it needs, and set WA_DB_USERNAME of each service to its own.",
    look: shared,
};

const ANONYMOUS: Rule = Rule {
    id: "account-anonymous",
    title: "the server has accounts without a name",
    severity: Severity::Medium,
    also: &[Severity::High],
    why: "Whoever gives a name that no account has is let in as this one, mostly without a password; and it goes \
          before the named accounts of other hosts.",
    fix: "Drop each of them: DROP USER ''@'…' with the host that the finding names.",
    look: anonymous,
};

fn any_host_postgres(account: &PostgresAccount) -> Vec<Observation> {
    let open = first_open(&account.open_lines);
    let observed = open.map(|line| {
        let OpenLine {
            number,
            kind,
            address,
            method,
        } = line;
        let what = format!(
            "line {number} of pg_hba.conf lets {} in from any address ({kind} … {address} {method})",
            sql::name(&account.name)
        );
        let fix = format!(
            "put the network of the services in place of {address} into line {number} of pg_hba.conf, then SELECT \
             pg_reload_conf();"
        );
        Observation::new(what, fix)
    });
    observed.into_iter().collect()
}

/// The first line that lets someone in. The first line that fits decides, so that nothing counts after
/// a refusal of everyone.
fn first_open(lines: &[OpenLine]) -> Option<&OpenLine> {
    let refuses_all =
        |line: &OpenLine| line.method == "reject" && line.kind == "host" && line.address == "all";
    let mut lines = lines.iter().take_while(|line| !refuses_all(line));
    lines.find(|line| line.method != "reject")
}

fn any_host_mysql(account: &MySqlAccount) -> Vec<Observation> {
    let host = account.host.as_str();
    // `%` and `_` stand for characters; an empty host is `%`.
    let is_any = host.chars().all(|c| matches!(c, '%' | '_' | '.')) || host.ends_with("/0.0.0.0");
    if !is_any {
        return Vec::new();
    }
    let name = account.quoted();
    let seen_at = account
        .client
        .as_deref()
        .filter(|client| !client.is_empty());
    let here = seen_at.map_or_else(String::new, |client| {
        format!("; this audit came from {client}")
    });
    let network = sql::my_account(&account.user, "<network of the services>");
    vec![Observation::new(
        format!("the account is {name}"),
        format!(
            "RENAME USER {name} TO {network}; such as 10.0.0.% or 10.0.0.0/255.255.255.0{here}"
        ),
    )]
}

fn shared(seen: &Evidence<'_>) -> Vec<Observation> {
    let settings = seen.settings;
    let others = seen
        .neighbours
        .iter()
        .filter(|other| is_same_account(other, seen));
    let observed = others.map(|other| {
        let (role, other) = (settings.role(), other.role());
        let username = settings.username();
        let make = match settings.engine() {
            Engine::Postgres => {
                let own = sql::name(other.as_str());
                format!("CREATE ROLE {own} LOGIN PASSWORD '<new password>';")
            }
            Engine::MySql => {
                let own = sql::my_account(other.as_str(), "<network of the services>");
                format!("CREATE USER {own} IDENTIFIED BY '<new password>';")
            }
        };
        Observation::new(
            format!("WA_DB_USERNAME of {role} and {other} is {username} at the same server"),
            format!("{make} GRANT it what {other} needs, and set WA_DB_USERNAME of {other} to it"),
        )
    });
    observed.collect()
}

fn is_same_account(other: &Settings, seen: &Evidence<'_>) -> bool {
    other.engine() == seen.settings.engine()
        && other.username() == seen.settings.username()
        && other.endpoints().contains(seen.endpoint)
}

fn anonymous(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(Account::MySql(account)) = &seen.account else {
        return Vec::new();
    };
    if account.user.is_empty() {
        let name = account.quoted();
        let what = format!("the server took us for {name}, which has no name");
        return vec![Observation::new(what, format!("DROP USER {name};")).at(Severity::High)];
    }
    let hosts = account.anonymous.iter();
    let observed = hosts.map(|host| {
        let name = sql::my_account("", host);
        Observation::new(
            format!("there is an account {name}"),
            format!("DROP USER {name};"),
        )
    });
    observed.collect()
}

#[cfg(test)]
mod tests {
    use super::{OpenLine, first_open};

    #[test]
    fn first_line_for_any_address_that_lets_someone_in_is_found() {
        let line = |(number, kind, address, method): (&str, &str, &str, &str)| OpenLine {
            number: number.to_owned(),
            kind: kind.to_owned(),
            address: address.to_owned(),
            method: method.to_owned(),
        };
        for (lines, expected) in [
            (&[][..], None),
            (&[("1", "host", "all", "scram-sha-256")], Some("1")),
            (
                &[("1", "host", "all", "reject"), ("2", "host", "all", "md5")],
                None,
            ),
            (
                &[
                    ("1", "hostnossl", "all", "reject"),
                    ("2", "hostssl", "all", "cert"),
                ],
                Some("2"),
            ),
            (
                &[
                    ("1", "host", "0.0.0.0", "reject"),
                    ("2", "host", "::", "md5"),
                ],
                Some("2"),
            ),
        ] {
            let lines: Vec<_> = lines.iter().copied().map(line).collect();
            let found = first_open(&lines).map(|line| line.number.as_str());
            assert_eq!(found, expected, "{lines:?}");
        }
    }
}
