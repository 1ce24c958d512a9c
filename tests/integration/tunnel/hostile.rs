//! Rows A through the tunnel: what a hostile server does reaches neither the client as fact nor the
//! tunnel's memory, and ends in time.

use std::fmt::Debug;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio_postgres::{Config, NoTls};
use wa_db_lab::fake::{
    FAKE_PASSWORD, Fault, PostgresFlood, PostgresScript, Proxy, ScramFault, SilentListener, Stage,
    Unreachable, postgres_error, postgres_frame,
};

use super::running::{AT_ONCE, PATIENCE, Tunnel};
use crate::hostile::stand::{Stand, each, unverified};
use crate::support::{Variables, with};

const PLACE: [&str; 2] = ["--listen", "127.0.0.1:0"];
const DEADLINE: Duration = Duration::from_secs(2);
/// What a busy machine may need beside the deadline.
const SLACK: Duration = Duration::from_secs(10);
/// Resident memory, in KiB: the contract's bound.
const MEMORY: u64 = 64 * 1024;

fn hurried(variables: &Variables) -> Variables {
    with(
        variables,
        [
            ("WA_DB_CONNECT_TIMEOUT", "2s"),
            ("WA_DB_READ_TIMEOUT", "2s"),
        ],
    )
}

/// How a client fares that would log in with the fake's password.
struct Fared {
    /// The words of the error; empty where there is a session.
    words: String,
    /// The SQLSTATE, where the error came in the protocol's own form.
    state: String,
    took: Duration,
}

fn fare(tunnel: &Tunnel) -> Fared {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(tunnel.port())
        .user("app")
        .password(FAKE_PASSWORD);
    let start = Instant::now();
    let outcome = runtime.block_on(async {
        let connected = tokio::time::timeout(PATIENCE, config.connect(NoTls)).await;
        connected.expect("a login ends by itself").map(drop)
    });
    let took = start.elapsed();
    match outcome {
        Ok(()) => Fared {
            words: String::new(),
            state: String::new(),
            took,
        },
        Err(error) => {
            let answer = error.as_db_error();
            Fared {
                words: answer.map_or_else(
                    || format!("{error:?}"),
                    |answer| answer.message().to_owned(),
                ),
                state: answer.map_or_else(String::new, |answer| answer.code().code().to_owned()),
                took,
            }
        }
    }
}

fn assert_told(fared: &Fared, state: &str, code: &str, case: &dyn Debug) {
    let beginning = format!("wa-db tunnel: {code}: ");
    assert!(
        fared.words.starts_with(&beginning),
        "{case:?}: {}",
        fared.words
    );
    assert_eq!(fared.state, state, "{case:?}: {}", fared.words);
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    assert!(
        !fared.words.chars().any(steers),
        "{case:?}: {:?}",
        fared.words
    );
}

#[test]
fn a01_a02_a03_a04_a05_a06_what_comes_before_tls_is_refused_and_nothing_is_sent() {
    let stand = Stand::new();
    let escapes = postgres_error("XX000", "\u{1b}[2Jgone\u{202e}");
    let inject = |before: &[u8], after: &[u8]| PostgresScript::Inject {
        before: before.to_vec(),
        after: after.to_vec(),
    };
    each(
        [
            (PostgresScript::RefuseTls, "tls_refused"),
            (PostgresScript::AnswerInstead(b"N".to_vec()), "tls_refused"),
            (PostgresScript::AnswerInstead(escapes), "tls_refused"),
            (
                PostgresScript::AnswerInstead(b"X".to_vec()),
                "protocol_error",
            ),
            (inject(b"R\0\0\0\x08\0\0\0\0", b""), "protocol_error"),
            (inject(b"", b"R\0\0\0\x08\0\0\0\0"), "tls_protocol"),
        ],
        |(script, code)| {
            let fake = stand.start(script.clone());
            let trusting = stand.trusting(&fake);
            for variables in [trusting.clone(), unverified(&trusting)] {
                let tunnel = Tunnel::start(&PLACE, &variables);
                let fared = fare(&tunnel);
                assert_told(&fared, "08001", code, &script);
                if fared.words.contains("gone") {
                    assert!(
                        fared.words.contains("unverified text from the peer"),
                        "{}",
                        fared.words
                    );
                }
            }
            fake.assert_learnt_nothing(&script);
        },
    );
}

