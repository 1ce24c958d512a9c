//! Servers that leave the protocol: every way of it ends in an error with a name.

use std::collections::BTreeMap;

use wa_db_lab::fake::{
    Cell, FAKE_PASSWORD, Fault, GreetingFault, MySqlScript, Persona, PostgresScript, Reply, Stage,
    mysql_auth_switch, mysql_error, mysql_frame, mysql_packet, postgres_authentication,
    postgres_error, postgres_frame, postgres_message, postgres_ready,
};

use super::meet::{Depth, Met};
use super::stand::{Fake, SETTLED, Script, Stand, each, identity};
use crate::support::{Variables, with};

/// What a server that speaks something else is told apart by.
const CODES: [&str; 7] = [
    "protocol_error",
    "tls_protocol",
    "tls_refused",
    "connection_refused",
    "server_error",
    "timeout",
    "authentication_failed",
];

fn hurried(variables: &Variables) -> Variables {
    with(
        variables,
        [
            ("WA_DB_CONNECT_TIMEOUT", "1s"),
            ("WA_DB_READ_TIMEOUT", "1s"),
            // Makes the library, too, ask the server something.
            ("WA_DB_TARGET", "read-write"),
        ],
    )
}

/// The same with time enough to reach the stage that is meant on a busy machine.
fn patient(variables: &Variables) -> Variables {
    with(
        &hurried(variables),
        [
            ("WA_DB_CONNECT_TIMEOUT", "5s"),
            ("WA_DB_READ_TIMEOUT", "5s"),
        ],
    )
}

fn assert_typed(met: &Met, case: &dyn std::fmt::Debug) {
    assert!((12..=15).contains(&met.exit), "{case:?}: {met:?}");
    assert!(CODES.contains(&met.code.as_str()), "{case:?}: {met:?}");
}

#[test]
fn a16_reset_close_banner_and_noise_at_every_stage_give_typed_errors() {
    let stand = Stand::new();
    let faults = [
        Fault::Reset,
        Fault::Close,
        Fault::HttpBanner,
        Fault::Random { seed: 3 },
        Fault::Random { seed: 0x5eed },
    ];
    let scripts = Stage::ALL.into_iter().flat_map(|at| {
        faults.clone().into_iter().flat_map(move |fault| {
            let postgres = PostgresScript::Break {
                at,
                fault: fault.clone(),
            };
            [
                Script::from(postgres),
                Script::from(MySqlScript::Break { at, fault }),
            ]
        })
    });
    let cases = scripts.flat_map(|script| Depth::ALL.map(|depth| (depth, script.clone())));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let met = case.0.meet(&hurried(&stand.trusting(&fake)));
        assert_typed(&met, &case);
        assert!(fake.wait_ended(SETTLED), "{case:?}");
    });
}

/// A proxy before a server that is starting accepts and hangs up: that is worth waiting for.
#[test]
fn a16_hang_up_before_any_answer_is_a_matter_of_the_connection_not_of_tls() {
    let stand = Stand::new();
    let at = Stage::Accepted;
    let postgres = |fault| Script::from(PostgresScript::Break { at, fault });
    let mysql = |fault| Script::from(MySqlScript::Break { at, fault });
    let cases = [Fault::Reset, Fault::Close].into_iter().flat_map(|fault| {
        [
            (Depth::Check, postgres(fault.clone())),
            (Depth::Library, postgres(fault.clone())),
            (Depth::Wire, postgres(fault.clone())),
            (Depth::Check, mysql(fault)),
        ]
    });
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let met = case.0.meet(&patient(&stand.trusting(&fake)));
        // A reset may be there before the first byte is sent.
        let codes = ["protocol_error", "connection_refused"];
        assert_eq!(
            (met.exit, &*met.stage),
            (12, "connect"),
            "{case:?}: {met:?}"
        );
        assert!(codes.contains(&&*met.code), "{case:?}: {met:?}");
    });
}

