//! Answers of another shape than the question asks for: a failure with a name, never a panic.

use wa_db_lab::fake::{
    Cell, FAKE_PASSWORD, FakeMySql, MySqlScript, Persona, PostgresScript, Reply,
};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::TestServers;

use super::lab::{Fake, Files, identity};
use crate::support::{Outcome, Variables, check, with};

#[test]
fn mysql_that_answers_with_another_shape_fails_by_name() {
    let one_column = [("Variable_name", Cell::from("Ssl_cipher"))];
    let null = [("Variable_name", Cell::Null), ("Value", Cell::Null)];
    for (question, reply) in [
        ("no version", Reply::row("version()", [("v", Cell::Null)])),
        (
            "a cipher of one column",
            Reply::row("ssl_cipher", one_column.clone()),
        ),
        (
            "a cipher that is null",
            Reply::row("ssl_cipher", null.clone()),
        ),
        (
            "switches of one column",
            Reply::row("show global variables", one_column),
        ),
        (
            "switches that are null",
            Reply::row("show global variables", null),
        ),
    ] {
        let outcome = mysql(reply);
        let expected = (15, "protocol_error".to_owned());
        assert_eq!(outcome.verdict(), expected, "{question}: {outcome:#?}");
    }
}

#[test]
fn mysql_whose_limits_are_no_numbers_is_no_reason_to_panic() {
    for limits in [
        Reply::row(
            "@@max_allowed_packet",
            [("a", "many".into()), ("b", "few".into())],
        ),
        Reply::row(
            "@@max_allowed_packet",
            [("a", Cell::Int(-1)), ("b", Cell::Int(-1))],
        ),
        Reply::row("@@wait_timeout", [("a", "long".into())]),
    ] {
        let outcome = mysql(limits.clone());
        assert_eq!(outcome.code, 0, "{limits:?}: {outcome:#?}");
    }
}

#[test]
fn mysql_whose_switch_is_of_a_kind_not_known_counts_as_read_only() {
    for (kind, read_only) in [("OFF", false), ("ON", true), ("NO_LOCK_NO_ADMIN", true)] {
        let row = [
            ("Variable_name", "read_only".into()),
            ("Value", kind.into()),
        ];
        let outcome = mysql(Reply::row("show global variables", row));
        assert_eq!(outcome.target()["server"]["read_only"], read_only, "{kind}");
    }
}

#[test]
fn postgres_that_answers_with_another_shape_fails_by_name() {
    let texts = [("version", "15".into()), ("read_only", "perhaps".into())];
    let nulls = [
        ("version", Cell::Null),
        ("read_only", Cell::Null),
        ("encrypted", Cell::Null),
    ];
    for (answer, reply, code) in [
        (
            "two columns",
            Reply::row("pg_stat_ssl", texts),
            "protocol_error",
        ),
        // What does not say that it is encrypted is not.
        ("nulls", Reply::row("pg_stat_ssl", nulls), "not_encrypted"),
    ] {
        let mut persona = Persona::healthy_postgres();
        persona.replies.insert(0, reply);
        let fake = Fake::presenting(&TestServers::leaf(), persona, PostgresScript::Honest);
        let outcome = check("webapp", &fake.variables);
        let expected = (15, code.to_owned());
        assert_eq!(outcome.verdict(), expected, "{answer}: {outcome:#?}");
    }
}

/// What is found of a MySQL that gives this reply, and is otherwise in good health.
fn mysql(reply: Reply) -> Outcome {
    let mut persona = Persona::healthy_mysql();
    persona.replies.insert(0, reply);
    let ca = Ca::root("root of the fakes");
    let issued = ca.issue(&TestServers::leaf());
    let fake = FakeMySql::start_as(persona, MySqlScript::Honest, Some(identity(&issued))).unwrap();
    let files = Files::new();
    let pairs = [
        ("WA_DB_ENGINE", "MYSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &*fake.port().to_string()),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", FAKE_PASSWORD),
        ("WA_DB_SSL_CA", &files.public("ca.pem", ca.cert_pem())),
    ];
    check("webapp", &with(&Variables::new(), pairs))
}