#[test]
fn a07_password_in_clear_or_as_md5_is_asked_of_no_client_for_an_unverified_server() {
    let stand = Stand::new();
    each(
        [
            PostgresScript::AskClearPassword,
            PostgresScript::AskMd5Password,
        ],
        |script| {
            let fake = stand.start(script.clone());
            let variables = stand.trusting(&fake);
            let tunnel = Tunnel::start(&PLACE, &unverified(&variables));
            assert_told(
                &fare(&tunnel),
                "28000",
                "authentication_method_refused",
                &script,
            );
            drop(tunnel);
            fake.assert_learnt_nothing(&script);
            let verified = Tunnel::start(&PLACE, &variables);
            assert_eq!(fare(&verified).words, "", "{script:?}");
        },
    );
}

#[test]
fn a08_a09_a10_server_that_cheats_within_scram_gets_no_session() {
    let stand = Stand::new();
    let by_tunnel = [
        (ScramFault::Iterations(1), "authentication_method_refused"),
        (
            ScramFault::Iterations(4095),
            "authentication_method_refused",
        ),
        (
            ScramFault::Iterations(1 << 31),
            "authentication_method_refused",
        ),
        (ScramFault::OkAfterFirst, "authentication_failed"),
        (ScramFault::OkWithoutProof, "authentication_failed"),
    ];
    each(by_tunnel, |(fault, code)| {
        let fake = stand.start(PostgresScript::Scram(fault.clone()));
        let tunnel = Tunnel::start(&PLACE, &stand.trusting(&fake));
        assert_told(&fare(&tunnel), "28000", code, &fault);
    });
    // Only who knows the password can tell: the client itself.
    let by_client = [
        ScramFault::ForeignNonce,
        ScramFault::WrongProof,
        ScramFault::ErrorProof("other-error".to_owned()),
        ScramFault::UnknownMechanism,
    ];
    each(by_client, |fault| {
        let fake = stand.start(PostgresScript::Scram(fault.clone()));
        let tunnel = Tunnel::start(&PLACE, &stand.trusting(&fake));
        assert_ne!(fare(&tunnel).words, "", "{fault:?}");
    });
}

#[test]
fn a15_silence_at_any_point_of_the_login_ends_at_the_deadline() {
    let stand = Stand::new();
    let silent = |at| PostgresScript::Break {
        at,
        fault: Fault::Silence,
    };
    each(
        [
            (silent(Stage::Accepted), "08001"),
            (silent(Stage::Answered), "08001"),
            (silent(Stage::Hello), "08001"),
            (PostgresScript::Drip(Duration::from_millis(20)), "08001"),
            (silent(Stage::Secured), "08006"),
            (silent(Stage::Login), "08006"),
            (silent(Stage::LoggedIn), "08006"),
        ],
        |(script, state)| {
            let fake = stand.start(script.clone());
            let tunnel = Tunnel::start(&PLACE, &hurried(&stand.trusting(&fake)));
            let fared = fare(&tunnel);
            assert_told(&fared, state, "timeout", &script);
            assert!(
                fared.took > DEADLINE.mul_f64(0.9),
                "{script:?}: {:?}",
                fared.took
            );
            assert!(
                fared.took < DEADLINE + SLACK,
                "{script:?}: {:?}",
                fared.took
            );
        },
    );
}

