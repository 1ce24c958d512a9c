#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wa_db_lab::pki::Ca;

use super::*;
use crate::code::ErrorCode;
use crate::wire::report::fixtures;

/// A server on loopback that gives every request the same answer and keeps what it was sent.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// A server that answers with these bytes, and then closes.
    async fn answering(answer: Vec<u8>) -> Self {
        Self::start(Some(answer)).await
    }

    /// A server that accepts and says nothing.
    async fn silent() -> Self {
        Self::start(None).await
    }

    async fn start(answer: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(answer) = &answer else {
                    record.lock().unwrap().push(Vec::new());
                    held.push(stream);
                    continue;
                };
                let request = request(&mut stream).await;
                record.lock().unwrap().push(request);
                // A client that has read enough hangs up.
                let _ = stream.write_all(answer).await;
            }
        });
        Self { port, seen, task }
    }

    fn sink(&self) -> PostSink {
        let uri = format!("http://127.0.0.1:{}/pins?token=t", self.port);
        PostSink::new(ReportUri::parse(&uri).unwrap())
    }

    fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request with its body, which it announces the length of.
async fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap();
            if body.len() >= length.parse().unwrap() {
                return bytes;
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) => return bytes,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return bytes,
        }
    }
}

fn report() -> Report {
    fixtures::report(&Ca::root("Lab CA"), ErrorCode::PinMismatch, true).0
}

fn with_status(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_report_is_posted_as_json_and_nothing_else_is_asked_for() {
    let server = Server::answering(with_status("204 No Content")).await;
    server.sink().deliver(&report()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    let text = String::from_utf8(seen[0].clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_lowercase).collect();
    assert_eq!(lines.remove(0), "post /pins?token=t http/1.1");
    lines.sort();
    assert_eq!(
        lines,
        [
            format!("content-length: {}", body.len()),
            "content-type: application/json".to_owned(),
            format!("host: 127.0.0.1:{}", server.port),
            format!("user-agent: wa-db/{}", env!("CARGO_PKG_VERSION")),
        ]
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["hostname"], "db.lab");
}

#[tokio::test]
async fn a_report_larger_than_every_buffer_arrives_whole() {
    let server = Server::answering(with_status("200 OK")).await;
    let ca = Ca::root("Lab CA");
    let (mut report, leaf) = fixtures::report(&ca, ErrorCode::PinMismatch, true);
    report.breach.served = fixtures::chain(&[&leaf; 300]);
    server.sink().deliver(&report).await.unwrap();
    let seen = server.seen();
    let body = seen[0].split(|byte| *byte == b'\n').next_back().unwrap();
    assert!(body.len() > 4 * HEAD_LIMIT, "{}", body.len());
    assert_eq!(body, document::json(&report).unwrap());
}

#[tokio::test]
async fn success_is_delivered_and_only_what_may_pass_is_worth_another_attempt() {
    for (status, again) in [
        ("200 OK", None),
        ("202 Accepted", None),
        ("301 Moved", Some(false)),
        ("400 Bad Request", Some(false)),
        ("401 Unauthorized", Some(false)),
        ("404 Not Found", Some(false)),
        ("408 Request Timeout", Some(true)),
        ("413 Too Large", Some(false)),
        ("429 Too Many Requests", Some(true)),
        ("500 Error", Some(true)),
        ("503 Unavailable", Some(true)),
    ] {
        let server = Server::answering(with_status(status)).await;
        let found = match server.sink().deliver(&report()).await {
            Ok(()) => None,
            Err(Undelivered::Perhaps(_)) => Some(true),
            Err(Undelivered::Never(_)) => Some(false),
        };
        assert_eq!(found, again, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::answering(with_status("200 OK")).await;
    let location = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
        target.port
    );
    let server = Server::answering(location.into_bytes()).await;
    let outcome = server.sink().deliver(&report()).await;
    assert_eq!(
        outcome,
        Err(Undelivered::Never("the answer was 307".to_owned()))
    );
    assert_eq!((server.seen().len(), target.seen().len()), (1, 0));
}

#[tokio::test]
async fn an_answer_without_end_is_read_no_further_than_its_head() {
    let mut flood = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..1000 {
        flood.extend(b"1000\r\n");
        flood.extend([b'x'; 0x1000]);
        flood.extend(b"\r\n");
    }
    let server = Server::answering(flood).await;
    server.sink().deliver(&report()).await.unwrap();

    let mut headers = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..100_000 {
        headers.extend(format!("x-{number}: y\r\n").bytes());
    }
    let server = Server::answering(headers).await;
    let outcome = server.sink().deliver(&report()).await;
    assert!(
        matches!(outcome, Err(Undelivered::Perhaps(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_no_http_or_hangs_up_is_tried_again() {
    for answer in [&b""[..], b"HTTP/1.1", b"+OK ready\r\n", &[0xff; 64]] {
        let server = Server::answering(answer.to_vec()).await;
        let outcome = server.sink().deliver(&report()).await;
        assert!(
            matches!(outcome, Err(Undelivered::Perhaps(_))),
            "{outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let server = Server::silent().await;
    let start = tokio::time::Instant::now();
    let outcome = server.sink().deliver(&report()).await;
    let Err(Undelivered::Perhaps(why)) = outcome else {
        unreachable!("{outcome:?}");
    };
    assert!(why.contains("no answer within 10s"), "{why}");
    assert!(start.elapsed() >= DEADLINE, "{:?}", start.elapsed());
}

#[tokio::test]
async fn no_reason_tells_the_query_of_the_address_since_it_may_be_a_token() {
    let server = Server::answering(with_status("500 Error")).await;
    let sink = server.sink();
    let refusing = {
        let port = server.port;
        drop(server);
        tokio::task::yield_now().await;
        format!("http://127.0.0.1:{port}/pins?token=t")
    };
    for sink in [sink, PostSink::new(ReportUri::parse(&refusing).unwrap())] {
        let outcome = format!("{:?}", sink.deliver(&report()).await);
        assert!(!outcome.contains("token"), "{outcome}");
        assert!(!format!("{sink:?}").contains("token"));
    }
}

#[tokio::test]
async fn the_server_that_a_report_is_about_does_not_get_it() {
    let server = Server::answering(with_status("200 OK")).await;
    let mut report = report();
    report.breach.address = SocketAddr::from(([127, 0, 0, 1], server.port));
    let outcome = server.sink().deliver(&report).await;
    let Err(Undelivered::Never(why)) = outcome else {
        unreachable!("{outcome:?}");
    };
    assert!(why.contains("the server that the report is about"), "{why}");
    assert_eq!(server.seen().len(), 0);
}
