//! Rules about the account, on servers that really have such accounts.

use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers, USER};

use super::accounts::{Account, account_findings, account_ids};
use super::support::{audit, audit_as};
use crate::support::{Variables, text, with};

/// What an account is given, which rule finds it, how bad it is.
type Power = (&'static str, &'static str, &'static str);

const IN_POSTGRES: [Power; 22] = [
    ("ALTER ROLE {name} SUPERUSER", "account-superuser", "high"),
    (
        "ALTER ROLE {name} REPLICATION",
        "account-replication",
        "high",
    ),
    (
        "ALTER ROLE {name} BYPASSRLS",
        "account-bypasses-row-security",
        "medium",
    ),
    (
        "ALTER ROLE {name} CREATEROLE",
        "account-manages-accounts",
        "high",
    ),
    (
        "ALTER ROLE {name} CREATEDB",
        "account-changes-schema",
        "medium",
    ),
    (
        "GRANT pg_read_server_files TO {name}",
        "account-server-files",
        "high",
    ),
    (
        "GRANT pg_write_server_files TO {name}",
        "account-server-files",
        "high",
    ),
    (
        "GRANT pg_execute_server_program TO {name}",
        "account-server-files",
        "high",
    ),
    (
        "GRANT EXECUTE ON FUNCTION pg_read_file(text), pg_stat_file(text) TO {name}",
        "account-server-files",
        "high",
    ),
    (
        "GRANT pg_signal_backend TO {name}",
        "account-stops-server",
        "medium",
    ),
    (
        "GRANT pg_monitor TO {name}",
        "account-administers-server",
        "low",
    ),
    (
        "GRANT pg_read_all_data TO {name}",
        "account-all-data",
        "medium",
    ),
    (
        "CREATE ROLE {name}_boss SUPERUSER; CREATE ROLE {name}_team; GRANT {name}_boss TO {name}_team; \
         GRANT {name}_team TO {name}",
        "account-superuser",
        "high",
    ),
    (
        "CREATE ROLE {name}_maker CREATEDB; GRANT {name}_maker TO {name}",
        "account-changes-schema",
        "medium",
    ),
    (
        "GRANT CREATE ON DATABASE {db} TO {name}",
        "account-changes-schema",
        "medium",
    ),
    (
        "CREATE SCHEMA {name}_s; GRANT CREATE ON SCHEMA {name}_s TO {name}",
        "account-changes-schema",
        "medium",
    ),
    (
        "CREATE SCHEMA {name}_s AUTHORIZATION {name}",
        "account-changes-schema",
        "medium",
    ),
    (
        "ALTER TABLE {rows} OWNER TO {name}",
        "account-changes-schema",
        "medium",
    ),
    (
        "GRANT TRIGGER, TRUNCATE ON {rows} TO {name}",
        "account-changes-schema",
        "medium",
    ),
    ("GRANT {app} TO {name}", "account-changes-schema", "medium"),
    (
        "GRANT SELECT ON {rows} TO {name} WITH GRANT OPTION",
        "account-hands-on-rights",
        "medium",
    ),
    (
        "CREATE ROLE {name}_team; GRANT {name}_team TO {name} WITH ADMIN OPTION",
        "account-hands-on-rights",
        "medium",
    ),
];

const IN_MYSQL: [Power; 16] = [
    (
        "GRANT SUPER ON *.* TO {account}",
        "account-superuser",
        "high",
    ),
    (
        "GRANT REPLICATION SLAVE ON *.* TO {account}",
        "account-replication",
        "high",
    ),
    (
        "GRANT CREATE USER ON *.* TO {account}",
        "account-manages-accounts",
        "high",
    ),
    (
        "GRANT PROXY ON {app}@'%' TO {account}",
        "account-manages-accounts",
        "high",
    ),
    (
        "GRANT FILE ON *.* TO {account}",
        "account-server-files",
        "high",
    ),
    (
        "GRANT SHUTDOWN ON *.* TO {account}",
        "account-stops-server",
        "medium",
    ),
    (
        "GRANT PROCESS ON *.* TO {account}",
        "account-administers-server",
        "medium",
    ),
    (
        "GRANT RELOAD, LOCK TABLES ON *.* TO {account}",
        "account-administers-server",
        "medium",
    ),
    (
        "GRANT SELECT ON *.* TO {account}",
        "account-all-data",
        "medium",
    ),
    (
        "GRANT SELECT ON mysql.* TO {account}",
        "account-all-data",
        "high",
    ),
    (
        "GRANT CREATE, DROP, ALTER ON {db}.* TO {account}",
        "account-changes-schema",
        "medium",
    ),
    (
        "GRANT ALL ON {db}.* TO {account}",
        "account-changes-schema",
        "medium",
    ),
    (
        "GRANT TRIGGER ON {rows} TO {account}",
        "account-changes-schema",
        "medium",
    ),
    (
        "GRANT SELECT ON {db}.* TO {account} WITH GRANT OPTION",
        "account-hands-on-rights",
        "medium",
    ),
    (
        "CREATE ROLE {name}_r; GRANT FILE ON *.* TO {name}_r; GRANT {name}_r TO {account}",
        "account-server-files",
        "high",
    ),
    (
        "CREATE ROLE {name}_r; CREATE ROLE {name}_q; GRANT SHUTDOWN ON *.* TO {name}_q; GRANT {name}_q TO {name}_r; \
         GRANT {name}_r TO {account}",
        "account-stops-server",
        "medium",
    ),
];

#[test]
fn account_that_reads_and_writes_its_tables_is_no_finding() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let account = Account::new(server, text(servers.ca_file()), "plain");
        let report = account.audit();
        assert_eq!(account_ids(&report), [""; 0], "{:#}", report.json);
    }
}

