//! The network that fails on command, before an echoing server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use wa_db_lab::fake::{Proxy, SilentListener};

use crate::client::{LIMIT, dial, is_reset, is_silent, receive, receive_all};

/// A server that sends back what it gets. Its thread ends with the test's process.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reader = client.try_clone().unwrap();
                let _ = std::io::copy(&mut reader, &mut &client);
            });
        }
    });
    address
}

fn wait_until(what: impl Fn() -> bool) -> bool {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if what() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn bytes_and_closes_are_forwarded_both_ways() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = dial(proxy.port());
    let large = vec![42; 1 << 20];
    let mut writer = stream.try_clone().unwrap();
    let sent = large.clone();
    let sending = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    assert!(receive_all(&mut stream) == large);
    sending.join().unwrap();
    assert_eq!(proxy.connections(), 1);
    assert!(wait_until(|| proxy.live() == 0));
}

#[test]
fn frozen_nothing_passes_but_sockets_stay_open_and_thawed_all_arrives() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = dial(proxy.port());
    old.write_all(b"a").unwrap();
    assert_eq!(receive(&mut old, 1), b"a");
    proxy.freeze();
    let mut new = dial(proxy.port());
    for stream in [&mut old, &mut new] {
        stream.write_all(b"held").unwrap();
        assert!(is_silent(stream));
    }
    assert!(wait_until(|| proxy.live() == 2));
    proxy.thaw();
    for stream in [&mut old, &mut new] {
        assert_eq!(receive(stream, 4), b"held");
    }
}

#[test]
fn frozen_a_close_is_counted_but_not_passed_on() {
    let server = SilentListener::start().unwrap();
    let proxy = Proxy::start(server.address()).unwrap();
    let mut stream = dial(proxy.port());
    stream.write_all(b"before").unwrap();
    assert!(wait_until(|| server.received() == b"before"));
    proxy.freeze();
    stream.write_all(b"after").unwrap();
    drop(stream);
    assert!(wait_until(|| proxy.live() == 0));
    thread::sleep(Duration::from_millis(50));
    assert_eq!(server.received(), b"before");
    assert!(!server.seen()[0].ended);
    proxy.thaw();
    assert!(server.wait_ended(LIMIT));
    assert_eq!(server.received(), b"beforeafter");
}

#[test]
fn reset_all_resets_both_ends_even_frozen_and_new_connections_work() {
    for frozen in [false, true] {
        let server = SilentListener::start().unwrap();
        let proxy = Proxy::start(server.address()).unwrap();
        let mut stream = dial(proxy.port());
        stream.write_all(b"x").unwrap();
        assert!(wait_until(|| server.received() == b"x"));
        if frozen {
            proxy.freeze();
        }
        proxy.reset_all();
        assert!(is_reset(&mut stream));
        assert!(server.wait_ended(LIMIT));
        assert!(server.seen()[0].error.as_ref().unwrap().contains("reset"));
        assert!(wait_until(|| proxy.live() == 0));
        proxy.thaw();
        dial(proxy.port()).write_all(b"again").unwrap();
        assert!(wait_until(|| server.received() == b"xagain"));
    }
}

#[test]
fn refused_connections_are_refused_on_the_same_port_and_old_ones_live_on() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = dial(proxy.port());
    assert!(wait_until(|| proxy.live() == 1));
    for _ in 0..3 {
        proxy.refuse(true).unwrap();
        let error = TcpStream::connect(proxy.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        old.write_all(b"still").unwrap();
        assert_eq!(receive(&mut old, 5), b"still");
        proxy.refuse(false).unwrap();
        let mut new = dial(proxy.port());
        new.write_all(b"new").unwrap();
        assert_eq!(receive(&mut new, 3), b"new");
    }
}

#[test]
fn a_target_that_is_down_closes_the_connection() {
    // Bound all the while, and never listened on.
    let down = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    down.bind(&any.into()).unwrap();
    let address = down.local_addr().unwrap().as_socket().unwrap();
    let proxy = Proxy::start(address).unwrap();
    let read = dial(proxy.port()).read(&mut [0; 8]);
    assert!(matches!(read, Ok(0) | Err(_)));
    assert_eq!((proxy.connections(), proxy.live()), (1, 0));
}

#[test]
fn a_dropped_proxy_ends_even_frozen_with_a_client_that_does_not_read() {
    let proxy = Proxy::start(echo()).unwrap();
    let idle = dial(proxy.port());
    let mut full = dial(proxy.port());
    full.set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    while full.write(&[0; 16_384]).is_ok() {}
    proxy.freeze();
    let begin = Instant::now();
    drop(proxy);
    assert!(begin.elapsed() < LIMIT);
    assert!(!is_silent(&idle));
}
