//! Logins in which the server asks for too much or proves too little.

use std::time::Duration;

use wa_db_lab::fake::{Event, FAKE_PASSWORD, MySqlScript, PostgresScript, ScramFault, UnixTrap};

use super::meet::Depth;
use super::stand::{Script, Stand, each, unverified};
use crate::support::{check, with};

/// What "at once" means on a busy machine: before the deadline of the connection.
const AT_ONCE: Duration = Duration::from_secs(9);

#[test]
fn a07_unverified_server_gets_neither_the_password_nor_its_md5_hash() {
    let stand = Stand::new();
    let scripts = [
        PostgresScript::AskClearPassword,
        PostgresScript::AskMd5Password,
    ];
    each(Depth::ALL, |depth| {
        for script in &scripts {
            let case = (depth, script);
            let fake = stand.start(script.clone());
            let met = depth.meet(&unverified(&stand.trusting(&fake)));
            met.assert_failed("authenticate", "authentication_method_refused", &case);
            fake.assert_learnt_nothing(&case);
        }
    });
}

#[test]
fn a07_verified_server_may_ask_for_the_password() {
    let stand = Stand::new();
    each(Depth::ALL, |depth| {
        let fake = stand.start(PostgresScript::AskClearPassword);
        depth.meet(&stand.trusting(&fake)).assert_passed(&depth);
        assert!(fake.received_contains(FAKE_PASSWORD.as_bytes()));
    });
}

#[test]
fn a08_server_without_channel_binding_is_refused_where_it_is_required() {
    let stand = Stand::new();
    let scripts = [
        PostgresScript::Scram(ScramFault::PlusStripped),
        PostgresScript::Trust,
        PostgresScript::AskClearPassword,
        PostgresScript::AskMd5Password,
    ];
    each(Depth::ALL, |depth| {
        for script in &scripts {
            let case = (depth, script);
            let fake = stand.start(script.clone());
            let require = with(
                &stand.trusting(&fake),
                [("WA_DB_CHANNEL_BINDING", "require")],
            );
            let met = depth.meet(&require);
            met.assert_failed("authenticate", "channel_binding_unavailable", &case);
            assert!(met.took < AT_ONCE, "{case:?}: {met:?}");
            fake.assert_learnt_nothing(&case);
        }
        let fake = stand.start(PostgresScript::Honest);
        let require = with(
            &stand.trusting(&fake),
            [("WA_DB_CHANNEL_BINDING", "require")],
        );
        depth.meet(&require).assert_passed(&depth);
        assert!(
            fake.events()
                .contains(&Event::ScramMechanism("SCRAM-SHA-256-PLUS".into()))
        );
    });
}

#[test]
fn a09_server_that_does_not_prove_that_it_knows_the_password_is_refused() {
    let stand = Stand::new();
    let faults = [
        (ScramFault::WrongProof, "authentication_failed"),
        (ScramFault::OkWithoutProof, "authentication_failed"),
        (ScramFault::OkAfterFirst, "authentication_failed"),
        (
            ScramFault::ErrorProof("\u{1b}[2Jinvalid-proof".into()),
            "authentication_failed",
        ),
        (ScramFault::ForeignNonce, "protocol_error"),
        (
            ScramFault::UnknownMechanism,
            "authentication_method_refused",
        ),
    ];
    each(Depth::ALL, |depth| {
        for (fault, code) in &faults {
            let case = (depth, fault);
            let fake = stand.start(PostgresScript::Scram(fault.clone()));
            let met = depth.meet(&stand.trusting(&fake));
            met.assert_failed("authenticate", code, &case);
            assert!(met.took < AT_ONCE, "{case:?}: {met:?}");
            assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
            let events = fake.events();
            assert!(
                !events.iter().any(|event| matches!(event, Event::Query(_))),
                "{case:?}: {events:?}"
            );
        }
    });
}

#[test]
fn a10_iteration_count_out_of_bounds_is_refused_before_it_is_computed() {
    let stand = Stand::new();
    let counts = [0, 1, 4095, 1_000_001, (1 << 31) - 1, 1 << 31, u64::MAX];
    each(Depth::ALL, |depth| {
        for count in counts {
            let case = (depth, count);
            let fake = stand.start(PostgresScript::Scram(ScramFault::Iterations(count)));
            let met = depth.meet(&stand.trusting(&fake));
            met.assert_failed("authenticate", "authentication_method_refused", &case);
            assert!(met.took < AT_ONCE, "{case:?}: {met:?}");
            fake.assert_learnt_nothing(&case);
        }
    });
}

