//! Listeners that say nothing.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wa_db_lab::fake::{SilentListener, Unreachable};

use crate::client::{LIMIT, dial, is_silent};

#[test]
fn a_silent_listener_accepts_records_and_never_answers() {
    let listener = SilentListener::start().unwrap();
    let mut stream = dial(listener.port());
    stream.write_all(b"hello").unwrap();
    assert!(is_silent(&stream));
    drop(stream);
    assert!(listener.wait_ended(LIMIT));
    assert_eq!(listener.received(), b"hello");
    assert_eq!(listener.sent(), 0);
}

#[test]
fn an_unreachable_address_lets_a_connect_run_into_its_deadline() {
    let nowhere = Unreachable::start().unwrap();
    let begin = Instant::now();
    let error =
        TcpStream::connect_timeout(&nowhere.address(), Duration::from_millis(400)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= Duration::from_millis(400));
}
