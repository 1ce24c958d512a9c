//! Servers that send without end: the connection ends, and memory stays bounded.

use std::time::Duration;

use wa_db::endpoint::Engine;
use wa_db_lab::fake::{MySqlFlood, MySqlScript, PostgresFlood, PostgresScript, Stage, TlsIdentity};
use wa_db_lab::pki::Leaf;

use super::meet::{Depth, Met, connect_apart, connect_as_child, is_child};
use super::stand::{Fake, Script, Stand, each, unverified};
use crate::support::{Variables, with};

/// Resident memory that the process may reach, in KiB.
const MEMORY: u64 = 64 * 1024;
/// The same for a service logged in to a MySQL server that nobody verified: it takes packets of up to 64 MiB,
/// since its own rows may be as long, and the driver holds one twice while it reads it.
const MEMORY_WITH_PACKETS: u64 = 256 * 1024;
/// The longest that a flood may keep a process busy: the deadlines below, and its start and end on
/// a busy machine. The floods themselves last 20 s.
const ENDS: Duration = Duration::from_secs(12);

fn postgres_floods() -> Vec<Script> {
    use PostgresFlood::{HugeMessage, Notices, Parameters, Rows, Small};
    [
        (Stage::Accepted, HugeMessage(b'E')),
        (Stage::Answered, Notices),
        (Stage::Hello, Notices),
        (Stage::Secured, HugeMessage(b'E')),
        (Stage::Login, HugeMessage(b'N')),
        (Stage::Login, HugeMessage(b'R')),
        (Stage::Login, HugeMessage(b'E')),
        (Stage::Login, Notices),
        (Stage::Login, Parameters),
        (Stage::Login, Small),
        (Stage::LoggedIn, HugeMessage(b'S')),
        (Stage::LoggedIn, Notices),
        (Stage::LoggedIn, Parameters),
        (Stage::LoggedIn, Small),
        (Stage::Ready, HugeMessage(b'D')),
        (Stage::Ready, HugeMessage(b'T')),
        (Stage::Ready, Notices),
        (Stage::Ready, Parameters),
        (Stage::Ready, Rows),
    ]
    .map(|(at, flood)| PostgresScript::Flood { at, flood }.into())
    .into()
}

fn mysql_floods() -> Vec<Script> {
    use MySqlFlood::{AuthData, HugePacket, Rows};
    [
        // A greeting without end.
        (Stage::Accepted, HugePacket),
        (Stage::Answered, HugePacket),
        (Stage::Hello, HugePacket),
        (Stage::Secured, HugePacket),
        (Stage::Login, HugePacket),
        (Stage::Login, AuthData),
        (Stage::LoggedIn, HugePacket),
        (Stage::Ready, HugePacket),
        (Stage::Ready, Rows),
    ]
    .map(|(at, flood)| MySqlScript::Flood { at, flood }.into())
    .into()
}

fn floods() -> impl Iterator<Item = Script> {
    postgres_floods().into_iter().chain(mysql_floods())
}

fn bounded(variables: &Variables) -> Variables {
    with(
        variables,
        [
            ("WA_DB_CONNECT_TIMEOUT", "2s"),
            ("WA_DB_READ_TIMEOUT", "2s"),
            // Makes the library, too, ask the server something.
            ("WA_DB_TARGET", "read-write"),
        ],
    )
}

fn assert_bounded(met: &Met, memory: u64, case: &Script) {
    assert_ne!(met.exit, 0, "{case:?}: {met:?}");
    assert!(met.took < ENDS, "{case:?}: {met:?}");
    assert!(met.peak > 0, "{case:?}: memory was not measured");
    assert!(
        met.peak < memory,
        "{case:?}: {} KiB were resident: {met:?}",
        met.peak
    );
}

#[test]
fn a17_a18_flood_ends_a_check_within_bounds() {
    let stand = Stand::new();
    each(floods(), |script| {
        let fake = stand.start(script.clone());
        let met = Depth::Check.meet(&bounded(&stand.trusting(&fake)));
        assert_bounded(&met, MEMORY, &script);
        if fake.engine() == Engine::Postgres {
            assert_eq!(fake.connections(), 1, "{script:?}: dialled again: {met:?}");
        }
    });
}

/// The library's connection in a process of its own, so that its memory can be told from the other
/// tests': this test run again, with a variable that tells it to.
#[test]
fn a17_a18_flood_ends_a_services_connection_within_bounds() {
    const NAME: &str = "hostile::floods::a17_a18_flood_ends_a_services_connection_within_bounds";
    if is_child() {
        return connect_as_child();
    }
    let stand = Stand::new();
    each(floods(), |script| {
        let fake = stand.start(script.clone());
        let takes_packets = matches!(
            script,
            Script::MySql(MySqlScript::Flood {
                at: Stage::LoggedIn | Stage::Ready,
                flood: MySqlFlood::HugePacket
            })
        );
        // A verified server's rows may be as long as the protocol lets them be: the driver has one
        // bound for the whole connection. Whoever is not verified gets a smaller one.
        let trusting = stand.trusting(&fake);
        let (memory, variables) = if takes_packets {
            (MEMORY_WITH_PACKETS, unverified(&trusting))
        } else {
            (MEMORY, trusting)
        };
        let met = connect_apart(NAME, &bounded(&variables));
        assert_bounded(&met, memory, &script);
    });
}

#[test]
fn a06_names_of_a_certificate_that_does_not_fit_are_hearsay_and_a_few_of_them() {
    let stand = Stand::new();
    let names = (0..40).map(|number| format!("n{number}.lab"));
    let leaf = names.fold(Leaf::server(), |leaf, name| leaf.dns(&name));
    let issued = stand.ca().issue(&leaf);
    let scripts = [
        Script::from(PostgresScript::Honest),
        MySqlScript::Honest.into(),
    ];
    each(scripts, |script| {
        let identity = TlsIdentity {
            cert_chain_pem: issued.chain_pem(),
            key_pem: issued.key_pem(),
        };
        let fake = Fake::start(script.healthy(), script, Some(identity));
        let met = Depth::Check.meet(&stand.trusting(&fake));
        met.assert_failed("tls", "hostname_mismatch", &"many names");
        let stages = met.report["stages"].as_array().cloned().unwrap_or_default();
        let message = stages
            .iter()
            .find_map(|stage| stage["error"]["message"].as_str())
            .unwrap_or_default();
        for words in [
            "unverified text from the peer: \"DNS:n0.lab",
            "DNS:n7.lab\" and 32 more",
        ] {
            assert!(message.contains(words), "{words}: {message}");
        }
        assert!(!message.contains("n8.lab"), "{message}");
    });
}
