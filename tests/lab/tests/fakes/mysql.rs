//! MySQL fakes.

use std::io::{Read, Write};

use wa_db_lab::fake::{
    Event, FakeMySql, GreetingFault, Handshake, MySqlFlood, MySqlScript, Stage, UnixTrap,
    mysql_error, mysql_ok, mysql_packet,
};

use crate::client::{
    LIMIT, dial, handshake_response, identity, is_silent, log_in, query, read_packet, receive,
    receive_all, respond, secure, tls_request,
};

const CLIENT_SSL_HIGH_BYTE: u8 = 0x08;

fn start(script: MySqlScript) -> FakeMySql {
    FakeMySql::start(script, Some(identity())).unwrap()
}

/// Whether a greeting offers TLS: its capabilities follow the version, the id and half of the
/// challenge.
fn offers_tls(greeting: &[u8]) -> bool {
    let version = greeting.iter().position(|byte| *byte == 0).unwrap();
    greeting[version + 1 + 4 + 8 + 1 + 1] & CLIENT_SSL_HIGH_BYTE != 0
}

#[test]
fn a01_the_greeting_does_not_offer_tls_and_a_client_that_leaves_sent_nothing() {
    let fake = start(MySqlScript::RefuseTls);
    let mut stream = dial(fake.port());
    let (sequence, greeting) = read_packet(&mut stream);
    assert_eq!((sequence, greeting[0]), (0, 10));
    assert!(!offers_tls(&greeting));
    drop(stream);
    assert!(fake.wait_ended(LIMIT));
    assert!(fake.received().is_empty());

    let honest = start(MySqlScript::Honest);
    assert!(offers_tls(&read_packet(&mut dial(honest.port())).1));
}

#[test]
fn a01_refusal_tempts_a_client_that_goes_on_in_the_clear() {
    let fake = start(MySqlScript::RefuseTls);
    let mut stream = dial(fake.port());
    read_packet(&mut stream);
    stream.write_all(&handshake_response(1)).unwrap();
    let (_, demand) = read_packet(&mut stream);
    assert!(demand.starts_with(b"\xfemysql_clear_password\0"));
    stream.write_all(&mysql_packet(3, b"canary\0")).unwrap();
    assert_eq!(read_packet(&mut stream), (4, mysql_ok()));
    assert!(
        fake.events()
            .contains(&Event::ClearPassword(b"canary".to_vec()))
    );
    assert!(fake.received_contains(b"canary"));
}

#[test]
fn a02_to_a04_extra_packets_are_glued_to_the_greeting() {
    let extra = [mysql_packet(1, &mysql_ok()), mysql_packet(2, b"x")].concat();
    let fake = start(MySqlScript::Inject(extra.clone()));
    let mut stream = dial(fake.port());
    let mut bytes = [0; 512];
    let count = stream.read(&mut bytes).unwrap();
    assert!(bytes[..count].ends_with(&extra));
    // Whoever throws the packets away gets an honest server.
    stream.write_all(&tls_request()).unwrap();
    assert_eq!(secure(stream).ssl().version_str(), "TLSv1.3");
}

#[test]
fn a05_a06_an_error_comes_in_place_of_the_greeting() {
    let text = "\x1b[2J\x1b]0;owned\x07\r\nall is well";
    let fake = start(MySqlScript::ErrorGreeting {
        code: 1130,
        text: text.into(),
    });
    let (sequence, payload) = read_packet(&mut dial(fake.port()));
    assert_eq!((sequence, payload), (0, mysql_error(1130, None, text)));
}

#[test]
fn a11_the_fake_asks_for_another_plugin_and_takes_the_answer() {
    let cases = [
        (
            "mysql_clear_password",
            Event::ClearPassword(b"canary".to_vec()),
        ),
        (
            "mysql_old_password",
            Event::HashedPassword(b"canary\0".to_vec()),
        ),
    ];
    for (plugin, event) in cases {
        let fake = start(MySqlScript::SwitchTo(plugin.into()));
        let mut stream = respond(fake.port());
        let (sequence, demand) = read_packet(&mut stream);
        assert!(demand.starts_with(&[b"\xfe", plugin.as_bytes(), b"\0"].concat()));
        stream
            .write_all(&mysql_packet(sequence + 1, b"canary\0"))
            .unwrap();
        assert_eq!(read_packet(&mut stream), (sequence + 2, mysql_ok()));
        assert!(fake.events().contains(&event));
    }
}

#[test]
fn a11_the_old_switch_is_one_byte() {
    let fake = start(MySqlScript::OldSwitch);
    let mut stream = respond(fake.port());
    assert_eq!(read_packet(&mut stream), (3, vec![0xfe]));
}

#[test]
fn a12_full_authentication_records_the_password_inside_tls() {
    let fake = start(MySqlScript::FullAuthentication);
    let mut stream = respond(fake.port());
    assert_eq!(read_packet(&mut stream), (3, vec![1, 4]));
    stream.write_all(&mysql_packet(4, b"canary\0")).unwrap();
    assert_eq!(read_packet(&mut stream), (5, mysql_ok()));
    let seen = &fake.seen()[0];
    assert_eq!(seen.handshake, Handshake::Completed);
    assert!(
        seen.events
            .contains(&Event::ClearPassword(b"canary".to_vec()))
    );
    assert!(!seen.plain.windows(6).any(|window| window == b"canary"));
}

