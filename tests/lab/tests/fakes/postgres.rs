//! PostgreSQL fakes outside SCRAM.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use wa_db_lab::fake::{
    Event, FakePostgres, Handshake, PostgresFlood, PostgresScript, Stage, postgres_authentication,
    postgres_error, postgres_old_error, postgres_ready,
};

use crate::client::{
    LIMIT, SSL_REQUEST, ask_tls, dial, identity, message, read_authentication, read_message,
    receive, receive_all, secure, start_up, startup_packet, try_secure,
};

fn start(script: PostgresScript) -> FakePostgres {
    FakePostgres::start(script, Some(identity())).unwrap()
}

#[test]
fn a01_refusal_says_n_and_records_that_nothing_follows() {
    let fake = start(PostgresScript::RefuseTls);
    let (stream, answer) = ask_tls(fake.port());
    assert_eq!(answer, b'N');
    drop(stream);
    assert!(fake.wait_ended(LIMIT));
    assert_eq!(fake.received(), SSL_REQUEST);
    assert_eq!(fake.connections(), 1);
    assert_eq!(fake.seen()[0].handshake, Handshake::NotReached);
}

#[test]
fn a01_refusal_tempts_a_client_that_goes_on_in_the_clear() {
    let fake = start(PostgresScript::RefuseTls);
    let (mut stream, _) = ask_tls(fake.port());
    stream.write_all(&startup_packet()).unwrap();
    assert_eq!(read_authentication(&mut stream).0, 3);
    stream.write_all(&message(b'p', b"canary\0")).unwrap();
    assert_eq!(read_authentication(&mut stream).0, 0);
    assert!(fake.received_contains(b"canary"));
    assert!(!fake.received_contains(b"another"));
    assert!(
        fake.events()
            .contains(&Event::ClearPassword(b"canary".to_vec()))
    );
}

#[test]
fn a02_to_a04_injected_bytes_come_in_the_segment_of_the_answer() {
    let injected = [postgres_authentication(0, b""), postgres_ready()].concat();
    let fake = start(PostgresScript::Inject {
        before: b"B".to_vec(),
        after: injected.clone(),
    });
    let mut stream = dial(fake.port());
    stream.write_all(SSL_REQUEST).unwrap();
    let mut bytes = [0; 256];
    let count = stream.read(&mut bytes).unwrap();
    assert_eq!(bytes[..count], [b"BS".as_slice(), &injected].concat());
    // Whoever throws the bytes away gets an honest server.
    assert_eq!(secure(stream).ssl().version_str(), "TLSv1.3");
}

#[test]
fn a05_a06_error_text_comes_before_tls_in_both_spellings() {
    let hostile = "\x1b[2J\x1b]0;owned\x07\r\nall is well";
    for error in [
        postgres_error("28000", hostile),
        postgres_old_error(hostile),
    ] {
        let fake = start(PostgresScript::AnswerInstead(error.clone()));
        let mut stream = dial(fake.port());
        stream.write_all(SSL_REQUEST).unwrap();
        assert_eq!(receive(&mut stream, error.len()), error);
    }
}

#[test]
fn a07_clear_and_md5_passwords_are_asked_for_inside_tls_and_recorded() {
    let cases = [
        (
            PostgresScript::AskClearPassword,
            3,
            Event::ClearPassword(b"canary".to_vec()),
        ),
        (
            PostgresScript::AskMd5Password,
            5,
            Event::HashedPassword(b"canary".to_vec()),
        ),
    ];
    for (script, kind, event) in cases {
        let fake = start(script);
        let mut stream = start_up(fake.port());
        assert_eq!(read_authentication(&mut stream).0, kind);
        stream.write_all(&message(b'p', b"canary\0")).unwrap();
        assert_eq!(read_authentication(&mut stream).0, 0);
        assert!(fake.events().contains(&event));
        let seen = &fake.seen()[0];
        assert_eq!(seen.plain, SSL_REQUEST);
        assert!(seen.secured.windows(6).any(|window| window == b"canary"));
        assert_eq!(seen.handshake, Handshake::Completed);
    }
}

#[test]
fn an_honest_session_answers_simple_queries() {
    let fake = start(PostgresScript::Trust);
    let mut stream = start_up(fake.port());
    assert_eq!(read_authentication(&mut stream).0, 0);
    while read_message(&mut stream).0 != b'Z' {}
    stream.write_all(&message(b'Q', b"SELECT 1\0")).unwrap();
    let tags: Vec<u8> = (0..4).map(|_| read_message(&mut stream).0).collect();
    assert_eq!(tags, b"TDCZ");
    stream.write_all(&message(b'X', b"")).unwrap();
    assert!(fake.wait_ended(LIMIT));
    let events = fake.events();
    assert_eq!(
        events[events.len() - 2..],
        [Event::Query("SELECT 1".into()), Event::Goodbye]
    );
}

#[test]
fn a_client_that_rejects_the_certificate_is_recorded() {
    let fake = start(PostgresScript::Honest);
    let (stream, _) = ask_tls(fake.port());
    let connector = openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls_client())
        .unwrap()
        .build();
    assert!(connector.connect("fake.lab", stream).is_err());
    assert!(fake.wait_ended(LIMIT));
    assert!(matches!(fake.seen()[0].handshake, Handshake::Failed(_)));
    assert!(fake.seen()[0].secured.is_empty());
}

