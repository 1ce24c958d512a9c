//! Accounts and servers that are so set up that an audit sees too little.

use wa_db_lab::server::{Engine, TestServers};

use super::accounts::Account;
use crate::support::text;

#[test]
fn operator_in_the_search_path_of_the_account_does_not_answer_for_the_catalog() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let account = Account::new(server, text(servers.ca_file()), "misled");
    account.sql(
        "ALTER ROLE {name} CREATEDB; CREATE SCHEMA {name}_s; GRANT USAGE ON SCHEMA {name}_s TO {name}; \
         CREATE FUNCTION {name}_s.never(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false'; \
         CREATE OPERATOR {name}_s.= (LEFTARG = name, RIGHTARG = name, FUNCTION = {name}_s.never); \
         ALTER ROLE {name} SET search_path = {name}_s, pg_catalog",
    );
    let report = account.audit();
    assert_eq!(report.finding("account-changes-schema").0, "medium");
}

#[test]
fn grant_on_a_pattern_of_databases_is_found_where_the_system_tables_are_among_them() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = servers.of(engine);
        for (name, pattern, severity) in [("pattern", "mysq_", "high"), ("any", "%", "medium")] {
            let account = Account::new(server, text(servers.ca_file()), name);
            account.sql(&format!("GRANT SELECT ON `{pattern}`.* TO {{account}}"));
            let report = account.audit();
            let (found, evidence) = report.finding("account-all-data");
            assert_eq!(found, severity, "{engine:?}: {evidence}");
            let fix = report.found("account-all-data").expect("it")["fix"].as_str();
            server.sql(fix.expect("a fix"));
            account.audit().lacks("account-all-data");
        }
    }
}
