//! Rules about how the account proves itself.

use crate::audit::evidence::Evidence;
use crate::audit::gather::account::password::Weakness;
use crate::audit::gather::account::{Account, Definition, MySqlAccount, PostgresAccount};
use crate::audit::gather::server::Product;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::audit::sql;
use crate::connect::staged::LoginMethod;
use crate::endpoint::{Engine, Host};
use crate::settings::{PasswordSource, Source};

pub(in crate::audit::rules) const RULES: &[Rule] = &[NONE, WEAK, STORAGE, IN_ENVIRONMENT];

const NONE: Rule = Rule {
    id: "account-no-password",
    title: "the account needs no password",
    severity: Severity::High,
    also: &[],
    why: "Whoever reaches the port is in, and TLS only makes it private.",
    fix: "Give the account a password, and in PostgreSQL replace trust in pg_hba.conf by scram-sha-256; or demand a \
          client certificate.",
    look: none,
};

const WEAK: Rule = Rule {
    id: "account-password-weak",
    title: "the password is weak",
    severity: Severity::High,
    also: &[Severity::Low, Severity::Medium],
    why: "Servers let everyone try as often as they like, and a stolen hash is tried offline, millions of times a \
          second. What is short, made of few kinds of characters, or on every list, is found.",
    fix: "Set a long random one, such as openssl rand -base64 24 makes, at the server and in WA_DB_PASSWORD_FILE.",
    look: weak,
};

const STORAGE: Rule = Rule {
    id: "account-password-storage",
    title: "the server keeps the password in a form that is easily undone",
    severity: Severity::Medium,
    also: &[Severity::Low],
    why: "MD5 and mysql_native_password are fast hashes without a proper salt: whoever gets them from a backup or by \
          a query finds the password soon, and with MD5 need not even look for it.",
    fix: "Store it for scram-sha-256 in PostgreSQL, caching_sha2_password in MySQL, ed25519 in MariaDB, by setting \
          it anew.",
    look: storage,
};

const IN_ENVIRONMENT: Rule = Rule {
    id: "account-password-in-environment",
    title: "the password is in the environment instead of a file",
    severity: Severity::Medium,
    also: &[Severity::Low],
    why: "The environment of a process is inherited by every program it starts, shown by docker inspect and /proc, \
          and printed by many crash reports.",
    fix: "Write the password into a file that the service alone may read, and set WA_DB_PASSWORD_FILE to it instead.",
    look: in_environment,
};

/// What to put where the new password belongs.
const NEW: &str = "'<new password>'";

fn none(seen: &Evidence<'_>) -> Vec<Observation> {
    // Over a socket the operating system says who we are, and a certificate is a proof as well.
    let is_local = matches!(seen.endpoint.host(), Host::Socket(_));
    let has_certificate = seen.settings.tls().identity.is_some();
    let found = match &seen.account {
        Some(Account::Postgres(account)) => {
            let asked_nothing = account.asked == Some(LoginMethod::Nothing);
            (asked_nothing && !is_local && !has_certificate).then(|| trusted(account))
        }
        Some(Account::MySql(account)) => {
            let gave_none = matches!(seen.settings.password(), PasswordSource::None);
            let unproven = gave_none && !is_local && !has_certificate;
            let is_open = account.definition.as_ref().map_or(unproven, is_open);
            let name = account.quoted();
            is_open.then(|| {
                Observation::new(
                    format!("{name} has no password"),
                    format!("ALTER USER {name} IDENTIFIED BY {NEW};"),
                )
            })
        }
        None => None,
    };
    found.into_iter().collect()
}

fn trusted(account: &PostgresAccount) -> Observation {
    let name = sql::name(&account.name);
    Observation::new(
        format!("the server let {name} in without asking for anything"),
        format!(
            "ALTER ROLE {name} PASSWORD {NEW}; then replace trust by scram-sha-256 in the line of pg_hba.conf that \
             lets it in, and SELECT pg_reload_conf();"
        ),
    )
}

/// Whether an account of MySQL or MariaDB asks for a password and has none.
fn is_open(definition: &Definition) -> bool {
    const OF_PASSWORDS: [&str; 4] = [
        "mysql_native_password",
        "caching_sha2_password",
        "sha256_password",
        "ed25519",
    ];
    let by_password = |plugin: &String| OF_PASSWORDS.contains(&plugin.as_str());
    !definition.has_password
        && !definition.demands_certificate
        && definition.plugins.iter().any(by_password)
}