#[test]
fn power_in_postgres_is_found_alone_and_what_the_finding_says_takes_it_away() {
    each_power(Engine::Postgres, &IN_POSTGRES);
}

#[test]
fn power_in_mariadb_is_found_alone_and_what_the_finding_says_takes_it_away() {
    each_power(Engine::MariaDb, &IN_MYSQL);
}

#[test]
fn power_in_mysql_is_found_alone_and_what_the_finding_says_takes_it_away() {
    each_power(Engine::MySql, &IN_MYSQL);
}

fn each_power(engine: Engine, powers: &[Power]) {
    let servers = TestServers::shared();
    let server = servers.of(engine);
    for (index, (grant, id, severity)) in powers.iter().enumerate() {
        let account = Account::new(server, text(servers.ca_file()), &format!("power{index}"));
        account.sql(grant);
        let report = account.audit();
        let what = format!("{engine:?}, {grant}: {:#}", report.json);
        assert_eq!(account_ids(&report), [*id], "{what}");
        let findings = account_findings(&report);
        assert_eq!(findings[0]["severity"], *severity, "{what}");
        for finding in findings {
            server.sql(finding["fix"].as_str().expect("a fix"));
        }
        let after = account.audit();
        let left = account_ids(&after);
        assert_eq!(left, [""; 0], "after the fix, {what}: {:#}", after.json);
    }
}

#[test]
fn right_of_everyone_in_mariadb_is_found_and_taken_away() {
    let (server, ca) = start(Engine::MariaDb, |options| options);
    let account = Account::new(&server, &ca, "anyone");
    for (database, expected) in [("appdb", "medium"), ("test", "low")] {
        server.sql(&format!("GRANT CREATE ON {database}.* TO PUBLIC"));
        let report = account.audit();
        let (severity, evidence) = report.finding("account-changes-schema");
        assert_eq!(severity, expected, "{evidence}");
        assert!(evidence.ends_with("through the role PUBLIC"), "{evidence}");
        for finding in account_findings(&report) {
            server.sql(finding["fix"].as_str().expect("a fix"));
        }
        assert_eq!(account_ids(&account.audit()), [""; 0]);
    }
}

#[test]
fn all_privileges_are_found_and_taken_away() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        let account = Account::new(server, text(servers.ca_file()), "everything");
        account.sql("GRANT ALL ON *.* TO {account} WITH GRANT OPTION");
        let report = account.audit();
        assert_eq!(report.finding("account-superuser").0, "high");
        report.finding("account-hands-on-rights");
        for finding in account_findings(&report) {
            server.sql(finding["fix"].as_str().expect("a fix"));
        }
        let after = account.audit();
        assert_eq!(account_ids(&after), [""; 0], "{engine:?}: {:#}", after.json);
    }
}

