//! A server and what services need of it: [`Stage`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::{Engine, Server, ServerOptions};

use crate::service::{Service, send, wait_until};

/// A server of its own, since it will be stopped.
pub(crate) struct Stage {
    pub(crate) server: Server,
    ca_file: PathBuf,
}

impl Stage {
    pub(crate) fn new(engine: Engine) -> Self {
        let ca = Ca::root("examples root");
        let certificate = ca.issue(
            &Leaf::server()
                .cn("localhost")
                .dns("localhost")
                .ip("127.0.0.1"),
        );
        let server = Server::start(engine, ServerOptions::tls(&certificate));
        let ca_file = server.file("ca.pem", ca.cert_pem());
        Self { server, ca_file }
    }

    /// What an administrator does for services that may make no tables.
    pub(crate) fn make_table_and_accounts(&self) {
        let password = self.server.password();
        let statements = if self.server.engine() == Engine::Postgres {
            format!(
                "CREATE TABLE messages (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body VARCHAR(500) NOT NULL,
                     written_at TIMESTAMPTZ NOT NULL DEFAULT now(), delivered_at TIMESTAMPTZ);
                 CREATE ROLE webapp LOGIN PASSWORD '{password}';
                 CREATE ROLE coreapp LOGIN PASSWORD '{password}';
                 GRANT SELECT, INSERT ON messages TO webapp;
                 GRANT SELECT, UPDATE ON messages TO coreapp;"
            )
        } else {
            format!(
                "CREATE TABLE messages (id BIGINT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(500) NOT NULL,
                     written_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP), delivered_at DATETIME NULL);
                 CREATE USER webapp@'%' IDENTIFIED BY '{password}' REQUIRE SSL;
                 CREATE USER coreapp@'%' IDENTIFIED BY '{password}' REQUIRE SSL;
                 GRANT SELECT, INSERT ON messages TO webapp@'%';
                 GRANT SELECT, UPDATE ON messages TO coreapp@'%';"
            )
        };
        self.server.sql(&statements);
    }

    pub(crate) fn variables(&self, account: &str) -> BTreeMap<String, String> {
        let mut variables = self.server.env();
        variables.insert("WA_DB_USERNAME".to_owned(), account.to_owned());
        variables.insert(
            "WA_DB_SSL_CA".to_owned(),
            self.ca_file.display().to_string(),
        );
        variables
    }

    pub(crate) fn webapp(&self, account: &str) -> Service {
        let mut variables = self.variables(account);
        variables.insert("LISTEN".to_owned(), "127.0.0.1:0".to_owned());
        let service = Service::start("webapp", &variables);
        wait_until("the webapp listens", || service.try_address().is_some());
        service
    }
}

/// A process that does nothing until this is dropped.
pub(crate) struct Silent(u32);

impl Silent {
    pub(crate) fn new(pid: u32) -> Self {
        send("STOP", pid);
        Self(pid)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        send("CONT", self.0);
    }
}
