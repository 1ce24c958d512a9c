//! Variables whose effect only the server's own word can prove.

use wa_db::connect::{MySqlConnector, PostgresConnector};
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::server::{Engine, TestServers};

use super::lab::{Files, trusted};
use crate::support::{Variables, with};

#[tokio::test]
async fn idle_timeout_is_the_wait_timeout_of_mysqls_session() {
    let servers = TestServers::shared();
    for engine in [Engine::MariaDb, Engine::MySql] {
        for (milliseconds, seconds) in [("180000", "180"), ("1500", "2"), ("90s", "90")] {
            let idle = [("WA_DB_CONNECTION_IDLE_TIMEOUT", milliseconds)];
            let settings = settings(&with(&trusted(&servers, engine), idle));
            let told = ask(&settings, "SELECT @@SESSION.wait_timeout").await;
            assert_eq!(told.as_deref(), Some(seconds), "{engine:?} {milliseconds}");
        }
    }
}

#[tokio::test]
async fn database_is_the_named_one_and_by_default_none_or_postgres() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let (query, default) = match engine {
            Engine::Postgres => ("SELECT current_database()::text", Some("postgres")),
            Engine::MariaDb | Engine::MySql => ("SELECT DATABASE()", None),
        };
        let named = settings(&trusted(&servers, engine));
        assert_eq!(
            ask(&named, query).await.as_deref(),
            Some("appdb"),
            "{engine:?}"
        );
        let variables = with(&trusted(&servers, engine), [("WA_DB_NAME", "")]);
        let unnamed = settings(&variables);
        assert_eq!(ask(&unnamed, query).await.as_deref(), default, "{engine:?}");
        let prefix = with(&variables, [("WA_DB_NAME_PREFIX", "app")]);
        let another = settings(&prefix).with_database("db");
        assert_eq!(
            ask(&another, query).await.as_deref(),
            Some("appdb"),
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn password_file_is_read_again_for_each_new_connection() {
    let servers = TestServers::shared();
    for engine in Engine::ALL {
        let server = servers.of(engine);
        let files = Files::new();
        let file = files.private("password", "not-yet-the-word");
        let changes = [("WA_DB_PASSWORD", ""), ("WA_DB_PASSWORD_FILE", &*file)];
        let settings = settings(&with(&trusted(&servers, engine), changes));
        let connector = Connector::of(&settings);
        assert!(connector.ask("SELECT 1").await.is_err(), "{engine:?}");
        files.private("password", format!("{}\r\n", server.password()));
        let answer = connector.ask("SELECT 'in'").await;
        assert_eq!(answer.unwrap().as_deref(), Some("in"), "{engine:?}");
    }
}

fn settings(variables: &Variables) -> Settings {
    let environment = Environment::from_pairs(variables.clone());
    Settings::from_environment(Role::Webapp, &environment).unwrap()
}

async fn ask(settings: &Settings, query: &str) -> Option<String> {
    Connector::of(settings).ask(query).await.unwrap()
}

/// A connector of either engine.
enum Connector {
    Postgres(PostgresConnector),
    MySql(MySqlConnector),
}

impl Connector {
    fn of(settings: &Settings) -> Self {
        match settings.engine() {
            wa_db::endpoint::Engine::Postgres => {
                Self::Postgres(PostgresConnector::new(settings).unwrap())
            }
            wa_db::endpoint::Engine::MySql => Self::MySql(MySqlConnector::new(settings).unwrap()),
        }
    }

    /// The one value that a query yields over a new connection.
    async fn ask(&self, query: &str) -> Result<Option<String>, wa_db::connect::ConnectError> {
        match self {
            Self::Postgres(connector) => {
                let connection = connector.connect().await?;
                let row = connection.client.query_one(query, &[]).await.unwrap();
                connection.task.abort();
                Ok(row.get(0))
            }
            Self::MySql(connector) => {
                let mut connection = connector.connect().await?;
                let query =
                    mysql_async::prelude::Queryable::query_first(&mut connection.conn, query);
                let value: Option<Option<String>> = query.await.unwrap();
                Ok(value.flatten())
            }
        }
    }
}
