//! The whole exchange with its bytes cut at every position, in both directions: it means the same
//! however it arrives.

use std::io::{Read, Write};
use std::iter;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use wa_db_lab::pki::{Ca, Leaf, write_file};

use super::super::running::{PATIENCE, Tunnel};
use crate::support::text;

const SERVER_NONCE: &[u8; 20] = b"the nonce that count";
const PROOF: &[u8; 20] = b"proof of this client";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const AFTER: &[u8] = b"whatever follows the login";

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[length, 0, 0, sequence], payload].concat()
}

fn greeting() -> Vec<u8> {
    // All that a client of 4.1 needs, TLS, and methods by name.
    let payload = [
        b"\x0a8.4.6\0\x07\0\0\0".as_slice(),
        b"for noth\0\x00\xaa\x2d\x02\0\x08\0\x15",
        &[0; 10],
        b"ing at all!!\0mysql_native_password\0",
    ];
    packet(0, &payload.concat())
}

fn switch(sequence: u8) -> Vec<u8> {
    let payload = [
        b"\xfemysql_native_password\0".as_slice(),
        SERVER_NONCE,
        &[0],
    ];
    packet(sequence, &payload.concat())
}

fn response() -> Vec<u8> {
    let mut payload = 0x0008_8200_u32.to_le_bytes().to_vec();
    payload.extend((1_u32 << 24).to_le_bytes());
    payload.push(45);
    payload.resize(32, 0);
    payload.extend(b"app\0\x14for nothing: 20 byte");
    payload.extend(b"mysql_native_password\0");
    packet(1, &payload)
}

/// Sends the bytes in two pieces, with a rest between them that lets the first be read alone.
fn send_cut(stream: &mut impl Write, bytes: &[u8], cut: usize) {
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    stream.write_all(first).unwrap();
    stream.flush().unwrap();
    if !first.is_empty() && !second.is_empty() {
        thread::sleep(std::time::Duration::from_millis(2));
    }
    stream.write_all(second).unwrap();
    stream.flush().unwrap();
}

fn receive(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut header = [0; 4];
    stream.read_exact(&mut header).unwrap();
    let mut payload = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8];
    stream.read_exact(&mut payload).unwrap();
    (header[3], payload)
}

/// Plays the server once for each cut, and says what it was told.
fn serve(
    listener: &TcpListener,
    acceptor: &SslAcceptor,
    told: &mpsc::Sender<Vec<u8>>,
    cuts: Vec<usize>,
) {
    // The first connection is the tunnel's own, which learns the greeting.
    for (turn, cut) in iter::once(0).chain(cuts).enumerate() {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        send_cut(&mut stream, &greeting(), cut);
        let (sequence, request) = receive(&mut stream);
        assert_eq!((sequence, request.len()), (1, 32));
        let mut stream = acceptor.accept(stream).unwrap();
        if turn == 0 {
            continue;
        }
        let (sequence, response) = receive(&mut stream);
        assert_eq!(sequence, 2, "the request for TLS took one number");
        assert!(response.ends_with(b"app\0\0wa_db_tunnel\0"), "{response:?}");
        send_cut(&mut stream, &switch(3), cut);
        let (sequence, proof) = receive(&mut stream);
        assert_eq!(sequence, 4);
        told.send(proof).unwrap();
        send_cut(&mut stream, &packet(5, OK), cut);
        let mut after = [0; AFTER.len()];
        stream.read_exact(&mut after).unwrap();
        stream.write_all(&after).unwrap();
        let _ = stream.shutdown();
    }
}

#[test]
fn login_cut_at_every_position_in_both_directions_is_the_same_login() {
    let longest = greeting().len().max(switch(3).len()).max(response().len());
    let cuts: Vec<usize> = (0..=longest).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let ca = Ca::root("root of the split");
    let issued = ca.issue(&Leaf::server().cn("db.lab").ip("127.0.0.1"));
    write_file(&path("ca.pem"), ca.cert_pem());
    write_file(&path("chain.pem"), issued.chain_pem());
    write_file(&path("key.pem"), issued.key_pem());
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor
        .set_certificate_chain_file(path("chain.pem"))
        .unwrap();
    acceptor
        .set_private_key_file(path("key.pem"), SslFiletype::PEM)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, told) = mpsc::channel();
    let server_cuts = cuts.clone();
    let server = thread::spawn(move || serve(&listener, &acceptor.build(), &sender, server_cuts));
    let variables = [
        ("WA_DB_ENGINE", "MYSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &port.to_string()),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_SSL_CA", text(&path("ca.pem"))),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut tunnel = Tunnel::start(&["--listen", "127.0.0.1:0"], &variables);
    // Its own connection has to be the first.
    let mut learnt = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
    receive(&mut learnt);
    drop(learnt);
    for cut in cuts {
        let mut client = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
        client.set_nodelay(true).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (sequence, greeting) = receive(&mut client);
        assert_eq!((sequence, greeting.first()), (0, Some(&10)), "{cut}");
        assert!(
            !greeting.windows(8).any(|bytes| bytes == b"for noth"),
            "{cut}: the server's nonce"
        );
        send_cut(&mut client, &response(), cut);
        let (sequence, asked) = receive(&mut client);
        assert_eq!(packet(sequence, &asked), switch(2), "{cut}");
        send_cut(&mut client, &packet(3, PROOF), cut);
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), PROOF, "{cut}");
        assert_eq!(receive(&mut client), (4, OK.to_vec()), "{cut}");
        send_cut(&mut client, AFTER, cut);
        let mut after = [0; AFTER.len()];
        client.read_exact(&mut after).unwrap();
        assert_eq!(after, AFTER, "{cut}");
    }
    server.join().unwrap();
    assert!(tunnel.ended().is_none());
}
