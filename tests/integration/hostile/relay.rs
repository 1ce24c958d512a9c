//! The driver behind the relay is no laxer than on a connection of its own: a Unix socket, which it
//! takes for a safe place, leads to the same servers.

use std::time::Duration;

use wa_db_lab::fake::{
    Event, FAKE_PASSWORD, Fault, GreetingFault, MySqlFlood, MySqlScript, Stage, UnixTrap,
};

use super::meet::Depth;
use super::stand::{SETTLED, Stand, each, unverified};
use crate::support::{Variables, with};

/// The variables with a policy that the driver's own TLS could not say.
fn wire(variables: &Variables) -> Variables {
    with(variables, [("WA_DB_SECURITY_LEVEL", "OLD")])
}

#[test]
fn a11_plugins_that_give_the_password_away_are_refused_behind_the_relay() {
    let stand = Stand::new();
    let scripts = [
        MySqlScript::SwitchTo("mysql_clear_password".into()),
        MySqlScript::SwitchTo("mysql_old_password".into()),
        MySqlScript::SwitchTo("sha256_password".into()),
        MySqlScript::SwitchTo("\u{1b}[2Jdialog".into()),
        MySqlScript::OldSwitch,
    ];
    each(scripts, |script| {
        let fake = stand.start(script.clone());
        let variables = wire(&unverified(&stand.trusting(&fake)));
        let met = Depth::Library.meet(&variables);
        met.assert_failed("authenticate", "authentication_method_refused", &script);
        assert!(fake.wait_ended(SETTLED), "{script:?}");
        assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
        let gave = fake.events().into_iter().any(|event| match event {
            Event::ClearPassword(_) => true,
            Event::HashedPassword(answer) => !answer.is_empty(),
            _ => false,
        });
        assert!(!gave, "{script:?}: {:?}", fake.events());
    });
}

#[test]
fn a12_full_authentication_goes_to_a_verified_server_only_or_where_verification_is_off() {
    let stand = Stand::new();
    let fake = stand.start(MySqlScript::FullAuthentication);
    let trusting = wire(&stand.trusting(&fake));
    Depth::Library.meet(&trusting).assert_passed(&"verified");
    assert!(fake.received_contains(FAKE_PASSWORD.as_bytes()));
    let other = stand.start(MySqlScript::FullAuthentication);
    let strangers = with(&wire(&stand.trusting(&other)), [("WA_DB_SSL_CA", "")]);
    let met = Depth::Library.meet(&strangers);
    met.assert_failed("tls", "certificate_untrusted", &"not verified");
    other.assert_learnt_nothing(&"not verified");
}

#[test]
fn a13_a14_files_and_sockets_that_the_server_asks_for_stay_untouched_behind_the_relay() {
    let stand = Stand::new();
    let file = stand.path("private.txt");
    std::fs::write(&file, "canary of the file").unwrap();
    let fake = stand.start(MySqlScript::LocalInfile(file));
    let variables = wire(&unverified(&stand.trusting(&fake)));
    let met = Depth::Library.meet(&with(&variables, [("WA_DB_TARGET", "read-write")]));
    met.assert_failed("session", "protocol_error", &"local file");
    fake.assert_learnt_nothing(&"local file");
    assert!(!fake.received_contains(b"canary of the file"));

    let trap = UnixTrap::start(stand.path("trap.sock")).unwrap();
    let fake = stand.start(MySqlScript::NameSocket(trap.path().into()));
    let met = Depth::Library.meet(&wire(&unverified(&stand.trusting(&fake))));
    met.assert_passed(&"socket");
    assert_eq!(trap.connections(), 0);
    assert!(fake.wait_ended(SETTLED));
}

#[test]
fn a01_a15_a16_a18_servers_that_break_off_or_never_stop_end_the_connection_behind_the_relay() {
    let stand = Stand::new();
    let broken = Stage::ALL.into_iter().flat_map(|at| {
        [
            Fault::Reset,
            Fault::Close,
            Fault::HttpBanner,
            Fault::Random { seed: 3 },
        ]
        .map(|fault| MySqlScript::Break { at, fault })
    });
    let flooding = [Stage::Login, Stage::LoggedIn].into_iter().flat_map(|at| {
        [MySqlFlood::HugePacket, MySqlFlood::AuthData].map(|flood| MySqlScript::Flood { at, flood })
    });
    let greetings = [
        GreetingFault::Short(20),
        GreetingFault::Cut(30),
        GreetingFault::Sequence(1),
        GreetingFault::Length(0x00ff_ffff),
    ]
    .map(MySqlScript::Greeting);
    let scripts = broken.chain(flooding).chain(greetings);
    each(scripts.chain([MySqlScript::RefuseTls]), |script| {
        let fake = stand.start(script.clone());
        let hurried = with(
            &wire(&stand.trusting(&fake)),
            [
                ("WA_DB_CONNECT_TIMEOUT", "2s"),
                ("WA_DB_READ_TIMEOUT", "2s"),
                ("WA_DB_TARGET", "read-write"),
            ],
        );
        let met = Depth::Library.meet(&hurried);
        assert!((12..=15).contains(&met.exit), "{script:?}: {met:?}");
        assert!(met.took < Duration::from_secs(15), "{script:?}: {met:?}");
        if script == MySqlScript::RefuseTls {
            met.assert_failed("tls", "tls_refused", &script);
            fake.assert_learnt_nothing(&script);
        }
        assert!(fake.wait_ended(SETTLED), "{script:?}");
    });
}