#[test]
fn account_of_the_database_owner_changes_the_schema() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let variables = with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))]);
        let report = audit(&variables);
        assert_eq!(report.finding("account-changes-schema").0, "medium");
        report.lacks("account-superuser");
    }
}

/// A server of one's own, with its CA as a file.
fn start(engine: Engine, shape: impl FnOnce(ServerOptions) -> ServerOptions) -> (Server, String) {
    let ca = Ca::root("lab root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()));
    let server = Server::start(engine, shape(options));
    let file = server.file("trusted.pem", ca.cert_pem());
    let ca = text(&file).to_owned();
    (server, ca)
}

#[test]
fn postgres_that_is_careless_with_passwords_and_addresses_is_found() {
    let (server, ca) = start(Engine::Postgres, |options| {
        options
            .hba("hostssl all audit_trusted 127.0.0.1/32 trust")
            .hba("hostssl all audit_md5 127.0.0.1/32 md5")
            .hba("hostssl all audit_anywhere 0.0.0.0/0 scram-sha-256")
            .setting("password_encryption", "md5")
    });
    let trusted = Account::new(&server, &ca, "trusted").audit();
    assert_eq!(trusted.finding("account-no-password").0, "high");
    let md5 = Account::new(&server, &ca, "md5");
    let report = md5.audit();
    assert_eq!(report.finding("account-password-storage").0, "medium");
    report.lacks("account-no-password");

    server.sql("ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf()");
    // The command line of the server says otherwise.
    server.sql("ALTER ROLE audit_md5 SET password_encryption = 'md5'; SET password_encryption = 'scram-sha-256'; ALTER ROLE audit_md5 PASSWORD 'Rq7-tensile.Marmot'");
    let next = md5.audit();
    assert_eq!(next.finding("account-password-storage").0, "low");
    server.sql("ALTER ROLE audit_md5 SET password_encryption = 'scram-sha-256'");
    md5.audit().lacks("account-password-storage");

    server.sql("SET password_encryption = 'scram-sha-256'; CREATE ROLE audit_anywhere LOGIN PASSWORD 'Rq7-tensile.Marmot'");
    let anywhere = Account::known(&server, &ca, "audit_anywhere");
    // Only a superuser may read the file, or whoever is let.
    anywhere.audit().lacks("account-any-host");
    let readers = "GRANT SELECT ON pg_hba_file_rules TO audit_anywhere, audit_md5; \
                   GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO audit_anywhere, audit_md5";
    server.sql(readers);
    let report = anywhere.audit();
    assert_eq!(report.finding("account-any-host").0, "medium");
    md5.audit().lacks("account-any-host");
}

#[test]
fn account_of_mysql_for_any_host_is_found() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        let account = Account::new(server, text(servers.ca_file()), "anyhost");
        account.audit().lacks("account-any-host");
        server.sql("RENAME USER audit_anyhost@'127.0.0.1' TO audit_anyhost@'%'");
        let report = account.audit();
        let (severity, evidence) = report.finding("account-any-host");
        assert_eq!(
            (severity, evidence.contains("'audit_anyhost'@'%'")),
            ("medium", true),
            "{evidence}"
        );
    }
}

#[test]
fn account_of_mysql_without_a_password_is_found() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        let account = Account::new(server, text(servers.ca_file()), "open");
        account.audit().lacks("account-no-password");
        server.sql("ALTER USER audit_open@'127.0.0.1' IDENTIFIED BY ''");
        let variables = with(&account.variables, [("WA_DB_PASSWORD_FILE", "")]);
        let report = audit(&variables);
        assert_eq!(report.finding("account-no-password").0, "high");
    }
}

#[test]
fn password_kept_by_mysql_native_password_is_found() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::MariaDb);
    let account = Account::new(server, text(servers.ca_file()), "native");
    account.audit().lacks("account-password-storage");
    server.sql("ALTER USER audit_native@'127.0.0.1' IDENTIFIED BY 'Rq7-tensile.Marmot'");
    let report = account.audit();
    let (severity, evidence) = report.finding("account-password-storage");
    assert_eq!(severity, "medium");
    assert!(evidence.contains("mysql_native_password"), "{evidence}");
    // The server showed the audit the hash.
    let hash =
        server.sql("SELECT authentication_string FROM mysql.user WHERE user = 'audit_native'");
    let hash = hash.trim();
    assert!(
        hash.len() == 41 && !report.json.to_string().contains(hash),
        "{hash}"
    );
}

