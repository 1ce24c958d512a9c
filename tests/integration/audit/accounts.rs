//! Accounts made for one test each, of which nothing is to be said but what the test gives them.

use std::path::PathBuf;

use serde_json::Value;
use wa_db_lab::pki::write_private;
use wa_db_lab::server::{DATABASE, Engine, Server, USER};

use super::support::{Report, audit};
use crate::support::{Variables, text, with};

/// As good as a password gets.
const PASSWORD: &str = "Rq7-tensile.Marmot";

/// An account of a server and the variables that log in as it.
pub(super) struct Account<'a> {
    pub(super) server: &'a Server,
    pub(super) name: String,
    pub(super) variables: Variables,
}

impl<'a> Account<'a> {
    /// A new account with a good password from a file, for this host alone, that may read one table.
    /// `ca`: the CA of the server.
    pub(super) fn new(server: &'a Server, ca: &str, name: &str) -> Self {
        let name = format!("audit_{name}");
        let create = match server.engine() {
            Engine::Postgres => format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"),
            Engine::MariaDb => format!(
                "CREATE USER {name}@'127.0.0.1' IDENTIFIED VIA ed25519 USING PASSWORD('{PASSWORD}')"
            ),
            Engine::MySql => format!("CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'"),
        };
        server.sql(&create);
        let account = Self::known(server, ca, &name);
        server.sql(&format!("CREATE TABLE {name}_rows (id INT PRIMARY KEY)"));
        let to = account.quoted();
        server.sql(&format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {name}_rows TO {to}"
        ));
        account
    }

    /// An account that is there already, with the same password.
    pub(super) fn known(server: &'a Server, ca: &str, name: &str) -> Self {
        let file = password_file(server, name);
        let pairs = [
            ("WA_DB_SSL_CA", ca),
            ("WA_DB_USERNAME", name),
            ("WA_DB_PASSWORD", ""),
            ("WA_DB_PASSWORD_FILE", text(&file)),
        ];
        Self {
            server,
            name: name.to_owned(),
            variables: with(&server.env(), pairs),
        }
    }

    /// The account as it stands in statements.
    pub(super) fn quoted(&self) -> String {
        match self.server.engine() {
            Engine::Postgres => self.name.clone(),
            _ => format!("{}@'127.0.0.1'", self.name),
        }
    }

    /// Statements as administrator, in which `{name}` is the account's name, `{account}` the account,
    /// `{rows}` its table, `{db}` the database and `{app}` the account that owns it.
    pub(super) fn sql(&self, statements: &str) {
        let rows = match self.server.engine() {
            Engine::Postgres => format!("{}_rows", self.name),
            _ => format!("{DATABASE}.{}_rows", self.name),
        };
        let statements = statements
            .replace("{name}", &self.name)
            .replace("{account}", &self.quoted())
            .replace("{rows}", &rows)
            .replace("{db}", DATABASE)
            .replace("{app}", USER);
        self.server.sql(&statements);
    }

    pub(super) fn audit(&self) -> Report {
        audit(&self.variables)
    }
}

fn password_file(server: &Server, name: &str) -> PathBuf {
    let file = server.file(&format!("{name}.password"), "");
    write_private(&file, PASSWORD);
    file
}

/// What rules about accounts found: one line for each finding.
#[track_caller]
pub(super) fn account_findings(report: &Report) -> Vec<&Value> {
    for target in report.json["targets"].as_array().expect("targets") {
        assert!(target["error"].is_null(), "{:#}", report.json);
    }
    let findings = report.findings().into_iter();
    findings
        .filter(|finding| {
            finding["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("account-"))
        })
        .collect()
}

/// The rules that found something about the account, each once.
#[track_caller]
pub(super) fn account_ids(report: &Report) -> Vec<String> {
    let findings = account_findings(report).into_iter();
    let mut ids: Vec<_> = findings
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}
