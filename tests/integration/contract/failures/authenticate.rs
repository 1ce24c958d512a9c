//! Logins.

use wa_db_lab::fake::{FAKE_PASSWORD, PostgresScript, ScramFault};
use wa_db_lab::server::{Engine, TestServers};

use super::super::codes::Case;
use super::super::lab::{Fake, Files, trusted};
use crate::support::{Outcome, check, with};

pub(in super::super) const CASES: [Case; 5] = [
    ("authentication_failed", 14, || {
        wrong_password(Engine::Postgres)
    }),
    ("authentication_failed", 14, || {
        wrong_password(Engine::MariaDb)
    }),
    ("authentication_failed", 14, || {
        wrong_password(Engine::MySql)
    }),
    ("authentication_method_refused", 14, || {
        // A verified server may ask for it; one that is not verified may not.
        let fake = Fake::start(PostgresScript::AskClearPassword);
        let off = [("WA_DB_SSL_VERIFY", "off")];
        let outcome = check("webapp", &with(&fake.variables, off));
        let password = FAKE_PASSWORD.as_bytes();
        assert!(
            !fake.server.received_contains(password),
            "sent all the same"
        );
        outcome
    }),
    ("channel_binding_unavailable", 14, || {
        let fake = Fake::start(PostgresScript::Scram(ScramFault::PlusStripped));
        let require = [("WA_DB_CHANNEL_BINDING", "require")];
        check("webapp", &with(&fake.variables, require))
    }),
];

fn wrong_password(engine: Engine) -> Outcome {
    let servers = TestServers::shared();
    let variables = trusted(&servers, engine);
    check(
        "webapp",
        &with(&variables, [("WA_DB_PASSWORD", "wrong-canary")]),
    )
}

#[test]
fn refused_login_names_the_variable_that_the_password_came_from() {
    let servers = TestServers::shared();
    let files = Files::new();
    let file = files.private("password", "wrong-canary");
    for engine in [Engine::Postgres, Engine::MariaDb] {
        let variables = trusted(&servers, engine);
        for (pair, other, named) in [
            (
                ("WA_DB_PASSWORD", "wrong-canary"),
                "WA_DB_PASSWORD_FILE",
                "and WA_DB_PASSWORD",
            ),
            (
                ("WA_DB_PASSWORD_FILE", &*file),
                "WA_DB_PASSWORD",
                "and WA_DB_PASSWORD_FILE",
            ),
        ] {
            let outcome = check("webapp", &with(&variables, [pair, (other, "")]));
            let hint = outcome.target()["stages"][4]["error"]["hint"].to_string();
            let rest = hint.split_once(named).map(|(_, rest)| rest);
            assert!(
                rest.is_some_and(|rest| rest.starts_with([';', ','])),
                "{engine:?} {}: {hint}",
                pair.0
            );
        }
    }
}