#[test]
fn a11_plugins_that_give_the_password_away_are_refused() {
    let stand = Stand::new();
    let scripts = [
        MySqlScript::SwitchTo("mysql_clear_password".into()),
        MySqlScript::SwitchTo("mysql_old_password".into()),
        MySqlScript::SwitchTo("\u{1b}[2Jdialog".into()),
        MySqlScript::OldSwitch,
    ];
    let cases = scripts
        .into_iter()
        .flat_map(|script| Depth::ALL.map(|depth| (depth, script.clone())));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let met = case.0.meet(&unverified(&stand.trusting(&fake)));
        met.assert_failed("authenticate", "authentication_method_refused", &case);
        fake.wait_ended(super::stand::SETTLED);
        assert!(
            !fake.received_contains(FAKE_PASSWORD.as_bytes()),
            "{case:?}"
        );
        let gave = fake.events().into_iter().any(|event| match event {
            Event::ClearPassword(_) => true,
            Event::HashedPassword(answer) => !answer.is_empty(),
            _ => false,
        });
        assert!(!gave, "{case:?}: {:?}", fake.events());
    });
}

#[test]
fn a12_full_authentication_over_unverified_tls_is_warned_of() {
    let stand = Stand::new();
    let fake = stand.start(MySqlScript::FullAuthentication);
    let variables = unverified(&stand.trusting(&fake));
    let met = Depth::Check.meet(&variables);
    met.assert_passed(&"verification off");
    let warned = met.report["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|stage| stage["stage"] == "tls")
        .map(|stage| (stage["status"].clone(), stage["warnings"].to_string()))
        .unwrap_or_default();
    assert_eq!(warned.0, "warn", "{met:?}");
    assert!(
        warned.1.contains("password") && warned.1.contains("not verified"),
        "{met:?}"
    );
    assert_eq!(met.report["tls"]["verified"], false);
    assert_eq!(met.report["tls"]["would_fail"], "certificate_untrusted");
    let strict = crate::support::wa_db(
        &["check", "--role", "webapp", "--format", "json", "--strict"],
        &variables,
    );
    assert_eq!(strict.code, 17, "{strict:?}");
    // The role that never goes unverified gives nothing away.
    let other = stand.start(MySqlScript::FullAuthentication);
    let coreapp = check("coreapp", &unverified(&stand.trusting(&other)));
    assert_eq!(
        coreapp.verdict(),
        (13, "certificate_untrusted".to_owned()),
        "{coreapp:?}"
    );
    other.assert_learnt_nothing(&"coreapp");
}

#[test]
fn a13_server_that_asks_for_a_local_file_gets_no_byte_of_it() {
    let stand = Stand::new();
    let file = stand.path("private.txt");
    std::fs::write(&file, "canary of the file").unwrap();
    each(Depth::ALL, |depth| {
        let fake = stand.start(MySqlScript::LocalInfile(file.clone()));
        let variables = unverified(&stand.trusting(&fake));
        // Makes the library, too, ask the server something.
        let met = depth.meet(&with(&variables, [("WA_DB_TARGET", "read-write")]));
        met.assert_failed("session", "protocol_error", &depth);
        assert!(met.printed.contains("local file"), "{met:?}");
        fake.assert_learnt_nothing(&depth);
        assert!(!fake.received_contains(b"canary of the file"));
    });
}

#[test]
fn a14_socket_that_the_server_names_is_never_dialled() {
    let stand = Stand::new();
    each(Depth::ALL, |depth| {
        let trap = UnixTrap::start(stand.path(&format!("{depth:?}.sock"))).unwrap();
        let script: Script = MySqlScript::NameSocket(trap.path().into()).into();
        let fake = stand.start(script);
        let met = depth.meet(&unverified(&stand.trusting(&fake)));
        met.assert_passed(&depth);
        assert_eq!(trap.connections(), 0, "{depth:?}");
        assert!(fake.wait_ended(super::stand::SETTLED));
        let asked = fake
            .events()
            .iter()
            .any(|event| matches!(event, Event::Query(query) if query.contains("@@socket")));
        assert!(!asked, "{depth:?}: {:?}", fake.events());
    });
}
