//! Ends of a session: closed in one direction, closed in order, broken off. What one side does, the
//! other sees.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use openssl::ssl::SslStream;
use socket2::SockRef;
use wa_db::endpoint::Engine;
use wa_db_lab::fake::{postgres_authentication, postgres_ready};
use wa_db_lab::pki::Leaf;

use super::cuts::acceptor;
use super::running::{PATIENCE, Tunnel};
use crate::hostile::stand::Stand;

/// What must live as long as a session.
struct Running {
    _tunnel: Tunnel,
    _stand: Stand,
}

/// Both ends of one session through a tunnel, past the login.
fn begin() -> (TcpStream, SslStream<TcpStream>, Running) {
    let stand = Stand::new();
    let issued = stand
        .ca()
        .issue(&Leaf::server().cn("db.lab").ip("127.0.0.1"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let variables = stand.leading_to(Engine::Postgres, port);
    let tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    let mut client = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
    client
        .write_all(b"\0\0\0\x12\0\x03\0\0user\0app\0\0")
        .unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    for stream in [&client, &accepted] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    accepted.read_exact(&mut [0; 8]).unwrap();
    accepted.write_all(b"S").unwrap();
    let mut server = acceptor(&issued).accept(accepted).unwrap();
    server.read_exact(&mut [0; 18]).unwrap();
    let ready = [postgres_authentication(0, b""), postgres_ready()].concat();
    server.write_all(&ready).unwrap();
    client.read_exact(&mut vec![0; ready.len()]).unwrap();
    let running = Running {
        _tunnel: tunnel,
        _stand: stand,
    };
    (client, server, running)
}

/// Lets the close that follows reset the connection.
fn resets(stream: &TcpStream) {
    SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

#[test]
fn client_that_is_done_sending_still_hears_the_rest() {
    let (mut client, mut server, _running) = begin();
    client.write_all(b"last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"last words", "and then the end");
    let answer = vec![7; 300_000];
    server.write_all(&answer).unwrap();
    server.shutdown().unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, answer);
}

#[test]
fn server_that_ends_in_order_is_heard_to_the_end() {
    let (mut client, mut server, _running) = begin();
    server.write_all(&vec![7; 300_000]).unwrap();
    server.shutdown().unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard.len(), 300_000);
}

#[test]
fn how_a_server_leaves_without_a_goodbye_is_passed_on() {
    for by_reset in [true, false] {
        let (mut client, mut server, _running) = begin();
        server.write_all(b"half of a mes").unwrap();
        client.read_exact(&mut [0; 13]).unwrap();
        // Without TLS's goodbye anyone on the way may have ended it.
        let stream = server.get_ref().try_clone().unwrap();
        if by_reset {
            resets(&stream);
        } else {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        drop((server, stream));
        let read = client.read(&mut [0; 16]).map_err(|error| error.kind());
        // Where the end of a stream is no more than that, the protocol tells that it was half a message.
        let expected = if by_reset {
            Err(ErrorKind::ConnectionReset)
        } else {
            Ok(0)
        };
        assert_eq!(read, expected, "{by_reset}");
    }
}

#[test]
fn client_that_breaks_off_is_no_end_to_the_server() {
    let (client, mut server, _running) = begin();
    resets(&client);
    drop(client);
    let error = server.read(&mut [0; 16]).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
        ),
        "{error:?}"
    );
}

#[test]
fn slow_reader_slows_the_writer_on_either_side() {
    let (mut client, mut server, _running) = begin();
    // More than every buffer on the way holds: a writer that is not slowed would be done.
    client
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let chunk = vec![7; 1 << 20];
    let mut written = 0_usize;
    while let Ok(count) = client.write(&chunk) {
        written += count;
        assert!(written < 1 << 30, "nothing slows the client");
    }
    assert!(written > 0);
    // Everything arrives once it is read.
    let mut heard = 0;
    let mut buffer = vec![0; 1 << 16];
    while heard < written {
        let count = server.read(&mut buffer).unwrap();
        assert!(count > 0, "{heard} of {written} arrived");
        heard += count;
    }
    assert_eq!(heard, written);
}
