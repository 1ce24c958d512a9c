//! Every fault at every stage, for both protocols.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use wa_db_lab::fake::{
    Event, FakeMySql, FakePostgres, FakeServer, Fault, MySqlScript, PostgresScript, Stage,
};

use crate::client::{
    LIMIT, SSL_REQUEST, ask_tls, dial, handshake_response, identity, is_reset, is_silent, message,
    query, read_authentication, read_message, read_packet, receive, secure, startup_packet,
    tls_request,
};

/// A client's stream, whatever it came to be.
trait Stream: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for openssl::ssl::SslStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref()
    }
}

/// Says what a client has said when a server is at `stage`, and reads what an honest one has
/// answered.
fn postgres_up_to(stage: Stage, port: u16) -> Box<dyn Stream> {
    if stage == Stage::Accepted {
        return Box::new(dial(port));
    }
    let (mut stream, _) = ask_tls(port);
    if stage == Stage::Answered {
        return Box::new(stream);
    }
    if stage == Stage::Hello {
        stream.write_all(b"\x16\x03\x01\0\x02hi").unwrap();
        return Box::new(stream);
    }
    let mut stream = secure(stream);
    if stage == Stage::Secured {
        return Box::new(stream);
    }
    stream.write_all(&startup_packet()).unwrap();
    if stage == Stage::Login {
        return Box::new(stream);
    }
    assert_eq!(read_authentication(&mut stream).0, 10);
    stream
        .write_all(&message(b'p', b"SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=a"))
        .unwrap();
    read_authentication(&mut stream);
    stream
        .write_all(&message(b'p', b"c=biws,r=a,p=AAAA"))
        .unwrap();
    read_authentication(&mut stream);
    assert_eq!(read_authentication(&mut stream).0, 0);
    if stage == Stage::Ready {
        while read_message(&mut stream).0 != b'Z' {}
        stream.write_all(&message(b'Q', b"SELECT 1\0")).unwrap();
    }
    Box::new(stream)
}

fn mysql_up_to(stage: Stage, port: u16) -> Box<dyn Stream> {
    let mut stream = dial(port);
    if stage == Stage::Accepted {
        return Box::new(stream);
    }
    read_packet(&mut stream);
    if stage == Stage::Answered {
        return Box::new(stream);
    }
    stream.write_all(&tls_request()).unwrap();
    if stage == Stage::Hello {
        stream.write_all(b"\x16\x03\x01\0\x02hi").unwrap();
        return Box::new(stream);
    }
    let mut stream = secure(stream);
    if stage == Stage::Secured {
        return Box::new(stream);
    }
    stream.write_all(&handshake_response(2)).unwrap();
    if stage == Stage::Login {
        return Box::new(stream);
    }
    read_packet(&mut stream);
    read_packet(&mut stream);
    if stage == Stage::Ready {
        stream.write_all(&query("SELECT 1")).unwrap();
    }
    Box::new(stream)
}

/// Runs `check` on a client of each engine's fake, for every stage.
fn at_every_stage(fault: &Fault, check: impl Fn(Stage, &mut Box<dyn Stream>, &FakeServer)) {
    for at in Stage::ALL {
        let fault = fault.clone();
        let script = PostgresScript::Break {
            at,
            fault: fault.clone(),
        };
        let fake = FakePostgres::start(script, Some(identity())).unwrap();
        check(at, &mut postgres_up_to(at, fake.port()), &fake);
        assert_eq!(
            fake.events().contains(&Event::LoggedIn),
            at >= Stage::LoggedIn
        );

        let fake = FakeMySql::start(MySqlScript::Break { at, fault }, Some(identity())).unwrap();
        check(at, &mut mysql_up_to(at, fake.port()), &fake);
        assert_eq!(
            fake.events().contains(&Event::LoggedIn),
            at >= Stage::LoggedIn
        );
    }
}

#[test]
fn a15_silence_at_every_stage_keeps_the_connection_open() {
    at_every_stage(&Fault::Silence, |at, stream, fake| {
        let socket = stream.socket();
        // TLS 1.3 sends tickets after its handshake: what is silent is the layer above.
        if at < Stage::Secured {
            assert!(is_silent(socket), "{at:?}");
        } else {
            socket
                .set_read_timeout(Some(std::time::Duration::from_millis(150)))
                .unwrap();
            let error = stream.read(&mut [0; 16]).unwrap_err();
            // A process that was stopped and goes on is interrupted.
            let silent = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
            assert!(silent.contains(&error.kind()), "{at:?}: {error}");
        }
        assert!(fake.wait_for(LIMIT, |seen| !seen.is_empty()), "{at:?}");
        assert!(!fake.seen()[0].ended, "{at:?}");
    });
}

#[test]
fn a16_reset_at_every_stage_is_a_reset() {
    at_every_stage(&Fault::Reset, |at, stream, fake| {
        assert!(is_reset(&mut stream.socket()), "{at:?}");
        assert!(fake.wait_ended(LIMIT));
    });
}

#[test]
fn a16_close_at_every_stage_is_no_reset() {
    at_every_stage(&Fault::Close, |at, stream, _| {
        assert!(!is_reset(&mut stream.socket()), "{at:?}");
    });
}

#[test]
fn a16_banner_noise_and_raw_bytes_come_where_they_are_told() {
    at_every_stage(&Fault::HttpBanner, |at, stream, _| {
        assert_eq!(receive(stream, 9), b"HTTP/1.1 ", "{at:?}");
    });
    let raw = b"\x52\0\0\0\x03".to_vec();
    at_every_stage(&Fault::Raw(raw.clone()), |at, stream, _| {
        assert_eq!(receive(stream, raw.len()), raw, "{at:?}");
    });
    let mut noises = Vec::new();
    for seed in [7, 7, 8] {
        let fault = Fault::Random { seed };
        let script = PostgresScript::Break {
            at: Stage::Answered,
            fault,
        };
        let fake = FakePostgres::start(script, Some(identity())).unwrap();
        let mut stream = dial(fake.port());
        stream.write_all(SSL_REQUEST).unwrap();
        noises.push(receive(&mut stream, 4097));
    }
    assert_eq!(noises[0], noises[1]);
    assert_ne!(noises[0], noises[2]);
}
