//! TCP.

use wa_db_lab::fake::{SilentListener, Unreachable};

use super::super::codes::Case;
use super::resolve::at;
use crate::support::{Outcome, Variables, check, closed_port, wa_db, with};

pub(in super::super) const CASES: [Case; 3] = [
    ("connection_refused", 12, || {
        check("webapp", &at("127.0.0.1", &closed_port()))
    }),
    // The kernel knows no way to the addresses of documentation and says so without a packet.
    ("network_unreachable", 12, || {
        check("webapp", &at("2001:db8::1", "5432"))
    }),
    ("timeout", 12, unanswered),
];

fn unanswered() -> Outcome {
    let listener = Unreachable::start().expect("a port is free");
    let variables = with(
        &at("127.0.0.1", &listener.port().to_string()),
        [("WA_DB_CONNECT_TIMEOUT", "1500ms")],
    );
    let outcome = check("webapp", &variables);
    assert!(outcome.took.as_millis() >= 1500, "{outcome:?}");
    // Ten seconds are the default.
    assert!(outcome.took.as_millis() < 8000, "{outcome:?}");
    outcome
}

#[test]
fn silence_where_mysql_would_greet_leads_to_the_engine() {
    let silent = SilentListener::start().unwrap();
    let port = silent.port().to_string();
    let pairs = [
        ("WA_DB_ENGINE", "MYSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &port),
        ("WA_DB_USERNAME", "app"),
    ];
    let variables = with(&Variables::new(), pairs);
    let whole = ["--timeout", "1500ms"];
    let each = [("WA_DB_CONNECT_TIMEOUT", "1500ms")];
    for (flags, variables) in [(&whole[..], &variables), (&[], &with(&variables, each))] {
        let check = ["check", "--role", "webapp", "--format", "json"];
        let outcome = wa_db(&[&check, flags].concat(), variables);
        assert_eq!(outcome.verdict(), (13, "timeout".into()), "{flags:?}");
        let hint = outcome.target()["stages"][3]["error"]["hint"].to_string();
        assert!(
            hint.contains("no MySQL greeting came: check that WA_DB_ENGINE"),
            "{hint}"
        );
    }
}
