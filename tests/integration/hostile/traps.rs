//! What the drivers would do if they were left to themselves, each shown not to happen.

use wa_db::endpoint::Engine;
use wa_db_lab::fake::{Event, Fault, MySqlScript, PostgresScript, Stage};
use wa_db_lab::pki::{Ca, Leaf, write_file, write_private};

use super::meet::Depth;
use super::stand::{Fake, SETTLED, Script, Stand, each, identity};
use super::turnstile::Turnstile;
use crate::support::{Variables, text, with};

fn honest() -> [Script; 2] {
    [PostgresScript::Honest.into(), MySqlScript::Honest.into()]
}

/// A fake whose certificate another CA signed, which the system's store trusts: the variables say
/// so to OpenSSL.
struct Attacker {
    fake: Fake,
    store: Variables,
}

impl Attacker {
    fn start(stand: &Stand, script: Script, name: &str) -> Self {
        let ca = Ca::root("a CA of the system's store");
        let file = stand.path(name);
        write_file(&file, ca.cert_pem());
        Self {
            fake: Fake::start(script.healthy(), script, Some(identity(&ca))),
            store: [("SSL_CERT_FILE".to_owned(), text(&file).to_owned())].into(),
        }
    }

    /// The same variables in an environment whose system store trusts the attacker.
    fn trusted_by_the_system(&self, mut variables: Variables) -> Variables {
        variables.extend(self.store.clone());
        variables
    }
}

#[test]
fn a20_garbage_in_the_ca_file_is_refused_though_the_system_store_trusts_the_server() {
    let stand = Stand::new();
    let own = Ca::root("root of a key");
    let contents: [(&str, Vec<u8>); 6] = [
        ("empty", Vec::new()),
        ("noise", vec![0xa5; 512]),
        ("words", b"this is no certificate\n".to_vec()),
        (
            "broken",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
        ),
        ("half", stand.ca().cert_pem().as_bytes()[..200].to_vec()),
        ("key", own.key().pkcs8_pem().into_bytes()),
    ];
    each(honest(), |script| {
        let engine = format!("{script:?}");
        let attacker = Attacker::start(&stand, script, &format!("{engine}.store.pem"));
        let variables = attacker.trusted_by_the_system(stand.trusting(&attacker.fake));
        for (name, content) in &contents {
            let file = stand.path(&format!("{engine}.{name}.pem"));
            write_private(&file, content);
            let met = Depth::Check.meet(&with(&variables, [("WA_DB_SSL_CA", text(&file))]));
            assert_eq!(
                (met.exit, met.stage.as_str()),
                (10, "settings"),
                "{name}: {met:?}"
            );
            assert!(met.printed.contains("WA_DB_SSL_CA"), "{name}: {met:?}");
        }
        assert_eq!(attacker.fake.connections(), 0, "{engine}");
        // Without a CA file the same server is good: the store does trust it.
        let system = with(&variables, [("WA_DB_SSL_CA", "")]);
        Depth::Check.meet(&system).assert_passed(&engine);
    });
}

#[test]
fn own_ca_replaces_the_system_store_for_dialer_and_drivers() {
    let stand = Stand::new();
    each(honest(), |script| {
        let engine = format!("{script:?}");
        let attacker = Attacker::start(&stand, script.clone(), &format!("{engine}.other.pem"));
        let first = attacker.trusted_by_the_system(stand.trusting(&attacker.fake));
        let met = Depth::Check.meet(&first);
        met.assert_failed("tls", "certificate_untrusted", &engine);

        // The drivers meet the attacker only after our own look met the right server: MySQL's for
        // the login, PostgreSQL's for the pool.
        let right = stand.start(script);
        let door = Turnstile::start(1, right.port(), attacker.fake.port());
        let variables =
            attacker.trusted_by_the_system(stand.leading_to(right.engine(), door.port()));
        let met = Depth::Check.meet(&variables);
        let stage = match right.engine() {
            Engine::Postgres => "pool",
            Engine::MySql => "tls",
        };
        met.assert_failed(stage, "certificate_untrusted", &engine);
        attacker.fake.assert_learnt_nothing(&engine);
        let events = attacker.fake.events();
        assert!(!events.contains(&Event::LoginStarted), "{events:?}");
    });
}