fn weak(seen: &Evidence<'_>) -> Vec<Observation> {
    let judged = seen.weaknesses.iter().map(|weakness| match weakness {
        // Which of them it is would be the password itself.
        Weakness::Common | Weakness::Name => {
            ("among the first that anyone would try", Severity::High)
        }
        Weakness::Short => ("too short", Severity::High),
        Weakness::Uniform => ("of too few kinds of characters", Severity::Medium),
        Weakness::LongUniform => ("of too few kinds of characters", Severity::Low),
    });
    let (mut failed, severities): (Vec<_>, Vec<_>) = judged.unzip();
    failed.dedup();
    let Some(severity) = severities.into_iter().max() else {
        return Vec::new();
    };
    let variable = seen.settings.password().variable();
    let what = format!("the password in {variable} is {}", failed.join(", and "));
    let set = match seen.settings.engine() {
        // Whoever logs in may change his own.
        Engine::MySql => format!("ALTER USER CURRENT_USER() IDENTIFIED BY {NEW};"),
        Engine::Postgres => {
            format!(
                "ALTER ROLE {} PASSWORD {NEW};",
                sql::name(seen.settings.username())
            )
        }
    };
    let fix =
        format!("{set} with what openssl rand -base64 24 makes, and the same into {variable}");
    vec![Observation::new(what, fix).at(severity)]
}

fn storage(seen: &Evidence<'_>) -> Vec<Observation> {
    let found = match &seen.account {
        Some(Account::Postgres(account)) => storage_postgres(account),
        Some(Account::MySql(account)) => storage_mysql(account),
        None => None,
    };
    found.into_iter().collect()
}

fn storage_postgres(account: &PostgresAccount) -> Option<Observation> {
    let name = sql::name(&account.name);
    let seen = if account.stored_as.as_deref() == Some("md5") {
        format!("the password of {name} is stored as MD5")
    } else if account.asked == Some(LoginMethod::Md5) {
        format!(
            "the server asked for an MD5 hash of the password, so that of {name} is stored as MD5"
        )
    } else {
        let next = account.password_encryption.as_deref();
        let next = next.filter(|encryption| matches!(*encryption, "md5" | "on"))?;
        let what =
            format!("password_encryption is {next}: the next password will be stored as MD5");
        let fix =
            "ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf();";
        return Some(Observation::new(what, fix).at(Severity::Low));
    };
    let fix = format!(
        "SET password_encryption = 'scram-sha-256'; ALTER ROLE {name} PASSWORD {NEW}; and scram-sha-256 instead of \
         md5 in pg_hba.conf"
    );
    Some(Observation::new(seen, fix))
}

fn storage_mysql(account: &MySqlAccount) -> Option<Observation> {
    const WEAK: [&str; 2] = ["mysql_native_password", "mysql_old_password"];
    let definition = account
        .definition
        .as_ref()
        .filter(|definition| definition.has_password)?;
    let mut plugins = definition.plugins.iter();
    let plugin = plugins.find(|plugin| WEAK.contains(&plugin.as_str()))?;
    let name = account.quoted();
    let fix = match account.product {
        Product::MariaDb => format!(
            "INSTALL SONAME 'auth_ed25519'; ALTER USER {name} IDENTIFIED VIA ed25519 USING PASSWORD({NEW});"
        ),
        _ => format!("ALTER USER {name} IDENTIFIED WITH caching_sha2_password BY {NEW};"),
    };
    Some(Observation::new(format!("{name} logs in by {plugin}"), fix))
}

fn in_environment(seen: &Evidence<'_>) -> Vec<Observation> {
    const PASSWORD: &str = "WA_DB_PASSWORD";
    if !matches!(seen.settings.password(), PasswordSource::Inline(_)) {
        return Vec::new();
    }
    let source = seen.environment.source(PASSWORD);
    let severity = match source {
        // Which becomes the environment of a container all the same.
        Source::EnvFile(_) => Severity::Low,
        _ => Severity::Medium,
    };
    let fix = "write the password into a file of mode 0600 that belongs to the service, set WA_DB_PASSWORD_FILE to its \
               path and remove WA_DB_PASSWORD";
    vec![Observation::new(format!("{PASSWORD} is set ({source})"), fix).at(severity)]
}

#[cfg(test)]
mod tests {
    use super::{Definition, NONE, STORAGE, WEAK, Weakness};
    use crate::audit::fixtures::{VARIABLES as REMOTE, looked};
    use crate::audit::gather::account::{Account, MySqlAccount, PostgresAccount};
    use crate::audit::gather::server::Product;
    use crate::audit::severity::Severity;
    use crate::connect::staged::LoginMethod;