#[test]
fn a13_a_query_is_answered_with_a_demand_for_a_file() {
    let fake = start(MySqlScript::LocalInfile("/etc/hostname".into()));
    let mut stream = log_in(fake.port());
    stream.write_all(&query("SELECT 1")).unwrap();
    assert_eq!(read_packet(&mut stream), (1, b"\xfb/etc/hostname".to_vec()));
    assert!(
        !fake
            .events()
            .iter()
            .any(|event| matches!(event, Event::FileContent(_)))
    );
    stream.write_all(&mysql_packet(2, b"canary")).unwrap();
    stream.write_all(&mysql_packet(3, b"")).unwrap();
    assert_eq!(read_packet(&mut stream).1, mysql_ok());
    assert!(
        fake.events()
            .contains(&Event::FileContent(b"canary".to_vec()))
    );
}

#[test]
fn a14_the_socket_is_named_among_the_settings_and_the_trap_counts() {
    let directory = tempfile::tempdir().unwrap();
    let trap = UnixTrap::start(directory.path().join("trap.sock")).unwrap();
    let fake = start(MySqlScript::NameSocket(trap.path().into()));
    let mut stream = log_in(fake.port());
    stream
        .write_all(&query(
            "SELECT @@max_allowed_packet,@@wait_timeout,@@socket",
        ))
        .unwrap();
    assert_eq!(read_packet(&mut stream).1, [3]);
    for _ in 0..4 {
        read_packet(&mut stream);
    }
    let (_, row) = read_packet(&mut stream);
    let path = trap.path().to_str().unwrap();
    let expected = format!(
        "\x0867108864\x0528800{}{path}",
        char::from(u8::try_from(path.len()).unwrap())
    );
    assert_eq!(row, expected.as_bytes());
    assert_eq!(read_packet(&mut stream).1[0], 0xfe);

    assert_eq!(trap.connections(), 0);
    let mut dialled = std::os::unix::net::UnixStream::connect(trap.path()).unwrap();
    assert!(receive_all(&mut dialled).is_empty());
    assert_eq!(trap.connections(), 1);
    let path = trap.path().to_owned();
    drop(trap);
    assert!(!path.exists());
}

#[test]
fn a16_greetings_are_broken_as_told() {
    let whole = {
        let fake = start(MySqlScript::Honest);
        read_packet(&mut dial(fake.port())).1
    };
    // All but the cut greeting end in silence.
    let greeting = |fault, length| {
        let fake = start(MySqlScript::Greeting(fault));
        let mut stream = dial(fake.port());
        let bytes = receive(&mut stream, length);
        assert!(is_silent(&stream), "{fault:?}");
        bytes
    };
    let honest = mysql_packet(0, &whole);
    let short = mysql_packet(0, &whole[..9]);
    assert_eq!(greeting(GreetingFault::Short(9), short.len()), short);
    let fake = start(MySqlScript::Greeting(GreetingFault::Cut(9)));
    assert_eq!(receive_all(&mut dial(fake.port())), honest[..13]);
    let seventh = mysql_packet(7, &whole);
    assert_eq!(greeting(GreetingFault::Sequence(7), seventh.len()), seventh);
    let long = greeting(GreetingFault::Length(0x00ab_cdef), honest.len());
    assert_eq!(long[..4], [0xef, 0xcd, 0xab, 0]);
    assert_eq!(long[4..], whole);
    let ninth = greeting(GreetingFault::Protocol(9), honest.len());
    assert_eq!(ninth[4], 9);
}

#[test]
fn a17_a_huge_greeting_is_a_chain_of_full_packets() {
    let flood = MySqlFlood::HugePacket;
    let fake = FakeMySql::start(
        MySqlScript::Flood {
            at: Stage::Accepted,
            flood,
        },
        None,
    )
    .unwrap();
    let mut stream = dial(fake.port());
    for sequence in 0..3 {
        assert_eq!(receive(&mut stream, 4), [0xff, 0xff, 0xff, sequence]);
        assert_eq!(receive(&mut stream, 0x00ff_ffff).last(), Some(&10));
    }
    drop(stream);
    assert!(fake.wait_ended(LIMIT));
    assert!(fake.sent() < 128 << 20);
}

#[test]
fn a18_small_packets_keep_coming_in_sequence() {
    let flood = MySqlFlood::AuthData;
    let fake = start(MySqlScript::Flood {
        at: Stage::Login,
        flood,
    });
    let mut stream = respond(fake.port());
    for number in 3..2000_u16 {
        assert_eq!(
            read_packet(&mut stream),
            (number.to_le_bytes()[0], vec![1, 3])
        );
    }
}

#[test]
fn a18_rows_come_without_end_after_a_query() {
    let fake = start(MySqlScript::Flood {
        at: Stage::Ready,
        flood: MySqlFlood::Rows,
    });
    let mut stream = log_in(fake.port());
    stream.write_all(&query("SELECT 1")).unwrap();
    let head: Vec<_> = (0..3).map(|_| read_packet(&mut stream)).collect();
    assert_eq!(head[0], (1, vec![1]));
    assert_eq!(head[2].1[0], 0xfe);
    for number in 4..2000_u16 {
        assert_eq!(
            read_packet(&mut stream),
            (number.to_le_bytes()[0], b"\x01x".to_vec())
        );
    }
}
