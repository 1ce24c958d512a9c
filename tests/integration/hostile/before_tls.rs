//! What a server, or whoever stands before it, says before TLS: it is hearsay, and never acted on.

use wa_db::endpoint::Engine;
use wa_db_lab::fake::{
    Event, Fault, Handshake, MySqlScript, PostgresScript, Stage, mysql_auth_switch, mysql_error,
    mysql_ok, mysql_packet, postgres_authentication, postgres_error, postgres_old_error,
    postgres_ready,
};

use super::meet::{Depth, assert_printable};
use super::stand::{SETTLED, Script, Stand, each, unverified};
use crate::support::{wa_db, with};

/// PostgreSQL's request for TLS, all that may be sent to a server that refuses it.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// Clears the screen, sets the title, goes back to the line's start, recolours in C1, and turns the
/// direction of writing.
const STEERING: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}ok\rfake\u{9b}31m\u{202e}desrever";

fn at_all<const N: usize>(scripts: [Script; N]) -> impl Iterator<Item = (Depth, Script)> {
    scripts
        .into_iter()
        .flat_map(|script| Depth::ALL.map(|depth| (depth, script.clone())))
}

#[test]
fn a01_server_without_tls_is_refused_and_nothing_further_is_sent() {
    let stand = Stand::new();
    let scripts = [
        PostgresScript::RefuseTls.into(),
        MySqlScript::RefuseTls.into(),
    ];
    each(at_all(scripts), |case| {
        let fake = stand.start(case.1.clone());
        // Verification off never means plaintext.
        let met = case.0.meet(&unverified(&stand.trusting(&fake)));
        met.assert_failed("tls", "tls_refused", &case);
        assert!(fake.wait_ended(SETTLED));
        assert_eq!(fake.connections(), 1, "{case:?}");
        let wanted = match fake.engine() {
            Engine::Postgres => SSL_REQUEST,
            Engine::MySql => &[],
        };
        assert_eq!(fake.received(), wanted, "{case:?}");
    });
}

#[test]
fn a02_a03_a04_plaintext_around_the_tls_answer_is_never_acted_on() {
    let stand = Stand::new();
    let logged_in = [postgres_authentication(0, b""), postgres_ready()].concat();
    let inject = |before: &[u8], after: &[u8]| {
        Script::from(PostgresScript::Inject {
            before: before.into(),
            after: after.into(),
        })
    };
    let glue = |packets: &[u8]| Script::from(MySqlScript::Inject(packets.into()));
    let cases = [
        (inject(b"", &logged_in), "tls_protocol"),
        (
            inject(b"", &postgres_authentication(3, b"")),
            "tls_protocol",
        ),
        (
            inject(b"", &postgres_error("28000", "go away")),
            "tls_protocol",
        ),
        (inject(&logged_in, b""), "protocol_error"),
        (inject(b"N", b""), "tls_refused"),
        (glue(&mysql_packet(2, &mysql_ok())), "tls_protocol"),
        (
            glue(&mysql_packet(2, &mysql_auth_switch("mysql_clear_password"))),
            "tls_protocol",
        ),
        (
            glue(&mysql_packet(
                2,
                &mysql_error(1045, Some("28000"), "go away"),
            )),
            "tls_protocol",
        ),
    ];
    let cases = cases
        .into_iter()
        .flat_map(|(script, code)| Depth::ALL.map(|depth| (depth, script.clone(), code)));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let met = case.0.meet(&unverified(&stand.trusting(&fake)));
        fake.assert_learnt_nothing(&case);
        if case.0 == Depth::Library && fake.engine() == Engine::MySql {
            // The driver drops what it had read with the greeting and starts TLS afresh. Then the
            // injected packet is as if it had never come.
            let secured = fake
                .seen()
                .iter()
                .all(|seen| seen.handshake == Handshake::Completed);
            assert!(secured, "{case:?}: {:?}", fake.seen());
            met.assert_passed(&case);
        } else {
            met.assert_failed("tls", case.2, &case);
            assert!(!fake.events().contains(&Event::LoginStarted), "{case:?}");
        }
    });
}

