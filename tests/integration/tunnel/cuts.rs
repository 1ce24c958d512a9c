//! A login whose bytes are cut at every position, on either leg: what arrives is the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::X509;
use wa_db_lab::fake::{
    postgres_authentication, postgres_message, postgres_notice, postgres_parameter, postgres_ready,
};
use wa_db_lab::pki::{Issued, Leaf};

use super::running::{PATIENCE, Tunnel};
use crate::hostile::stand::Stand;
use wa_db::endpoint::Engine;

/// What each side says in turn. Nobody checks the proofs: the tunnel does not know the password.
struct Exchange {
    client: [Vec<u8>; 4],
    server: [Vec<u8>; 4],
}

impl Exchange {
    fn new() -> Self {
        let choice = [
            &b"SCRAM-SHA-256\0"[..],
            &24_u32.to_be_bytes(),
            b"n,,n=,r=0123456789abcdef",
        ];
        let startup = b"user\0app\0application_name\0cut\0\0";
        let length = u32::try_from(startup.len() + 8).unwrap().to_be_bytes();
        Self {
            client: [
                [&length[..], &[0, 3, 0, 0], startup].concat(),
                postgres_message(b'p', &choice.concat()),
                postgres_message(b'p', b"c=biws,r=0123456789abcdefXY,p=AAAA"),
                postgres_message(b'Q', b"SELECT 1\0"),
            ],
            server: [
                postgres_authentication(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
                postgres_authentication(11, b"r=0123456789abcdefXY,s=c2FsdHNhbHQ=,i=4096"),
                [
                    postgres_authentication(12, b"v=AAAA"),
                    postgres_authentication(0, b""),
                    postgres_parameter("server_version", "15.0"),
                    postgres_notice("welcome"),
                    postgres_message(b'K', b"pid_key_"),
                    postgres_ready(),
                ]
                .concat(),
                [postgres_message(b'C', b"SELECT 1\0"), postgres_ready()].concat(),
            ],
        }
    }

    /// What the client is to see: without the mechanism that it cannot use.
    fn seen_by_client(&self) -> [Vec<u8>; 4] {
        let mut seen = self.server.clone();
        seen[0] = postgres_authentication(10, b"SCRAM-SHA-256\0\0");
        seen
    }
}

/// Writes the `turn`th of these pieces, cut where the position in all of them says.
fn write_cut(stream: &mut impl Write, pieces: &[Vec<u8>], turn: usize, cut: usize, pause: bool) {
    let before: usize = pieces[..turn].iter().map(Vec::len).sum();
    let piece = &pieces[turn];
    match cut.checked_sub(before) {
        Some(at) if at > 0 && at < piece.len() => {
            stream.write_all(&piece[..at]).unwrap();
            stream.flush().unwrap();
            if pause {
                // Long enough for the first part to be read alone, most of the times.
                thread::sleep(std::time::Duration::from_millis(1));
            }
            stream.write_all(&piece[at..]).unwrap();
        }
        _ => stream.write_all(piece).unwrap(),
    }
}

pub(super) fn acceptor(issued: &Issued) -> SslAcceptor {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    builder
        .set_certificate(&X509::from_pem(issued.cert_pem().as_bytes()).unwrap())
        .unwrap();
    builder
        .set_private_key(&PKey::private_key_from_pem(issued.key_pem().as_bytes()).unwrap())
        .unwrap();
    builder.build()
}

/// A server that plays its part once for each cut that it is given. Each part of a cut is a record of its
/// own, and so is read alone.
fn serve(listener: TcpListener, acceptor: SslAcceptor, cuts: mpsc::Receiver<usize>) {
    thread::spawn(move || {
        let exchange = Exchange::new();
        for cut in cuts {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"S").unwrap();
            let mut stream = acceptor.accept(stream).unwrap();
            for (turn, said) in exchange.client.iter().enumerate() {
                assert_eq!(heard(&mut stream, said.len()), *said, "cut at {cut}");
                write_cut(&mut stream, &exchange.server, turn, cut, false);
            }
        }
    });
}

fn heard(stream: &mut impl Read, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn tunnel_to_player() -> (Stand, Tunnel, mpsc::Sender<usize>) {
    let stand = Stand::new();
    let issued = stand
        .ca()
        .issue(&Leaf::server().cn("db.lab").ip("127.0.0.1"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cuts, receiver) = mpsc::channel();
    serve(listener, acceptor(&issued), receiver);
    let tunnel = Tunnel::start(
        &["--listen", "127.0.0.1:0"],
        &stand.leading_to(Engine::Postgres, port),
    );
    (stand, tunnel, cuts)
}

fn total(pieces: &[Vec<u8>]) -> usize {
    pieces.iter().map(Vec::len).sum()
}

#[test]
fn servers_half_of_the_login_may_be_cut_anywhere() {
    let (_stand, tunnel, cuts) = tunnel_to_player();
    let exchange = Exchange::new();
    for cut in 1..total(&exchange.server) {
        cuts.send(cut).unwrap();
        let mut stream = client(&tunnel);
        for (turn, seen) in exchange.seen_by_client().iter().enumerate() {
            stream.write_all(&exchange.client[turn]).unwrap();
            assert_eq!(heard(&mut stream, seen.len()), *seen, "cut at {cut}");
        }
    }
}

#[test]
fn clients_half_of_the_login_may_be_cut_anywhere() {
    let (_stand, tunnel, cuts) = tunnel_to_player();
    let exchange = Exchange::new();
    for cut in 1..total(&exchange.client) {
        cuts.send(0).unwrap();
        let mut stream = client(&tunnel);
        for (turn, seen) in exchange.seen_by_client().iter().enumerate() {
            write_cut(&mut stream, &exchange.client, turn, cut, true);
            assert_eq!(heard(&mut stream, seen.len()), *seen, "cut at {cut}");
        }
    }
}

#[test]
fn what_a_client_sends_ahead_of_its_turn_is_not_lost() {
    let (_stand, tunnel, cuts) = tunnel_to_player();
    let exchange = Exchange::new();
    for ahead in [2, 3, 4] {
        cuts.send(0).unwrap();
        let mut stream = client(&tunnel);
        stream
            .write_all(&exchange.client[..ahead].concat())
            .unwrap();
        for (turn, seen) in exchange.seen_by_client().iter().enumerate() {
            if turn >= ahead {
                stream.write_all(&exchange.client[turn]).unwrap();
            }
            assert_eq!(heard(&mut stream, seen.len()), *seen, "{ahead} ahead");
        }
    }
}

fn client(tunnel: &Tunnel) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
