//! What a server really presents: a TLS handshake of our own that trusts anything.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion};

use super::Engine;

/// `SSLRequest` of PostgreSQL's protocol: its length, 8, and the code 80877103.
const POSTGRES_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// `SSLRequest` of MySQL's: header (32 bytes, sequence 1), the capabilities 4.1 protocol, TLS
/// and secure connection, the largest packet, utf8mb4, 23 zeros.
const MYSQL_REQUEST: [u8; 13] = [32, 0, 0, 1, 0, 0x8a, 0, 0, 0, 0, 0, 1, 45];

/// Asks the server for TLS and takes whatever it offers, from TLS 1.0 and 512-bit keys on.
pub(super) fn handshake(engine: Engine, port: u16) -> io::Result<SslStream<TcpStream>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    match engine {
        Engine::Postgres => ask_postgres(&mut stream)?,
        Engine::MariaDb | Engine::MySql => ask_mysql(&mut stream)?,
    }
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_security_level(0);
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    let ssl = Ssl::new(&context.build())?;
    ssl.connect(stream).map_err(io::Error::other)
}

/// The certificates a server sends in its handshake, leaf first, in DER.
pub(super) fn served_chain(engine: Engine, port: u16) -> io::Result<Vec<Vec<u8>>> {
    let stream = handshake(engine, port)?;
    let chain = stream.ssl().peer_cert_chain().into_iter().flatten();
    chain
        .map(|certificate| certificate.to_der().map_err(io::Error::from))
        .collect()
}

fn ask_postgres(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(&POSTGRES_REQUEST)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    match answer[0] {
        b'S' => Ok(()),
        other => Err(io::Error::other(format!("no TLS: answered {other:#x}"))),
    }
}

fn ask_mysql(stream: &mut TcpStream) -> io::Result<()> {
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut greeting = Vec::new();
    stream.take(length.into()).read_to_end(&mut greeting)?;
    let mut request = [0; 36];
    request[..MYSQL_REQUEST.len()].copy_from_slice(&MYSQL_REQUEST);
    stream.write_all(&request)
}