#[test]
fn a15_a21_silent_listener_swallowed_packets_and_a_black_hole_end_at_the_deadline() {
    let stand = Stand::new();
    let silent = SilentListener::start().unwrap();
    let swallowing = Unreachable::start().unwrap();
    let fake = stand.start(PostgresScript::Honest);
    let proxy = Proxy::start(fake.address()).unwrap();
    proxy.freeze();
    each([silent.port(), swallowing.port(), proxy.port()], |port| {
        let variables = hurried(&stand.leading_to(fake.engine(), port));
        let tunnel = Tunnel::start(&PLACE, &variables);
        let fared = fare(&tunnel);
        assert_told(&fared, "08001", "timeout", &port);
        assert!(
            fared.took > DEADLINE.mul_f64(0.9),
            "{port}: {:?}",
            fared.took
        );
        assert!(fared.took < DEADLINE + SLACK, "{port}: {:?}", fared.took);
    });
}

#[test]
fn a21_live_session_in_a_black_hole_ends_with_the_drain() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Honest);
    let proxy = Proxy::start(fake.address()).unwrap();
    let variables = stand.leading_to(fake.engine(), proxy.port());
    let mut tunnel = Tunnel::start(&[&PLACE[..], &["--drain", "1s"]].concat(), &variables);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(tunnel.port())
        .user("app")
        .password(FAKE_PASSWORD);
    let (client, connection) = runtime.block_on(config.connect(NoTls)).unwrap();
    let connection = runtime.spawn(connection);
    proxy.freeze();
    let question = runtime.spawn(async move { client.simple_query("SELECT 1").await.map(drop) });
    let start = Instant::now();
    tunnel.signal(rustix::process::Signal::TERM);
    assert_eq!(tunnel.wait().code(), Some(0));
    assert!(start.elapsed() < AT_ONCE);
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, question).await });
    assert!(answer.expect("the client hears of it").unwrap().is_err());
    let _ = runtime.block_on(connection);
}

#[test]
fn a16_whatever_breaks_the_protocol_is_a_typed_error() {
    let stand = Stand::new();
    let faults = [
        Fault::Reset,
        Fault::Close,
        Fault::HttpBanner,
        Fault::Random { seed: 16 },
        Fault::Raw(postgres_frame(b'R', 3, b"")),
        Fault::Raw(postgres_frame(b'D', 8, b"row!")),
    ];
    let stages = [
        Stage::Accepted,
        Stage::Answered,
        Stage::Secured,
        Stage::Login,
        Stage::LoggedIn,
    ];
    let cases = stages
        .into_iter()
        .flat_map(|at| faults.clone().map(move |fault| (at, fault)));
    each(cases, |(at, fault)| {
        let fake = stand.start(PostgresScript::Break {
            at,
            fault: fault.clone(),
        });
        let tunnel = Tunnel::start(&PLACE, &hurried(&stand.trusting(&fake)));
        let fared = fare(&tunnel);
        let case = (at, fault);
        assert!(
            fared.words.starts_with("wa-db tunnel: "),
            "{case:?}: {}",
            fared.words
        );
        assert!(
            fared.state.starts_with("08"),
            "{case:?}: {} {}",
            fared.state,
            fared.words
        );
        assert!(fared.took < DEADLINE + SLACK, "{case:?}: {:?}", fared.took);
        assert!(!tunnel.log().contains("panicked"), "{case:?}");
    });
}

#[test]
fn a16_server_that_refuses_and_does_not_leave_is_told_from_a_client_that_left() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Break {
        at: Stage::Login,
        fault: Fault::Raw(postgres_error("28P01", "not you")),
    });
    let mut tunnel = Tunnel::start(&PLACE, &stand.trusting(&fake));
    let fared = fare(&tunnel);
    assert_eq!(
        (fared.state.as_str(), fared.words.as_str()),
        ("28P01", "not you")
    );
    tunnel.wait_for_log("the server refused the login");
}