#[test]
fn a05_a06_error_before_tls_is_marked_as_hearsay_and_cannot_steer_the_terminal() {
    let stand = Stand::new();
    let greeting = |code| {
        Script::from(MySqlScript::ErrorGreeting {
            code,
            text: format!("Access denied{STEERING}"),
        })
    };
    let text = format!("no pg_hba.conf entry{STEERING}");
    let cases = [
        (
            PostgresScript::AnswerInstead(postgres_error("28000", &text)).into(),
            ("tls", "tls_refused"),
        ),
        (
            PostgresScript::AnswerInstead(postgres_old_error(&text)).into(),
            ("tls", "tls_refused"),
        ),
        // Numbers that mean something after TLS mean nothing before it.
        (greeting(1040), ("connect", "server_error")),
        (greeting(1045), ("connect", "server_error")),
        (greeting(1049), ("connect", "server_error")),
        (greeting(1820), ("connect", "server_error")),
        (greeting(3118), ("connect", "server_error")),
    ];
    let cases = cases
        .into_iter()
        .flat_map(|(script, verdict)| Depth::ALL.map(|depth| (depth, script.clone(), verdict)));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let variables = stand.trusting(&fake);
        let met = case.0.meet(&variables);
        met.assert_failed(case.2.0, case.2.1, &case);
        assert!(
            met.printed.contains("unverified text from the peer"),
            "{case:?}: {met:?}"
        );
        fake.assert_learnt_nothing(&case);
        if case.0 == Depth::Check {
            let outcome = wa_db(&["check", "--role", "webapp", "-v"], &variables);
            assert_eq!(outcome.code, met.exit);
            assert_printable(&outcome.stdout);
            assert_printable(&outcome.stderr);
            assert!(
                outcome.stdout.contains("unverified text from the peer"),
                "{outcome:?}"
            );
        }
    });
}

#[test]
fn a05_error_before_tls_does_not_keep_from_the_next_server_of_the_list() {
    let stand = Stand::new();
    each([1045, 1275, 1524, 1820, 1862, 3118, 3955, 4151], |code| {
        let text = "account is locked".to_owned();
        let liar = stand.start(MySqlScript::ErrorGreeting { code, text });
        let honest = stand.start(MySqlScript::Honest);
        let list = format!("127.0.0.1:{},127.0.0.1:{}", liar.port(), honest.port());
        let changes = [("WA_DB_HOSTNAME", &*list), ("WA_DB_PORT", "")];
        let met = Depth::Library.meet(&with(&stand.trusting(&liar), changes));
        met.assert_passed(&code);
        assert_eq!((liar.connections(), honest.connections()), (1, 1), "{code}");
    });
}

/// What carries the general SQLSTATE cannot be told apart from an error in place of the greeting.
#[test]
fn a05_error_of_a_login_without_a_state_of_its_own_is_hearsay_and_may_be_tried_again() {
    let stand = Stand::new();
    each(Depth::ALL, |depth| {
        let error = mysql_error(3118, Some("HY000"), "account is locked");
        let fake = stand.start(MySqlScript::Break {
            at: Stage::Login,
            fault: Fault::Raw(mysql_packet(3, &error)),
        });
        let met = depth.meet(&stand.trusting(&fake));
        // A check has seen TLS work just before, so it can say where this belongs.
        let stage = match depth {
            Depth::Check => "authenticate",
            Depth::Library | Depth::Wire => "connect",
        };
        met.assert_failed(stage, "server_error", &depth);
        for words in ["unverified text from the peer", "3118", "is locked"] {
            assert!(met.printed.contains(words), "{words}: {met:?}");
        }
    });
}

#[test]
fn a05_error_of_a_server_that_nobody_verifies_is_hearsay_after_tls_too() {
    let stand = Stand::new();
    let text = format!("password authentication failed{STEERING}");
    let mysql = mysql_error(1045, Some("28000"), &text);
    let cases = [
        Script::from(PostgresScript::Break {
            at: Stage::Login,
            fault: Fault::Raw(postgres_error("28P01", &text)),
        }),
        Script::from(MySqlScript::Break {
            at: Stage::Login,
            fault: Fault::Raw(mysql_packet(3, &mysql)),
        }),
    ];
    each(at_all(cases), |case| {
        let fake = stand.start(case.1.clone());
        let trusting = stand.trusting(&fake);
        for (variables, hearsay) in [(unverified(&trusting), true), (trusting, false)] {
            let met = case.0.meet(&variables);
            met.assert_failed("authenticate", "authentication_failed", &case);
            assert_eq!(
                met.printed.contains("unverified text from the peer"),
                hearsay,
                "{case:?}: {met:?}"
            );
        }
    });
}

#[test]
fn a05_error_of_a_server_that_nobody_verifies_is_hearsay_after_the_login_too() {
    let stand = Stand::new();
    let text = format!("ask somebody else{STEERING}");
    each(Depth::ALL, |depth| {
        let fake = stand.start(PostgresScript::Break {
            at: Stage::Ready,
            fault: Fault::Raw(postgres_error("53000", &text)),
        });
        let asking = with(&stand.trusting(&fake), [("WA_DB_TARGET", "read-write")]);
        for (variables, hearsay) in [(unverified(&asking), true), (asking, false)] {
            let met = depth.meet(&variables);
            met.assert_failed("session", "server_error", &depth);
            assert_eq!(
                met.printed.contains("unverified text from the peer"),
                hearsay,
                "{depth:?}: {met:?}"
            );
        }
    });
}