    const LOCAL: [(&str, &str); 3] = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "/run/postgresql"),
        ("WA_DB_USERNAME", "app"),
    ];

    fn postgres(asked: LoginMethod, stored: Option<&str>, next: &str) -> Account {
        Account::Postgres(PostgresAccount {
            name: "app".to_owned(),
            database: "appdb".to_owned(),
            attributes: Vec::new(),
            memberships: Vec::new(),
            rights: Vec::new(),
            functions: Vec::new(),
            asked: Some(asked),
            stored_as: stored.map(str::to_owned),
            password_encryption: Some(next.to_owned()),
            open_lines: Vec::new(),
        })
    }

    fn mysql(
        product: Product,
        plugin: &str,
        has_password: bool,
        demands_certificate: bool,
    ) -> Account {
        Account::MySql(MySqlAccount {
            product,
            user: "app".to_owned(),
            host: "%".to_owned(),
            client: None,
            held: Vec::new(),
            definition: Some(Definition {
                plugins: vec![plugin.to_owned()],
                has_password,
                demands_certificate,
            }),
            anonymous: Vec::new(),
        })
    }

    #[test]
    fn account_that_proves_itself_by_nothing_is_found() {
        use LoginMethod::{Cleartext, Nothing, Sasl};
        for (variables, account, is_found) in [
            (REMOTE, postgres(Nothing, None, "scram-sha-256"), true),
            (LOCAL, postgres(Nothing, None, "scram-sha-256"), false),
            (REMOTE, postgres(Sasl, None, "scram-sha-256"), false),
            (REMOTE, postgres(Cleartext, None, "scram-sha-256"), false),
            (
                REMOTE,
                mysql(Product::MySql, "caching_sha2_password", false, false),
                true,
            ),
            (
                REMOTE,
                mysql(Product::MySql, "caching_sha2_password", false, true),
                false,
            ),
            (
                REMOTE,
                mysql(Product::MySql, "caching_sha2_password", true, false),
                false,
            ),
            (
                REMOTE,
                mysql(Product::MariaDb, "unix_socket", false, false),
                false,
            ),
        ] {
            let what = format!("{account:?}");
            let found = looked(&NONE, &variables, |seen| seen.account = Some(account));
            assert_eq!(found.len(), usize::from(is_found), "{what}");
        }
    }

    #[test]
    fn password_is_as_weak_as_the_worst_that_is_said_of_it() {
        use Weakness::{Common, LongUniform, Short, Uniform};
        for (weaknesses, expected) in [
            (&[][..], None),
            (&[LongUniform], Some(Severity::Low)),
            (&[Uniform], Some(Severity::Medium)),
            (&[Uniform, Short], Some(Severity::High)),
            (&[Common, Uniform], Some(Severity::High)),
        ] {
            let found = looked(&WEAK, &REMOTE, |seen| seen.weaknesses = weaknesses.to_vec());
            let severity = found.first().and_then(|found| found.severity);
            assert_eq!(severity, expected, "{weaknesses:?}");
        }
    }

    #[test]
    fn finding_does_not_tell_the_user_name_from_any_other_password_that_is_tried_first() {
        use Weakness::{Common, Name};
        let told = [&[Common][..], &[Name], &[Common, Name]]
            .map(|weak| looked(&WEAK, &REMOTE, |seen| seen.weaknesses = weak.to_vec()));
        assert_eq!(
            told[0][0].evidence,
            "the password in WA_DB_PASSWORD is among the first that anyone would try"
        );
        assert_eq!((&told[0], &told[0]), (&told[1], &told[2]));
    }

    #[test]
    fn form_in_which_the_password_is_kept_is_judged_by_the_surest_sign() {
        use LoginMethod::{Md5, Sasl};
        for (account, evidence, fix) in [
            (
                postgres(Md5, None, "scram-sha-256"),
                "asked for an MD5 hash",
                "ALTER ROLE \"app\" PASSWORD",
            ),
            (
                postgres(Sasl, Some("md5"), "md5"),
                "is stored as MD5",
                "ALTER ROLE \"app\" PASSWORD",
            ),
            (
                postgres(Sasl, None, "md5"),
                "the next password",
                "ALTER SYSTEM SET password_encryption",
            ),
            (
                mysql(Product::MariaDb, "mysql_native_password", true, false),
                "mysql_native_password",
                "VIA ed25519",
            ),
            (
                mysql(Product::MySql, "mysql_native_password", true, false),
                "mysql_native_password",
                "WITH caching_sha2_password",
            ),
        ] {
            let found = looked(&STORAGE, &REMOTE, |seen| seen.account = Some(account));
            assert!(found[0].evidence.contains(evidence), "{found:?}");
            assert!(found[0].fix.contains(fix), "{found:?}");
        }
        for account in [
            postgres(Sasl, Some("scram-sha-256"), "scram-sha-256"),
            postgres(Sasl, None, "scram-sha-256"),
            mysql(Product::MySql, "caching_sha2_password", true, false),
            mysql(Product::MariaDb, "mysql_native_password", false, false),
        ] {
            assert_eq!(
                looked(&STORAGE, &REMOTE, |seen| seen.account = Some(account)),
                []
            );
        }
    }
}
