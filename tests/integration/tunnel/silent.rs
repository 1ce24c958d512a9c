//! Clients that say nothing, or nothing that has a meaning: no server ever hears of them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use wa_db_lab::fake::PostgresScript;

use super::running::{PATIENCE, Tunnel};
use crate::hostile::stand::Stand;
use crate::support::{text, with};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

#[test]
fn client_that_says_nothing_is_dropped_at_the_deadline_without_a_connection_to_the_server() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Honest);
    let variables = with(&stand.trusting(&fake), [("WA_DB_CONNECT_TIMEOUT", "1s")]);
    let socket = stand.path(".s.PGSQL.5432");
    let place = format!("unix:{}", text(&socket));
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0", "--listen", &place], &variables);
    let startup = b"\0\0\0\x20\0\x03\0\0user\0";
    for said in [&b""[..], b"\0\0\0", &SSL_REQUEST, &GSSENC_REQUEST, startup] {
        let start = Instant::now();
        let tcp = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_dropped(tcp, start, said);
        let start = Instant::now();
        let unix = UnixStream::connect(&socket).unwrap();
        unix.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_dropped(unix, start, said);
    }
    assert_eq!(fake.connections(), 0);
}

/// The time counts from before the connection: the tunnel's own may begin before we go on.
fn assert_dropped(mut stream: impl Read + Write, start: Instant, said: &[u8]) {
    stream.write_all(said).unwrap();
    let mut heard = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut heard);
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{said:?}: {:?}",
        start.elapsed()
    );
    assert!(start.elapsed() < PATIENCE, "{said:?}: not dropped");
    assert!(heard.len() <= 1, "{said:?}: {heard:?}");
}

#[test]
fn client_that_speaks_another_protocol_is_dropped_without_a_connection_to_the_server() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Honest);
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &stand.trusting(&fake));
    let many_requests = [
        &SSL_REQUEST[..],
        &GSSENC_REQUEST,
        &SSL_REQUEST,
        &SSL_REQUEST,
    ]
    .concat();
    for said in [
        &b"GET / HTTP/1.1\r\nHost: db\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\x07\0\x03\0\0",
        b"\0\0\xff\xff\0\x03\0\0",
        &[0xff; 4096],
        &many_requests,
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(said).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        assert!(
            heard.iter().all(|byte| *byte == b'N'),
            "{said:?}: {heard:?}"
        );
    }
    assert_eq!(fake.connections(), 0);
}

#[test]
fn requests_for_encryption_are_answered_by_what_the_listener_has() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Honest);
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &stand.trusting(&fake));
    let mut stream = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
    for request in [GSSENC_REQUEST, SSL_REQUEST] {
        stream.write_all(&request).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }
    stream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(fake.connections(), 0);
}
