//! A client that speaks just enough of both protocols, and notices everything.

use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use wa_db_lab::fake::TlsIdentity;

/// How long a test waits for what must come.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);

pub(crate) const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A fresh self-signed certificate.
pub(crate) fn identity() -> TlsIdentity {
    let minted = rcgen::generate_simple_self_signed(["fake.lab".to_owned()]).unwrap();
    TlsIdentity {
        cert_chain_pem: minted.cert.pem(),
        key_pem: minted.signing_key.serialize_pem(),
    }
}

pub(crate) fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The client's half of TLS, without looking at the certificate.
pub(crate) fn secure(stream: TcpStream) -> SslStream<TcpStream> {
    try_secure(stream).unwrap()
}

pub(crate) fn try_secure<S>(stream: S) -> Result<SslStream<S>, String>
where
    S: Read + Write + Debug,
{
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    let mut config = connector.build().configure().unwrap();
    config.set_verify_hostname(false);
    config
        .connect("fake.lab", stream)
        .map_err(|error| error.to_string())
}

pub(crate) fn receive(stream: &mut impl Read, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Everything up to the end of the stream.
pub(crate) fn receive_all(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Whether nothing comes for a while, and the connection stays open.
pub(crate) fn is_silent(stream: &TcpStream) -> bool {
    let before = stream.read_timeout().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let ended = loop {
        match (&*stream).read(&mut [0; 16]) {
            // A process that was stopped and goes on.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ended => break ended,
        }
    };
    let silent = ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    stream.set_read_timeout(before).unwrap();
    silent
}

/// Whether the stream ends in a reset.
pub(crate) fn is_reset(stream: &mut impl Read) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

/// PostgreSQL: asks for TLS and reads the one byte of the answer.
pub(crate) fn ask_tls(port: u16) -> (TcpStream, u8) {
    let mut stream = dial(port);
    stream.write_all(SSL_REQUEST).unwrap();
    let answer = receive(&mut stream, 1)[0];
    (stream, answer)
}

/// PostgreSQL: TLS is up and the start-up packet is sent.
pub(crate) fn start_up(port: u16) -> SslStream<TcpStream> {
    let (stream, answer) = ask_tls(port);
    assert_eq!(answer, b'S');
    let mut stream = secure(stream);
    stream.write_all(&startup_packet()).unwrap();
    stream
}

pub(crate) fn startup_packet() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0app\0database\0app\0\0";
    [
        &u32::try_from(body.len() + 4).unwrap().to_be_bytes(),
        body.as_slice(),
    ]
    .concat()
}

/// PostgreSQL: one message from the client.
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    wa_db_lab::fake::postgres_message(tag, body)
}

/// PostgreSQL: one message from the server.
pub(crate) fn read_message(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let head = receive(stream, 5);
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    (head[0], receive(stream, length as usize - 4))
}

/// PostgreSQL: the kind and the data of an authentication request.
pub(crate) fn read_authentication(stream: &mut impl Read) -> (u32, Vec<u8>) {
    let (tag, body) = read_message(stream);
    assert_eq!(tag, b'R');
    let (kind, data) = body.split_first_chunk().unwrap();
    (u32::from_be_bytes(*kind), data.to_vec())
}

/// MySQL: one packet, its number first.
pub(crate) fn read_packet(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let head = receive(stream, 4);
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    (head[3], receive(stream, length as usize))
}

/// MySQL: reads the greeting, brings TLS up and sends a handshake response.
pub(crate) fn respond(port: u16) -> SslStream<TcpStream> {
    let mut stream = dial(port);
    read_packet(&mut stream);
    stream.write_all(&tls_request()).unwrap();
    let mut stream = secure(stream);
    stream.write_all(&handshake_response(2)).unwrap();
    stream
}

/// MySQL: the same, and the login is good.
pub(crate) fn log_in(port: u16) -> SslStream<TcpStream> {
    let mut stream = respond(port);
    assert_eq!(read_packet(&mut stream), (3, vec![1, 3]));
    assert_eq!(read_packet(&mut stream).1[0], 0);
    stream
}

pub(crate) fn tls_request() -> Vec<u8> {
    let mut payload = vec![0; 32];
    payload[1] = 0x08;
    wa_db_lab::fake::mysql_packet(1, &payload)
}

pub(crate) fn handshake_response(sequence: u8) -> Vec<u8> {
    let mut payload = vec![0; 32];
    payload[1] = 0x08;
    payload.extend_from_slice(b"app\0\x04hash");
    wa_db_lab::fake::mysql_packet(sequence, &payload)
}

/// MySQL: a query.
pub(crate) fn query(text: &str) -> Vec<u8> {
    wa_db_lab::fake::mysql_packet(0, &[b"\x03", text.as_bytes()].concat())
}
