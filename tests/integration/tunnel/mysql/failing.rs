//! Sessions that do not come to be, and what the client hears of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use wa_db_lab::fake::{Event, FAKE_PASSWORD, FakeMySql, MySqlScript, Persona, TlsIdentity};
use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::{Engine, TestServers};

use super::super::running::PATIENCE;
use super::programs::{Place, Program};
use super::stand::{ENGINES, Stand, app, trusting};
use crate::support::{Variables, closed_port, with};

/// A fake that shows a certificate for 127.0.0.1 of nobody that is trusted.
fn fake(script: MySqlScript) -> FakeMySql {
    let issued = Ca::root("unknown root").issue(&Leaf::server().cn("db.lab").ip("127.0.0.1"));
    let identity = TlsIdentity {
        cert_chain_pem: issued.chain_pem(),
        key_pem: issued.key_pem(),
    };
    FakeMySql::start_as(Persona::healthy_mysql(), script, Some(identity)).unwrap()
}

fn leading_to(port: u16) -> Variables {
    [
        ("WA_DB_ENGINE", "MYSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &port.to_string()),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", FAKE_PASSWORD),
        ("WA_DB_CONNECT_TIMEOUT", "5s"),
        ("WA_DB_SSL_VERIFY", "off"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[test]
fn server_that_was_never_reached_is_told_in_place_of_a_greeting() {
    let port = closed_port().parse().unwrap();
    let stand = Stand::start(&[], &leading_to(port));
    for place in stand.places() {
        for client in ENGINES {
            let failed = app(client, &place, "x").try_run("SELECT 1");
            let said = &failed.stderr;
            for word in [
                "1105",
                "wa-db tunnel: connection_refused",
                "hint: check WA_DB_PORT",
            ] {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
    }
}

#[test]
fn server_that_went_away_or_is_not_trusted_any_more_is_told_with_code_and_hint() {
    let servers = TestServers::exclusive();
    for engine in ENGINES {
        let server = servers.of(engine);
        let stand = Stand::before(server, &servers);
        let [tcp, unix] = stand.places();
        let program = app(engine, &tcp, server.password());
        program.run("SELECT 1");
        let impostor = Ca::root("wa-db lab root").issue(&TestServers::leaf());
        server.present(&impostor);
        for place in [&tcp, &unix] {
            let failed = app(engine, place, server.password()).try_run("SELECT 1");
            let said = &failed.stderr;
            assert!(
                said.contains("wa-db tunnel: certificate_untrusted") && said.contains("hint: "),
                "{said}"
            );
        }
        server.present(servers.certificate());
        program.run("SELECT 1");
    }
}

#[test]
fn a11_unverified_server_does_not_get_a_password_by_a_method_that_gives_it_away() {
    for method in [
        "mysql_clear_password",
        "dialog",
        "sha256_password",
        "mysql_old_password",
    ] {
        let fake = fake(MySqlScript::SwitchTo(method.into()));
        let stand = Stand::start(&[], &leading_to(fake.port()));
        for place in stand.places() {
            let program = app(Engine::MySql, &place, FAKE_PASSWORD);
            let failed = program
                .with(&["--enable-cleartext-plugin"])
                .try_run("SELECT 1");
            assert!(
                failed.stderr.contains("authentication_method_refused"),
                "{method}: {failed:?}"
            );
        }
        assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
    }
}

#[test]
fn a12_full_authentication_for_an_unverified_server_is_warned_of() {
    for place_of in [
        |stand: &Stand| Place::Tcp(stand.port()),
        |stand: &Stand| Place::Unix(stand.socket()),
    ] {
        let fake = fake(MySqlScript::SwitchToFullAuthentication);
        let stand = Stand::start(&[], &leading_to(fake.port()));
        let program = app(Engine::MySql, &place_of(&stand), FAKE_PASSWORD);
        // What the fake answers to a query is of no interest here.
        let _ = program.try_run("SELECT 1");
        let password = Event::ClearPassword(FAKE_PASSWORD.into());
        assert!(fake.events().contains(&password), "{:?}", fake.events());
        let log = stand.log();
        assert!(log.contains("not verified (WA_DB_SSL_VERIFY)"), "{log}");
    }
}

#[test]
fn a12_full_authentication_before_a_method_was_named_gets_nothing() {
    let fake = fake(MySqlScript::FullAuthentication);
    let stand = Stand::start(&[], &leading_to(fake.port()));
    for place in stand.places() {
        let failed = app(Engine::MySql, &place, FAKE_PASSWORD).try_run("SELECT 1");
        assert!(
            failed.stderr.contains("wa-db tunnel: protocol_error"),
            "{failed:?}"
        );
    }
    assert!(!fake.received_contains(FAKE_PASSWORD.as_bytes()));
}

#[test]
fn client_that_says_nothing_causes_no_connection_and_is_dropped_at_the_deadline() {
    let fake = fake(MySqlScript::HonestNative);
    let variables = with(&leading_to(fake.port()), [("WA_DB_CONNECT_TIMEOUT", "1s")]);
    let mut stand = Stand::start(&[], &variables);
    // The greeting is learnt by a connection of the tunnel's own, which clients wait for.
    stand.wait_for_log("the server can be reached");
    let mut first = TcpStream::connect(("127.0.0.1", stand.port())).unwrap();
    let mut header = [0; 4];
    first.read_exact(&mut header).unwrap();
    let before = fake.connections();
    let mut silent = TcpStream::connect(("127.0.0.1", stand.port())).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut greeting = Vec::new();
    silent.read_to_end(&mut greeting).expect("it is dropped");
    assert_eq!(greeting.get(4), Some(&10), "{greeting:?}");
    assert_eq!(fake.connections(), before);
}

#[test]
fn client_that_knows_no_methods_or_no_protocol_is_told_so() {
    let servers = TestServers::shared();
    let stand = Stand::start(&[], &trusting(servers.of(Engine::MySql), &servers));
    let response = |flags: u32| {
        let mut payload = flags.to_le_bytes().to_vec();
        payload.extend((1_u32 << 24).to_le_bytes());
        payload.push(45);
        payload.resize(32, 0);
        payload.extend(b"app\0\0");
        let length = u8::try_from(payload.len()).unwrap();
        [&[length, 0, 0, 1], payload.as_slice()].concat()
    };
    for (bytes, number) in [
        // CLIENT_PROTOCOL_41 and CLIENT_SECURE_CONNECTION, but no CLIENT_PLUGIN_AUTH.
        (response(0x8200), 1251_u16),
        (response(0), 1043),
    ] {
        let mut client = TcpStream::connect(("127.0.0.1", stand.port())).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        read_packet(&mut client);
        client.write_all(&bytes).unwrap();
        let said = read_packet(&mut client);
        assert_eq!(
            said.get(..3),
            Some(&[&[0xff], number.to_le_bytes().as_slice()].concat()[..])
        );
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
    }
}

#[test]
fn client_with_another_servers_key_is_told_what_to_do() {
    let servers = TestServers::exclusive();
    let server = servers.of(Engine::MySql);
    server.sql("FLUSH PRIVILEGES");
    let stand = Stand::before(server, &servers);
    let key = openssl::rsa::Rsa::generate(2048).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key.public_key_to_pem().unwrap()).unwrap();
    let path = format!("--server-public-key-path={}", file.path().display());
    let place = Place::Tcp(stand.port());
    let program = Program::new(Engine::MySql, &place, "app", server.password());
    let failed = program.with(&[&path]).try_run("SELECT 1");
    let said = &failed.stderr;
    assert!(
        said.contains("authentication_failed") && said.contains("--get-server-public-key"),
        "{said}"
    );
}

fn read_packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).unwrap();
    let mut payload = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8];
    stream.read_exact(&mut payload).unwrap();
    payload
}