#[test]
fn a16_messages_of_postgres_that_make_no_sense_give_typed_errors() {
    let stand = Stand::new();
    let raw = |at, bytes: Vec<u8>| PostgresScript::Break {
        at,
        fault: Fault::Raw(bytes),
    };
    let ready = |before: Vec<u8>| [before, postgres_ready()].concat();
    let scripts = [
        // Lengths that do not count themselves, or more than there is.
        raw(Stage::Login, postgres_frame(b'R', 0, b"")),
        raw(Stage::Login, postgres_frame(b'R', 3, b"")),
        raw(Stage::Login, postgres_frame(b'R', u32::MAX, b"")),
        raw(Stage::Login, postgres_frame(b'N', 2, b"")),
        raw(Stage::LoggedIn, postgres_frame(b'Z', 4, b"")),
        raw(Stage::Ready, postgres_frame(b'D', 1, b"")),
        // Bodies too short for what they are.
        raw(Stage::Login, postgres_message(b'R', b"")),
        raw(Stage::Login, postgres_message(b'R', &[0])),
        raw(Stage::Login, postgres_authentication(10, b"")),
        raw(Stage::Login, postgres_authentication(10, b"\xff\xfe\0\0")),
        raw(Stage::Login, postgres_authentication(11, b"r=")),
        raw(Stage::Login, postgres_authentication(12, b"v=")),
        raw(Stage::Login, postgres_authentication(99, b"")),
        raw(Stage::Login, postgres_message(b'E', b"")),
        raw(Stage::Login, postgres_message(b'E', b"M")),
        raw(Stage::Login, postgres_message(b'E', b"M\xff\xfe\0\0")),
        raw(
            Stage::LoggedIn,
            postgres_message(b'S', b"name without value"),
        ),
        raw(Stage::LoggedIn, postgres_message(b'K', &[1])),
        // Messages out of place.
        raw(Stage::Login, postgres_message(b'D', &[0, 0])),
        raw(Stage::Login, postgres_message(0, b"")),
        raw(Stage::Login, postgres_ready()),
        raw(Stage::LoggedIn, postgres_authentication(3, b"")),
        raw(Stage::Ready, ready(postgres_message(b'1', b""))),
        raw(Stage::Ready, ready(postgres_message(b'T', &[0xff, 0xff]))),
        raw(
            Stage::Ready,
            ready(postgres_message(b'D', &[0, 1, 0, 0, 0, 9, b'x'])),
        ),
        raw(Stage::Ready, postgres_ready()),
        raw(Stage::Ready, postgres_error("\u{1b}[2J", "\u{1b}[2Jgone")),
    ];
    let cases = scripts
        .into_iter()
        .flat_map(|script| Depth::ALL.map(|depth| (depth, script.clone())));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let met = case.0.meet(&patient(&stand.trusting(&fake)));
        let codes = [CODES.as_slice(), &["authentication_method_refused"]].concat();
        assert!((14..=15).contains(&met.exit), "{case:?}: {met:?}");
        assert!(codes.contains(&met.code.as_str()), "{case:?}: {met:?}");
        assert!(fake.wait_ended(SETTLED), "{case:?}");
        assert!(
            !fake.received_contains(FAKE_PASSWORD.as_bytes()),
            "{case:?}"
        );
    });
}

#[test]
fn a16_greetings_of_mysql_that_make_no_sense_give_typed_errors() {
    let stand = Stand::new();
    let mut faults: Vec<_> = [1, 4, 9, 20, 30, 44]
        .into_iter()
        .flat_map(|kept| [GreetingFault::Short(kept), GreetingFault::Cut(kept)])
        .collect();
    faults.extend([
        GreetingFault::Cut(0),
        GreetingFault::Sequence(1),
        GreetingFault::Sequence(255),
        GreetingFault::Length(0),
        GreetingFault::Length(1),
        GreetingFault::Length(200),
        GreetingFault::Length(0x00ff_ffff),
        GreetingFault::Protocol(9),
        GreetingFault::Protocol(0),
    ]);
    let cases = faults
        .into_iter()
        .flat_map(|fault| Depth::ALL.map(|depth| (depth, fault)));
    each(cases, |case| {
        let fake = stand.start(MySqlScript::Greeting(case.1));
        let met = case.0.meet(&hurried(&stand.trusting(&fake)));
        assert_typed(&met, &case);
        fake.assert_learnt_nothing(&case);
    });
}

/// The handshake response is packet 1 of the client, over TLS number 2; the server goes on with 3.
fn after_login(payload: &[u8]) -> Vec<u8> {
    mysql_packet(3, payload)
}

