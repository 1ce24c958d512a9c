//! Who may ask, by which names, and what a browser is told.

use std::net::TcpStream;

use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};
use wa_db_lab::pki::{Ca, Leaf};

use super::running::{Answer, Monitor, PATIENCE};
use crate::support::{Variables, text, with};

const PATHS: [&str; 7] = [
    "/",
    "/status.css",
    "/status.js",
    "/status.json",
    "/metrics",
    "/healthz",
    "/nothing",
];

/// A server that nobody needs.
pub(super) fn nowhere() -> Variables {
    [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", "1"),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", "canary-password-77d1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[test]
fn every_answer_is_hardened_and_kept_by_nobody() {
    let monitor = Monitor::start("webapp", &[], &nowhere());
    for path in PATHS {
        let answer = monitor.ask(path);
        let expected = if path == "/nothing" { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{path}");
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "deny"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            let found = answer.header(name);
            assert_eq!(
                found,
                Some(value.to_ascii_lowercase()).as_deref(),
                "{path} {name}"
            );
        }
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
}

#[test]
fn names_that_anybody_could_have_given_this_address_are_refused() {
    let monitor = Monitor::start("webapp", &[], &nowhere());
    let port = monitor.address().port();
    for (host, status) in [
        ("localhost", 200),
        (&*format!("127.0.0.1:{port}"), 200),
        ("[::1]:9187", 200),
        ("attacker.example", 421),
        (&*format!("attacker.example:{port}"), 421),
        ("127.0.0.1.attacker.example", 421),
        ("", 421),
    ] {
        for path in ["/", "/status.json", "/metrics"] {
            let answer = monitor.ask_as(path, host);
            assert_eq!(answer.status, status, "{host} {path}");
            assert!(answer.header("content-security-policy").is_some());
        }
    }
}

/// A listener's certificate and those of its clients.
struct Papers {
    directory: tempfile::TempDir,
    ca: Ca,
}

impl Papers {
    fn new() -> Self {
        let papers = Self {
            directory: tempfile::tempdir().unwrap(),
            ca: Ca::root("papers"),
        };
        let listener = Leaf::server().cn("monitor.lab").ip("127.0.0.1");
        papers.write("listener", &listener);
        papers.write("client", &Leaf::client().cn("prometheus"));
        std::fs::write(papers.path("ca.pem"), papers.ca.cert_pem()).unwrap();
        papers
    }

    fn write(&self, name: &str, leaf: &Leaf) {
        let issued = self.ca.issue(leaf);
        issued.write_chain(&self.path(&format!("{name}.pem")));
        issued.write_key(&self.path(&format!("{name}.key")));
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn monitor(&self, admin: &str, more: &[&str], variables: &Variables) -> Monitor {
        let (cert, key) = (self.path("listener.pem"), self.path("listener.key"));
        let tls = ["--tls-cert", text(&cert), "--tls-key", text(&key)];
        let arguments = [&["--admin", admin][..], &tls, more].concat();
        Monitor::start("webapp", &arguments, variables)
    }

    /// What it answers over TLS, or why it does not.
    fn ask(&self, monitor: &Monitor, client: bool, newest: SslVersion) -> Result<Answer, String> {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_ca_file(self.path("ca.pem")).unwrap();
        connector.set_max_proto_version(Some(newest)).unwrap();
        if client {
            let (cert, key) = (self.path("client.pem"), self.path("client.key"));
            connector.set_certificate_chain_file(cert).unwrap();
            connector
                .set_private_key_file(key, SslFiletype::PEM)
                .unwrap();
        }
        let stream = TcpStream::connect(("127.0.0.1", monitor.address().port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let connected = connector.build().connect("127.0.0.1", stream);
        let mut stream = connected.map_err(|error| error.to_string())?;
        Ok(Answer::read(&mut stream, "/status.json", "monitor.lab"))
    }
}

#[test]
fn listener_for_others_speaks_tls_of_its_level_to_known_addresses() {
    let papers = Papers::new();
    let allow = |networks| with(&nowhere(), [("WA_DB_TUNNEL_ALLOWED_CLIENTS", networks)]);
    let monitor = papers.monitor("0.0.0.0:0", &[], &allow("127.0.0.0/8"));
    let answer = papers.ask(&monitor, false, SslVersion::TLS1_3).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let transport = answer.header("strict-transport-security");
    assert_eq!(transport, Some("max-age=63072000"));
    let old = papers.ask(&monitor, false, SslVersion::TLS1_2);
    assert!(old.is_err(), "MODERN is TLS 1.3: {old:?}");
    assert_eq!(monitor.ask("/status.json").status, 0, "plaintext");
    let elsewhere = papers.monitor("0.0.0.0:0", &[], &allow("10.0.0.0/8"));
    assert!(papers.ask(&elsewhere, false, SslVersion::TLS1_3).is_err());
    assert!(
        elsewhere
            .log()
            .contains("outside WA_DB_TUNNEL_ALLOWED_CLIENTS")
    );
    let level = with(
        &allow("127.0.0.1"),
        [("WA_WEB_SECURITY_LEVEL", "INTERMEDIATE")],
    );
    let intermediate = papers.monitor("0.0.0.0:0", &[], &level);
    let answer = papers
        .ask(&intermediate, false, SslVersion::TLS1_2)
        .unwrap();
    assert_eq!(answer.status, 200);
}

#[test]
fn certificates_are_demanded_where_a_ca_for_them_is_named() {
    let papers = Papers::new();
    let ca = papers.path("ca.pem");
    let monitor = papers.monitor("127.0.0.1:0", &["--tls-client-ca", text(&ca)], &nowhere());
    // It listens on loopback: names are looked at there too, over TLS or not.
    let known = papers.ask(&monitor, true, SslVersion::TLS1_3).unwrap();
    assert_eq!(known.status, 421);
    let unknown = papers.ask(&monitor, false, SslVersion::TLS1_3);
    // In TLS 1.3 the client is done before the server has looked at its certificate.
    assert!(unknown.is_err() || unknown.is_ok_and(|answer| answer.status == 0));
}

#[test]
fn page_answers_though_others_say_nothing() {
    let monitor = Monitor::start("webapp", &[], &nowhere());
    let connect = || TcpStream::connect(monitor.address()).unwrap();
    // More than are served at once.
    let silent: Vec<_> = (0..40).map(|_| connect()).collect();
    assert_eq!(monitor.ask("/healthz").status, 200);
    drop(silent);
}