#[test]
fn every_block_of_a_ca_file_counts_whatever_stands_around_it() {
    let stand = Stand::new();
    let other = Ca::root("another root");
    let file = stand.path("several.pem");
    let several = format!(
        "# roots of the lab\n{}\nsome words between\n{}",
        other.cert_pem(),
        stand.ca().cert_pem()
    );
    write_file(&file, several);
    let cases = honest()
        .into_iter()
        .flat_map(|script| Depth::ALL.map(|depth| (depth, script.clone())));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let variables = with(&stand.trusting(&fake), [("WA_DB_SSL_CA", text(&file))]);
        case.0.meet(&variables).assert_passed(&case);
    });
}

#[test]
fn key_that_does_not_begin_at_the_files_first_byte_is_taken_by_both_drivers() {
    let stand = Stand::new();
    let client = stand.ca().issue(&Leaf::client().cn("app"));
    client.write_chain(&stand.path("client.pem"));
    let key = stand.path("client.key");
    write_private(
        &key,
        format!("Bag Attributes\n  friendlyName: app\n{}", client.key_pem()),
    );
    let cases = honest()
        .into_iter()
        .flat_map(|script| Depth::ALL.map(|depth| (depth, script.clone())));
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        let variables = with(
            &stand.trusting(&fake),
            [
                ("WA_DB_SSL_CERT", text(&stand.path("client.pem"))),
                ("WA_DB_SSL_KEY", text(&key)),
            ],
        );
        case.0.meet(&variables).assert_passed(&case);
    });
}

/// The versions that a `ClientHello` offers (RFC 8446, section 4.2.1), or the one of its body.
fn offered_versions(stream: &[u8]) -> Vec<u16> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    // The first record of a handshake, whose first message is a ClientHello.
    let start = stream
        .windows(6)
        .position(|window| window[0] == 22 && window[1] == 3 && window[5] == 1)
        .expect("a ClientHello was sent");
    let body = &stream[start + 9..];
    let legacy = u16::from_be_bytes([body[0], body[1]]);
    let mut rest = &body[34..];
    for width in [1, 2, 1] {
        // Session, suites, compression.
        let length = number(&rest[..width]);
        rest = &rest[width + length..];
    }
    let mut extensions = &rest[2..2 + number(&rest[..2])];
    while extensions.len() >= 4 {
        let (kind, length) = (number(&extensions[..2]), number(&extensions[2..4]));
        let content = &extensions[4..4 + length];
        if kind == 43 {
            return content[1..]
                .chunks(2)
                .map(|version| u16::from_be_bytes([version[0], version[1]]))
                .collect();
        }
        extensions = &extensions[4 + length..];
    }
    vec![legacy]
}

#[test]
fn nothing_below_tls_1_2_is_offered_even_where_the_system_allows_it() {
    const TLS_1_2: u16 = 0x0303;
    let stand = Stand::new();
    let lax = stand.path("openssl.cnf");
    write_file(
        &lax,
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n\
         [lax]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n",
    );
    let silent = |script: &Script| match script {
        Script::Postgres(_) => Script::from(PostgresScript::Break {
            at: Stage::Answered,
            fault: Fault::Silence,
        }),
        Script::MySql(_) => MySqlScript::Break {
            at: Stage::Answered,
            fault: Fault::Silence,
        }
        .into(),
    };
    each(honest(), |script| {
        let listening = stand.start(silent(&script));
        let right = stand.start(script);
        // Our own dialer first, then the driver.
        let door = Turnstile::start(1, right.port(), listening.port());
        for port in [listening.port(), door.port()] {
            let variables = with(
                &stand.leading_to(listening.engine(), port),
                [
                    ("WA_DB_CONNECT_TIMEOUT", "5s"),
                    ("OPENSSL_CONF", text(&lax)),
                ],
            );
            let met = Depth::Check.meet(&variables);
            assert_eq!(met.code, "timeout", "{met:?}");
        }
        assert!(listening.wait_ended(SETTLED));
        let hellos = listening.seen();
        assert_eq!(hellos.len(), 2, "one of the dialer, one of the driver");
        for hello in hellos {
            let versions = offered_versions(&hello.plain);
            assert!(
                versions.iter().all(|version| *version >= TLS_1_2),
                "{versions:x?}"
            );
            assert!(versions.contains(&TLS_1_2), "{versions:x?}");
        }
    });
}
