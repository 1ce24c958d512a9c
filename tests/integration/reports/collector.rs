//! Whoever takes the reports: an HTTP or HTTPS server on loopback, [`Collector`].

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use openssl::ssl::{SslAcceptor, SslMethod};
use serde_json::Value;
use wa_db_lab::pki::Issued;

/// How long a client may take for each step.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running collector; dropping it ends it.
pub(super) struct Collector {
    scheme: &'static str,
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    taken: Mutex<Taken>,
    more: Condvar,
}

#[derive(Default)]
struct Taken {
    connections: usize,
    reports: Vec<Value>,
}

/// What it does with a report.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// Answers with the first of these statuses, then the second and so on; the last one for ever.
    Answers(&'static [u16]),
    /// Reads nothing and says nothing.
    Silent,
}

impl Collector {
    /// One that speaks plain HTTP.
    pub(super) fn http(manner: Manner) -> Self {
        Self::start("http", manner, None)
    }

    /// One that shows this certificate.
    pub(super) fn https(certificate: &Issued, manner: Manner) -> Self {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_certificate(&certificate.x509()).unwrap();
        builder.set_private_key(certificate.key().pkey()).unwrap();
        Self::start("https", manner, Some(builder.build()))
    }

    fn start(scheme: &'static str, manner: Manner, tls: Option<SslAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if state.stop.load(Ordering::Relaxed) {
                    return;
                }
                state.taken.lock().unwrap().connections += 1;
                match manner {
                    Manner::Silent => held.push(stream),
                    // A client that goes away is for the test to judge.
                    Manner::Answers(statuses) => {
                        let _ = serve(&state, statuses, tls.as_ref(), stream);
                    }
                }
            }
        });
        Self {
            scheme,
            port,
            shared,
            accepting: Some(accepting),
        }
    }

    /// The value of `WA_DB_SSL_REPORT_URI`.
    pub(super) fn uri(&self) -> String {
        format!("{}://127.0.0.1:{}/pins", self.scheme, self.port)
    }

    /// How many connections were made to it.
    pub(super) fn connections(&self) -> usize {
        self.shared.taken.lock().unwrap().connections
    }

    /// Every report it was sent so far, those that it refused too.
    pub(super) fn reports(&self) -> Vec<Value> {
        self.shared.taken.lock().unwrap().reports.clone()
    }

    /// The same once there are this many.
    pub(super) fn wait_for(&self, count: usize) -> Vec<Value> {
        let taken = self.shared.taken.lock().unwrap();
        let (taken, waited) = self
            .shared
            .more
            .wait_timeout_while(taken, Duration::from_secs(60), |taken| {
                taken.reports.len() < count
            })
            .unwrap();
        assert!(!waited.timed_out(), "{} reports", taken.reports.len());
        taken.reports.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread out of its accept.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn serve(
    shared: &Shared,
    statuses: &[u16],
    tls: Option<&SslAcceptor>,
    stream: TcpStream,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match tls {
        None => answer(shared, statuses, stream),
        Some(acceptor) => {
            let stream = acceptor.accept(stream).map_err(io::Error::other)?;
            answer(shared, statuses, stream)
        }
    }
}

fn answer(shared: &Shared, statuses: &[u16], mut stream: impl Read + Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    let report = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..read]);
        if let Some(body) = body(&bytes) {
            break serde_json::from_slice(body)?;
        }
    };
    let count = {
        let mut taken = shared.taken.lock().unwrap();
        taken.reports.push(report);
        taken.reports.len()
    };
    let status = statuses[(count - 1).min(statuses.len() - 1)];
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
    let written = stream.write_all(answer.as_bytes());
    shared.more.notify_all();
    written
}

/// The body of a request that is there to its end.
fn body(request: &[u8]) -> Option<&[u8]> {
    let head = request.windows(4).position(|end| end == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    assert!(text.starts_with("post /pins http/1.1\r\n"), "{text}");
    assert!(text.contains("content-type: application/json"), "{text}");
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let body = &request[head + 4..];
    (body.len() >= length.parse().unwrap()).then_some(body)
}