#[test]
fn a17_a18_floods_before_the_session_is_ready_end_within_bounds() {
    use PostgresFlood::{HugeMessage, Notices, Parameters, Small};
    let stand = Stand::new();
    let cases = [
        (Stage::Login, HugeMessage(b'R')),
        (Stage::Login, HugeMessage(b'N')),
        (Stage::Login, Notices),
        (Stage::Login, Parameters),
        (Stage::LoggedIn, HugeMessage(b'S')),
        (Stage::LoggedIn, Notices),
        (Stage::LoggedIn, Parameters),
        (Stage::LoggedIn, Small),
    ];
    each(cases, |(at, flood)| {
        let fake = stand.start(PostgresScript::Flood { at, flood });
        let tunnel = Tunnel::start(&PLACE, &hurried(&stand.trusting(&fake)));
        let fared = fare(&tunnel);
        let case = (at, flood);
        assert_ne!(fared.words, "", "{case:?}");
        assert!(fared.took < DEADLINE + SLACK, "{case:?}: {:?}", fared.took);
        let peak = peak_memory(&tunnel);
        assert!(
            peak > 0 && peak < MEMORY,
            "{case:?}: {peak} KiB were resident"
        );
    });
}

#[test]
fn a17_flood_of_rows_at_a_client_that_does_not_read_waits_at_the_server() {
    let stand = Stand::new();
    let fake = stand.start(PostgresScript::Flood {
        at: Stage::Ready,
        flood: PostgresFlood::Rows,
    });
    let tunnel = Tunnel::start(&PLACE, &stand.trusting(&fake));
    let mut config = Config::new();
    config.user("app").password(FAKE_PASSWORD);
    let mut stream = TcpStream::connect(("127.0.0.1", tunnel.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A login that nobody checks: the fake takes any proof, and the client here is made by hand.
    log_in_by_hand(&mut stream);
    stream.write_all(b"Q\0\0\0\x0dSELECT 1\0").unwrap();
    let sent = || fake.sent();
    let mut before = sent();
    let start = Instant::now();
    // The flood comes to a halt: every buffer on the way is full.
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = sent();
        if now == before && now > 1_000_000 {
            break;
        }
        before = now;
        assert!(
            start.elapsed() < PATIENCE,
            "still flooding after {now} bytes"
        );
    }
    let peak = peak_memory(&tunnel);
    assert!(peak > 0 && peak < MEMORY, "{peak} KiB were resident");
    // What was sent arrives when it is read.
    let mut chunk = vec![0; 65536];
    let mut read = 0;
    while read < 4_000_000 {
        read += stream.read(&mut chunk).unwrap();
    }
}

/// SCRAM with a proof of nothing, which the fake takes.
fn log_in_by_hand(stream: &mut TcpStream) {
    stream
        .write_all(b"\0\0\0\x12\0\x03\0\0user\0app\0\0")
        .unwrap();
    let (tag, _) = message(stream);
    assert_eq!(tag, b'R');
    let first = b"n,,n=,r=0123456789abcdef";
    let length = u32::try_from(first.len()).unwrap().to_be_bytes();
    send(stream, &[&b"SCRAM-SHA-256\0"[..], &length, first].concat());
    let (_, body) = message(stream);
    let challenge = String::from_utf8(body[4..].to_vec()).unwrap();
    let nonce = challenge
        .split(',')
        .find_map(|part| part.strip_prefix("r="))
        .unwrap();
    let proof = openssl::base64::encode_block(&[7; 32]);
    send(stream, format!("c=biws,r={nonce},p={proof}").as_bytes());
    while message(stream).0 != b'Z' {}
}

fn send(stream: &mut TcpStream, body: &[u8]) {
    stream
        .write_all(&wa_db_lab::fake::postgres_message(b'p', body))
        .unwrap();
}

fn message(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 5];
    stream.read_exact(&mut header).unwrap();
    let length = u32::from_be_bytes(header[1..].try_into().unwrap());
    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut body).unwrap();
    (header[0], body)
}

/// `VmHWM` of proc(5), in KiB.
fn peak_memory(tunnel: &Tunnel) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", tunnel.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
