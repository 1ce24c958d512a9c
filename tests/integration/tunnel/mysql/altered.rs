//! Somebody on the way to the server, who writes in the greeting: it comes before TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use wa_db_lab::server::{Engine, Server, TestServers};

use super::super::running::PATIENCE;
use super::stand::{ENGINES, Stand, app, trusting};
use crate::support::with;

/// The version in a greeting begins behind the header and the protocol's number.
const VERSION: usize = 5;
/// From the zero behind the version to the lower flags: that zero, a number, eight bytes of nonce and
/// another zero.
const TO_FLAGS: usize = 1 + 4 + 8 + 1;

/// Carries connections to a server, and the greeting of the first one altered. Says when it has done
/// so. Its thread ends with the tests' process.
fn altering(server: &Server) -> (u16, mpsc::Receiver<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = server.port();
    let (altered, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut altered = Some(altered);
        for client in listener.incoming() {
            let (mut client, mut server) = (
                client.unwrap(),
                TcpStream::connect((Ipv4Addr::LOCALHOST, target)).unwrap(),
            );
            if let Some(altered) = altered.take() {
                let mut greeting = vec![0; 4];
                server.read_exact(&mut greeting).unwrap();
                let length = usize::from(greeting[0]);
                greeting.resize(4 + length, 0);
                server.read_exact(&mut greeting[4..]).unwrap();
                let rest = greeting[VERSION..].iter();
                let version = rest.take_while(|byte| **byte != 0).count();
                greeting[VERSION..VERSION + 4].copy_from_slice(b"\x1b[2J");
                // All lower flags but that for TLS, CLIENT_PROTOCOL_41 among them, and the status.
                let flags = VERSION + version + TO_FLAGS;
                greeting[flags..flags + 2].copy_from_slice(&[0, 8]);
                greeting[flags + 3..flags + 5].copy_from_slice(&[0xff, 0xff]);
                client.write_all(&greeting).unwrap();
                altered.send(()).unwrap();
            }
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || carry(from, to));
            thread::spawn(move || carry(server, client));
        }
    });
    (port, heard)
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    // Whichever side ends first, the other is told.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn altered_greeting_steers_no_terminal_and_keeps_nobody_out() {
    let servers = TestServers::shared();
    for engine in ENGINES {
        let server = servers.of(engine);
        let (port, altered) = altering(server);
        let variables = trusting(server, &servers);
        let stand = Stand::start(
            &[],
            &with(&variables, [("WA_DB_PORT", port.to_string().as_str())]),
        );
        altered
            .recv_timeout(PATIENCE)
            .expect("the tunnel has dialled");
        let mut client = TcpStream::connect(("127.0.0.1", stand.port())).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut header = [0; 4];
        client.read_exact(&mut header).unwrap();
        let mut greeting = vec![0; usize::from(header[0])];
        client.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting.get(..4), Some(&b"\x0a[2J"[..]), "{greeting:?}");
        // What comes behind the version is flags and random numbers.
        let version = greeting.split(|byte| *byte == 0).next().unwrap();
        assert!(!version.contains(&0x1b), "{greeting:?}");
        drop(client);
        let [tcp, unix] = stand.places();
        for place in [tcp, unix] {
            let program = app(Engine::MariaDb, &place, server.password());
            assert_eq!(program.run("SELECT 1"), "1\n", "{engine:?}");
        }
        assert!(!stand.log().contains('\u{1b}'));
    }
}
