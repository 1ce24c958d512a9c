//! Conversations by hand.

use super::{EARLY_READY, Guard, LATE_REQUEST, Refused};
use crate::connect::postgres::authentication::Demands;
use crate::connect::postgres::messages::message;
use crate::connect::postgres::monitor::{SessionMonitor, SessionState};
use crate::settings::ChannelBinding;

const READY: &[u8] = b"I";

/// A guard whose login has not begun.
fn fresh() -> (Guard<()>, SessionMonitor) {
    let monitor = SessionMonitor::new();
    let demands = Demands {
        trusted: true,
        channel_binding: ChannelBinding::Prefer,
    };
    let mut guard = Guard::new((), demands, &monitor);
    // The start-up message, of no parameters.
    guard.follow(&[0, 0, 0, 9, 0, 3, 0, 0, 0]);
    (guard, monitor)
}

fn request(kind: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes()[..], rest].concat())
}

#[test]
fn a_login_is_called_bound_only_if_the_driver_bound_it() {
    for (chosen, bound) in [
        (&b"SCRAM-SHA-256-PLUS\0"[..], true),
        (b"SCRAM-SHA-256\0", false),
    ] {
        let (mut guard, monitor) = fresh();
        let offer = request(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        assert_eq!(guard.inspect(&offer), Ok(()));
        let choice = message(b'p', &[chosen, &[0, 0, 0, 4], b"rest"].concat());
        for byte in choice {
            guard.follow(&[byte]);
        }
        assert_eq!(guard.inspect(&request(11, b"i=4096")), Ok(()));
        // Names no mechanism, whatever it looks like.
        guard.follow(&message(b'p', b"SCRAM-SHA-256-PLUS\0"));
        assert_eq!(guard.inspect(&request(12, b"v=proof")), Ok(()));
        assert_eq!(guard.inspect(&request(0, b"")), Ok(()));
        assert_eq!(guard.inspect(&message(b'Z', READY)), Ok(()));
        assert_eq!(monitor.is_channel_bound(), bound);
    }
}

#[test]
fn a_server_that_is_ready_before_the_login_is_refused() {
    let (mut guard, _) = fresh();
    assert_eq!(
        guard.inspect(&message(b'Z', READY)),
        Err(Refused::OutOfTurn(EARLY_READY))
    );
}

#[test]
fn a_server_that_asks_for_a_login_after_it_is_refused() {
    for handed_over in [false, true] {
        let (mut guard, monitor) = fresh();
        assert_eq!(guard.inspect(&request(0, b"")), Ok(()));
        assert_eq!(guard.inspect(&message(b'Z', READY)), Ok(()));
        if handed_over {
            monitor.0.hand_over();
        }
        assert_eq!(
            guard.inspect(&request(3, b"")),
            Err(Refused::OutOfTurn(LATE_REQUEST))
        );
    }
}

/// A session that rests once its driver is polled.
fn ready() -> (Guard<()>, SessionMonitor) {
    let (mut guard, monitor) = fresh();
    assert_eq!(guard.inspect(&request(0, b"")), Ok(()));
    assert_eq!(guard.inspect(&message(b'Z', READY)), Ok(()));
    (guard, monitor)
}

/// Messages of one side, by their tags.
#[derive(Clone, Copy)]
enum Says {
    Driver(&'static [u8]),
    Server(&'static [u8]),
}

#[test]
fn a_copy_leaves_the_session_idle_only_when_it_is_over() {
    use Says::{Driver, Server};
    let begin = [Driver(b"BES"), Server(b"2G")];
    for (what, rest) in [
        ("finished", &[Driver(b"dcS"), Server(b"CZ")][..]),
        ("finished without data", &[Driver(b"cS"), Server(b"CZ")]),
        ("dropped", &[Driver(b"dfS"), Server(b"EZ")]),
        (
            "refused data",
            &[Driver(b"d"), Server(b"E"), Driver(b"dcS"), Server(b"Z")],
        ),
        (
            "both answered",
            &[Server(b"EZ"), Driver(b"dcS"), Server(b"Z")],
        ),
        (
            "two in a row",
            &[
                Driver(b"cS"),
                Server(b"CZ"),
                Driver(b"BES"),
                Server(b"2G"),
                Driver(b"fS"),
                Server(b"EZ"),
            ],
        ),
    ] {
        replay(what, &[&begin[..], rest].concat());
    }
    for (what, all) in [
        (
            "given up before it began",
            &[Driver(b"BES"), Driver(b"fS"), Server(b"2GEZ")][..],
        ),
        (
            "behind a query",
            &[
                Driver(b"Q"),
                Driver(b"BES"),
                Server(b"CZ"),
                Server(b"2G"),
                Driver(b"cS"),
                Server(b"CZ"),
            ],
        ),
        (
            "two given up",
            &[
                Driver(b"BESfS"),
                Driver(b"BESfS"),
                Server(b"2GEZ"),
                Server(b"2GEZ"),
            ],
        ),
        (
            "refused, then ended",
            &[Driver(b"BESfS"), Server(b"EZ"), Server(b"Z")],
        ),
        (
            "not even begun, then one",
            &[
                Driver(b"fS"),
                Server(b"Z"),
                Driver(b"BES"),
                Server(b"2G"),
                Driver(b"cS"),
                Server(b"CZ"),
            ],
        ),
    ] {
        replay(what, all);
    }
}

/// Replays a conversation, in which every part but those that end with the last answer leaves
/// something under way.
fn replay(what: &str, parts: &[Says]) {
    let (mut guard, monitor) = ready();
    let last = parts.len() - 1;
    for (index, part) in parts.iter().enumerate() {
        let settled = match part {
            Says::Driver(tags) => {
                tags.iter()
                    .for_each(|tag| guard.follow(&message(*tag, b"")));
                false
            }
            Says::Server(tags) => {
                for tag in *tags {
                    let body = if *tag == b'Z' { READY } else { b"" };
                    assert_eq!(guard.inspect(&message(*tag, body)), Ok(()));
                }
                // The only conversations that come to rest in between.
                index == last
                    || (what.starts_with("two in") && tags == b"CZ")
                    || (what.starts_with("not even") && tags == b"Z")
            }
        };
        monitor.0.begin_poll();
        monitor.0.set_listening(true);
        monitor.0.end_poll();
        let expected = if settled {
            SessionState::Idle
        } else {
            SessionState::Unsettled
        };
        assert_eq!(monitor.state(), expected, "{what}, part {index}");
    }
}