#[test]
fn account_without_a_name_is_found_by_whoever_may_read_the_accounts() {
    for engine in [Engine::MariaDb, Engine::MySql] {
        let (server, ca) = start(engine, |options| options);
        let account = Account::new(&server, &ca, "reader");
        server.sql("CREATE USER ''@'nowhere.example'");
        account.audit().lacks("account-anonymous");
        server.sql("GRANT SELECT ON mysql.user TO audit_reader@'127.0.0.1'");
        let report = account.audit();
        assert_eq!(report.finding("account-anonymous").0, "medium");
        server.sql(
            report.found("account-anonymous").unwrap()["fix"]
                .as_str()
                .unwrap(),
        );
        account.audit().lacks("account-anonymous");

        server.sql("CREATE USER ''@'127.0.0.1'");
        let nobody = with(
            &account.variables,
            [("WA_DB_USERNAME", "whoever"), ("WA_DB_PASSWORD_FILE", "")],
        );
        let report = audit(&with(&nobody, [("WA_DB_NAME", "")]));
        assert_eq!(report.finding("account-anonymous").0, "high");
    }
}

#[test]
fn weak_password_is_found_and_not_shown() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let account = Account::new(server, text(servers.ca_file()), "weak");
    account.audit().lacks("account-password-weak");
    for (password, severity, words) in [
        ("testpass", "high", "among the first that anyone would try"),
        (
            "audit_weak",
            "high",
            "among the first that anyone would try",
        ),
        ("aB3.xyz", "high", "too short"),
        ("zephyr-lantern", "medium", "too few kinds"),
        ("zephyr-lantern-quartz", "low", "too few kinds"),
    ] {
        server.sql(&format!("ALTER ROLE audit_weak PASSWORD '{password}'"));
        let set = [("WA_DB_PASSWORD", password), ("WA_DB_PASSWORD_FILE", "")];
        let report = audit(&with(&account.variables, set));
        let (found, evidence) = report.finding("account-password-weak");
        assert_eq!(found, severity, "{evidence}");
        assert!(evidence.contains(words), "{evidence}");
        let all = report.json.to_string();
        assert!(password == "audit_weak" || !all.contains(password), "{all}");
        assert_eq!(
            report.finding("account-password-in-environment").0,
            "medium"
        );
    }
}

#[test]
fn password_in_an_env_file_is_found_as_the_lesser_evil() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let password = format!("WA_DB_PASSWORD={}\n", server.password());
    let file = server.file("audit.env", password);
    let ca = ("WA_DB_SSL_CA", text(servers.ca_file()));
    let variables = with(&server.env(), [ca, ("WA_DB_PASSWORD", "")]);
    let report = audit_as("webapp", &variables, &["--env-file", text(&file)]);
    assert_eq!(report.finding("account-password-in-environment").0, "low");
}

#[test]
fn one_account_for_both_services_is_found_and_two_are_not() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let webapp = Account::new(server, text(servers.ca_file()), "of_webapp");
        let coreapp = Account::new(server, text(servers.ca_file()), "of_coreapp");
        let report = audit_as("both", &webapp.variables, &[]);
        let shared = report
            .findings()
            .into_iter()
            .filter(|finding| finding["id"] == "account-shared");
        assert_eq!(shared.count(), 2, "{:#}", report.json);
        let file = |account: &Account<'_>, role: &str| {
            let lines: Variables = with(&account.variables, [("WA_DB_ROLE", role)]);
            let lines = lines.iter().map(|(name, value)| format!("{name}={value}"));
            let lines = lines.collect::<Vec<_>>().join(
                "
",
            );
            server.file(&format!("{}.{role}.env", account.name), lines)
        };
        let (one, two) = (file(&webapp, "webapp"), file(&coreapp, "coreapp"));
        let files = ["--env-file", text(&one), "--env-file", text(&two)];
        audit_as("both", &Variables::new(), &files).lacks("account-shared");
        assert_ne!(webapp.name, USER);
    }
}