#[test]
fn a16_packets_of_mysql_that_make_no_sense_give_typed_errors() {
    let stand = Stand::new();
    let switch = |plugin: &str| after_login(&mysql_auth_switch(plugin));
    let salt = [b"P\x01".as_slice(), &[7; 18]].concat();
    let packets: BTreeMap<&str, Vec<u8>> = [
        ("another sequence", mysql_packet(9, &[0, 0, 0, 2, 0, 0, 0])),
        ("nothing", after_login(b"")),
        ("an OK cut short", after_login(&[0])),
        ("a switch to nowhere", after_login(&[0xfe, 0])),
        ("a switch without an end", after_login(b"\xfeno_zero_byte")),
        ("an unknown byte", after_login(&[0x77, 1, 2, 3])),
        ("more data, but none", after_login(&[1])),
        ("an error without a number", after_login(&[0xff])),
        ("an error cut short", after_login(&[0xff, 1, 2, b'#', b'H'])),
        (
            "an error that steers",
            after_login(&mysql_error(1105, Some("HY\u{1b}00"), "\u{1b}[2Jgone")),
        ),
        (
            "progress reports",
            (0..50_u8)
                .flat_map(|step| mysql_packet(3 + step, b"\xff\xff\xff\x01\x01\x01\0\0\0\x04step"))
                .collect(),
        ),
        ("a length beyond the end", mysql_frame(3, 5000, b"\0\0\0")),
        // The driver was built without this plugin, and panics.
        (
            "a login by parsec",
            [switch("parsec"), mysql_packet(5, &salt)].concat(),
        ),
        // And it takes a second switch for impossible.
        (
            "two switches",
            [
                switch("parsec"),
                mysql_packet(5, &mysql_auth_switch("mysql_native_password")),
            ]
            .concat(),
        ),
    ]
    .into();
    let cases = packets
        .into_iter()
        .flat_map(|(name, bytes)| Depth::ALL.map(|depth| (depth, name, bytes.clone())));
    each(cases, |(depth, name, bytes)| {
        let case = (depth, name);
        let fake = stand.start(MySqlScript::Break {
            at: Stage::Login,
            fault: Fault::Raw(bytes),
        });
        let met = depth.meet(&patient(&stand.trusting(&fake)));
        let codes = [CODES.as_slice(), &["authentication_method_refused"]].concat();
        assert!((12..=15).contains(&met.exit), "{case:?}: {met:?}");
        assert!(codes.contains(&met.code.as_str()), "{case:?}: {met:?}");
    });
}

#[test]
fn a16_answers_of_another_shape_than_asked_for_give_typed_errors() {
    let stand = Stand::new();
    let shapes = |needle: &str| {
        [
            Reply::row(needle, [("one", "x".into())]),
            Reply::row(needle, [("number", 7.into())]),
            Reply::row(needle, [("nothing", Cell::Null), ("nothing", Cell::Null)]),
        ]
    };
    let questions = [
        (Script::from(PostgresScript::Honest), "pg_stat_ssl"),
        (MySqlScript::Honest.into(), "version()"),
        (MySqlScript::Honest.into(), "ssl_cipher"),
        (MySqlScript::Honest.into(), "show global variables"),
    ];
    let cases = questions
        .into_iter()
        .flat_map(|(script, needle)| shapes(needle).map(|reply| (script.clone(), needle, reply)));
    each(cases, |(script, needle, reply)| {
        let healthy = script.healthy();
        let accepted = needle == "version()" && reply.row.len() == 1;
        let replies = [vec![reply.clone()], healthy.replies].concat();
        let persona = Persona {
            replies,
            ..Persona::default()
        };
        let fake = Fake::start(persona, script, Some(identity(stand.ca())));
        let met = Depth::Check.meet(&stand.trusting(&fake));
        if accepted {
            // Any one text is a version.
            met.assert_passed(&reply);
        } else {
            met.assert_failed("session", "protocol_error", &reply);
        }
    });
}

/// Facts that a server states of itself are its own words.
#[test]
fn a06_facts_with_terminal_escapes_are_shown_without_them() {
    const STEERING: &str = "15\u{1b}[2J\r\u{9b}31m\u{202e}8";
    let stand = Stand::new();
    let facts = [
        ("version", STEERING.into()),
        ("read_only", "false".into()),
        ("encrypted", "true".into()),
    ];
    let cases = [
        (
            Script::from(PostgresScript::Honest),
            Reply::row("pg_stat_ssl", facts),
        ),
        (
            MySqlScript::Honest.into(),
            Reply::row("version()", [("version()", STEERING.into())]),
        ),
    ];
    each(cases, |(script, reply)| {
        let persona = Persona {
            replies: [vec![reply], script.healthy().replies].concat(),
            version: Some(STEERING.to_owned()),
            ..Persona::default()
        };
        let fake = Fake::start(persona, script, Some(identity(stand.ca())));
        let variables = stand.trusting(&fake);
        let met = Depth::Check.meet(&variables);
        met.assert_passed(&"escapes in the version");
        let version = met.report["server"]["version"].as_str().unwrap_or_default();
        super::meet::assert_printable(version);
        let outcome = crate::support::wa_db(&["check", "--role", "webapp", "-v"], &variables);
        super::meet::assert_printable(&outcome.stdout);
        super::meet::assert_printable(&outcome.stderr);
    });
}
