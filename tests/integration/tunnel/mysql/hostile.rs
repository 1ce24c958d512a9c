//! Rows A through a tunnel: whatever the server does, the client hears of it in time, learns nothing
//! that steers its terminal, and the tunnel goes on.

use std::time::Duration;

use wa_db_lab::fake::{
    FAKE_PASSWORD, FakeMySql, Fault, GreetingFault, MySqlFlood, MySqlScript, Persona, Stage,
    TlsIdentity,
};
use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::Engine;

use super::programs::Place;
use super::stand::{Stand, app};
use crate::support::{Variables, text};

/// What "bounded" means on a busy machine; the deadline is 2 s.
const LIMIT: Duration = Duration::from_secs(30);

/// A CA that the tunnel trusts, and fakes that hold its certificate.
struct Lab {
    directory: tempfile::TempDir,
    ca: Ca,
}

impl Lab {
    fn new() -> Self {
        let (directory, ca) = (tempfile::tempdir().unwrap(), Ca::root("root of the fakes"));
        std::fs::write(directory.path().join("ca.pem"), ca.cert_pem()).unwrap();
        Self { directory, ca }
    }

    fn fake(&self, script: MySqlScript) -> FakeMySql {
        let issued = self.ca.issue(&Leaf::server().cn("db.lab").ip("127.0.0.1"));
        let identity = TlsIdentity {
            cert_chain_pem: issued.chain_pem(),
            key_pem: issued.key_pem(),
        };
        FakeMySql::start_as(Persona::healthy_mysql(), script, Some(identity)).unwrap()
    }

    fn trusting(&self, fake: &FakeMySql) -> Variables {
        [
            ("WA_DB_ENGINE", "MYSQL"),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &fake.port().to_string()),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_SSL_CA", text(&self.directory.path().join("ca.pem"))),
            ("WA_DB_CONNECT_TIMEOUT", "2s"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// What a client hears that logs in through a tunnel before this server, and that the tunnel
    /// lives on.
    fn heard(&self, script: &MySqlScript) -> (String, FakeMySql) {
        let fake = self.fake(script.clone());
        let mut stand = Stand::start(&[], &self.trusting(&fake));
        let place = Place::Unix(stand.socket());
        let finished = app(Engine::MySql, &place, FAKE_PASSWORD).try_run("SELECT 1");
        assert_ne!(finished.code, Some(0), "{script:?}: {finished:?}");
        assert!(finished.took < LIMIT, "{script:?}: {finished:?}");
        assert!(stand.ended().is_none(), "{script:?}: {}", stand.log());
        let log = stand.log();
        for steering in ["\u{1b}", "\u{9b}", "panicked"] {
            assert!(!log.contains(steering), "{script:?}: {log}");
        }
        assert!(!log.contains(FAKE_PASSWORD), "{script:?}");
        (finished.stderr, fake)
    }
}

#[test]
fn a01_a02_a03_a04_server_without_tls_or_with_bytes_before_it_gets_nothing() {
    let lab = Lab::new();
    let forged = b"\x07\0\0\x02\0\0\0\x02\0\0\0".to_vec();
    for (script, code) in [
        (MySqlScript::RefuseTls, "tls_refused"),
        (MySqlScript::Inject(forged), "tls_protocol"),
    ] {
        let (heard, fake) = lab.heard(&script);
        let words = format!("wa-db tunnel: {code}: ");
        assert!(
            heard.contains(&words) && heard.contains("hint: "),
            "{heard}"
        );
        assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
        assert!(!fake.received_contains(b"wa_db_tunnel"));
    }
}

#[test]
fn a05_a06_error_before_tls_is_marked_as_hearsay_and_steers_nothing() {
    let lab = Lab::new();
    let (heard, _) = lab.heard(&MySqlScript::ErrorGreeting {
        code: 1040,
        text: "\u{1b}[2Jgone\u{9b}31m".to_owned(),
    });
    assert!(
        heard.contains("server_error") && heard.contains("unverified text from the peer"),
        "{heard}"
    );
    assert!(
        !heard.contains('\u{1b}') && !heard.contains('\u{9b}'),
        "{heard:?}"
    );
}

#[test]
fn a15_server_that_falls_silent_is_told_as_a_timeout() {
    let lab = Lab::new();
    for at in [
        Stage::Accepted,
        Stage::Answered,
        Stage::Hello,
        Stage::Secured,
        Stage::Login,
    ] {
        let fault = Fault::Silence;
        let (heard, _) = lab.heard(&MySqlScript::Break { at, fault });
        assert!(heard.contains("wa-db tunnel: timeout: "), "{at:?}: {heard}");
    }
}

#[test]
fn a16_a17_a18_broken_and_flooding_servers_end_the_session_alone() {
    let lab = Lab::new();
    let stages = [
        Stage::Accepted,
        Stage::Answered,
        Stage::Hello,
        Stage::Secured,
        Stage::Login,
    ];
    let broken = stages.into_iter().flat_map(|at| {
        [Fault::Reset, Fault::HttpBanner, Fault::Random { seed: 7 }]
            .map(|fault| MySqlScript::Break { at, fault })
    });
    let greetings = [
        GreetingFault::Short(20),
        GreetingFault::Cut(30),
        GreetingFault::Sequence(1),
        GreetingFault::Length(0x00ff_ffff),
        GreetingFault::Protocol(9),
    ]
    .map(MySqlScript::Greeting);
    let floods = [MySqlFlood::HugePacket, MySqlFlood::AuthData].map(|flood| MySqlScript::Flood {
        at: Stage::Login,
        flood,
    });
    for script in broken.chain(greetings).chain(floods) {
        let (heard, fake) = lab.heard(&script);
        // Of the second word on its proof the client makes nothing, before the tunnel has seen enough.
        let is_heard = heard.contains("wa-db tunnel: ") || heard.contains("Malformed packet");
        assert!(is_heard, "{script:?}: {heard}");
        assert!(
            !fake.received_contains(FAKE_PASSWORD.as_bytes()),
            "{script:?}"
        );
    }
}