#[test]
fn a15_a_dripping_handshake_comes_byte_by_byte() {
    // Where this machine stands still for a while, what has come meanwhile is read in one go.
    let tries: Vec<_> = (0..4).map(|_| dripped()).collect();
    let byte_by_byte = |reads: &Vec<usize>| reads.iter().all(|count| *count <= 1);
    assert!(tries.iter().any(byte_by_byte), "{tries:?}");
}

/// How many bytes each read of such a handshake got.
fn dripped() -> Vec<usize> {
    let fake = start(PostgresScript::Drip(Duration::from_millis(50)));
    let (stream, _) = ask_tls(fake.port());
    let reads = Arc::new(Mutex::new(Vec::new()));
    let watched = Watched {
        stream: stream.try_clone().unwrap(),
        reads: Arc::clone(&reads),
    };
    let handshake = thread::spawn(move || try_secure(watched).is_ok());
    let some = || {
        reads
            .lock()
            .unwrap()
            .iter()
            .filter(|count| **count > 0)
            .count()
    };
    let begin = Instant::now();
    while some() < 3 && begin.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fake.seen()[0].handshake, Handshake::Started);
    stream.shutdown(Shutdown::Both).unwrap();
    assert!(!handshake.join().unwrap());
    let reads = reads.lock().unwrap();
    let bytes = reads.iter().filter(|count| **count > 0).count();
    assert!(bytes >= 3, "{reads:?}");
    reads.clone()
}

/// Notes how many bytes each read got.
#[derive(Debug)]
struct Watched {
    stream: TcpStream,
    reads: Arc<Mutex<Vec<usize>>>,
}

impl Read for Watched {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(bytes)?;
        self.reads.lock().unwrap().push(count);
        Ok(count)
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[test]
fn a17_a_huge_message_claims_two_gibibytes_and_feeds_them_until_the_client_leaves() {
    let fake = start(PostgresScript::Flood {
        at: Stage::Login,
        flood: PostgresFlood::HugeMessage(b'E'),
    });
    let mut stream = start_up(fake.port());
    let head = receive(&mut stream, 5);
    assert_eq!(head, [b'E', 0x7f, 0xff, 0xff, 0xff]);
    let megabytes = receive(&mut stream, 8 << 20);
    assert!(megabytes.iter().all(|byte| *byte == b'M'));
    drop(stream);
    assert!(fake.wait_ended(LIMIT));
    assert!(fake.sent() > 8 << 20);
    assert!(fake.sent() < 64 << 20);
}

#[test]
fn a18_floods_are_whole_messages() {
    let cases = [
        (PostgresFlood::Notices, b'N'),
        (PostgresFlood::Parameters, b'S'),
        (PostgresFlood::Small, b'K'),
    ];
    for (flood, tag) in cases {
        let at = Stage::LoggedIn;
        let fake =
            FakePostgres::start(PostgresScript::Flood { at, flood }, Some(identity())).unwrap();
        let (stream, _) = ask_tls(fake.port());
        let mut stream = secure(stream);
        stream.write_all(&startup_packet()).unwrap();
        // The login is honest, so the flood stands behind SCRAM; a client that breaks off there
        // ends the fake.
        assert_eq!(read_authentication(&mut stream).0, 10);
        stream
            .write_all(&message(b'p', b"SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=a"))
            .unwrap();
        assert_eq!(read_authentication(&mut stream).0, 11);
        stream
            .write_all(&message(b'p', b"c=biws,r=a,p=AAAA"))
            .unwrap();
        assert_eq!(read_authentication(&mut stream).0, 12);
        assert_eq!(read_authentication(&mut stream).0, 0);
        for _ in 0..5000 {
            assert_eq!(read_message(&mut stream).0, tag, "{flood:?}");
        }
    }
}

#[test]
fn a18_rows_come_without_end_after_a_query() {
    let fake = FakePostgres::start(
        PostgresScript::Flood {
            at: Stage::Accepted,
            flood: PostgresFlood::Rows,
        },
        None,
    )
    .unwrap();
    let mut stream = dial(fake.port());
    assert_eq!(read_message(&mut stream).0, b'T');
    for _ in 0..5000 {
        assert_eq!(read_message(&mut stream).0, b'D');
    }
}

#[test]
fn a_dropped_flood_ends_though_the_client_does_not_read() {
    let at = Stage::Accepted;
    let flood = PostgresFlood::Notices;
    let fake = start(PostgresScript::Flood { at, flood });
    let _stuck = dial(fake.port());
    assert!(fake.wait_for(LIMIT, |seen| {
        seen.iter().any(|client| client.sent > 1 << 16)
    }));
    let begin = Instant::now();
    drop(fake);
    assert!(begin.elapsed() < LIMIT);
}

#[test]
fn a_dropped_fake_closes_its_connections_and_its_port_at_once() {
    let fake = start(PostgresScript::Honest);
    let (mut stream, _) = ask_tls(fake.port());
    let mut idle = dial(fake.port());
    assert!(fake.wait_for(LIMIT, |seen| seen.len() == 2));
    let port = fake.port();
    let begin = Instant::now();
    drop(fake);
    assert!(begin.elapsed() < LIMIT);
    assert!(receive_all(&mut stream).is_empty());
    assert!(receive_all(&mut idle).is_empty());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
