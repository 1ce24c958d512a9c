//! Listeners that speak TLS, for clients of other machines.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use rustix::process::Signal;
use wa_db_lab::pki::{Ca, Leaf, write_file, write_private};
use wa_db_lab::server::{Engine, TestServers};

use super::psql::Psql;
use super::running::{PATIENCE, Tunnel};
use crate::support::{Variables, text, with};

/// Certificates of a listener and of its clients, in a directory.
pub(super) struct Papers {
    directory: tempfile::TempDir,
    ca: Ca,
}

impl Papers {
    pub(super) fn new() -> Self {
        let papers = Self {
            directory: tempfile::tempdir().unwrap(),
            ca: Ca::root("root of the tunnel"),
        };
        write_file(&papers.path("ca.pem"), papers.ca.cert_pem());
        papers.present("first");
        let client = papers.ca.issue(&Leaf::client().cn("program"));
        write_file(&papers.path("client.pem"), client.chain_pem());
        write_private(&papers.path("client.key"), client.key_pem());
        let stranger = Ca::root("another root").issue(&Leaf::client().cn("stranger"));
        write_file(&papers.path("stranger.pem"), stranger.chain_pem());
        write_private(&papers.path("stranger.key"), stranger.key_pem());
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a new certificate for the listener.
    fn present(&self, name: &str) {
        let issued = self.ca.issue(&Leaf::server().cn(name).ip("127.0.0.1"));
        write_private(&self.path("key.pem"), issued.key_pem());
        write_file(&self.path("cert.pem"), issued.chain_pem());
    }

    pub(super) fn tunnel(&self, variables: &Variables, more: &[&str]) -> Tunnel {
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| self.path(name));
        let arguments = ["--tls-cert", text(&cert), "--tls-key", text(&key)];
        Tunnel::start(&[&arguments, more].concat(), variables)
    }

    /// What a client says of TLS, with this certificate if it has one. Its login cannot be bound to TLS
    /// that ends at the tunnel.
    pub(super) fn words(&self, certificate: Option<&str>) -> String {
        let own = certificate.map_or_else(
            || "sslcert=/no/such/file".to_owned(),
            |name| {
                let [cert, key] = ["pem", "key"].map(|kind| self.path(&format!("{name}.{kind}")));
                format!("sslcert={} sslkey={}", text(&cert), text(&key))
            },
        );
        let ca = self.path("ca.pem");
        format!(
            "sslmode=verify-full sslrootcert={} channel_binding=disable {own}",
            text(&ca)
        )
    }
}

fn variables(servers: &TestServers) -> Variables {
    let server = servers.of(Engine::Postgres);
    with(&server.env(), [("WA_DB_SSL_CA", text(servers.ca_file()))])
}

#[test]
fn listener_for_others_demands_tls_certificates_and_known_addresses() {
    let servers = TestServers::shared();
    let papers = Papers::new();
    let client_ca = papers.path("ca.pem");
    let others = ["--listen", "0.0.0.0:0", "--tls-client-ca", text(&client_ca)];
    let allow = |networks| {
        with(
            &variables(&servers),
            [("WA_DB_TUNNEL_ALLOWED_CLIENTS", networks)],
        )
    };
    let tunnel = papers.tunnel(&allow("127.0.0.1,10.0.0.0/8"), &others);
    let password = servers.of(Engine::Postgres).password();
    let psql = Psql::new("127.0.0.1", tunnel.port(), password);
    assert_eq!(
        psql.with(&papers.words(Some("client"))).run("SELECT 1"),
        "1\n"
    );
    for (words, said) in [
        (papers.words(None), "certificate required"),
        (papers.words(Some("stranger")), "unknown ca"),
        ("sslmode=disable".to_owned(), "speaks TLS only"),
    ] {
        let refused = psql.with(&words).try_run("SELECT 1");
        assert_eq!(refused.code, Some(2), "{words}: {refused:?}");
        assert!(refused.stderr.contains(said), "{words}: {refused:?}");
    }
    let elsewhere = papers.tunnel(&allow("10.0.0.0/8"), &others);
    let psql = Psql::new("127.0.0.1", elsewhere.port(), password);
    let refused = psql.with("sslmode=disable").try_run("SELECT 1");
    assert!(
        refused.stderr.contains("this user or address may not"),
        "{refused:?}"
    );
    assert_eq!(
        psql.with(&papers.words(Some("client")))
            .try_run("SELECT 1")
            .code,
        Some(2)
    );
}

#[test]
fn injecting_listener_logs_in_clients_with_certificates() {
    let servers = TestServers::shared();
    let papers = Papers::new();
    let client_ca = papers.path("ca.pem");
    let tunnel = papers.tunnel(
        &variables(&servers),
        &[
            "--listen",
            "127.0.0.1:0",
            "--tls-client-ca",
            text(&client_ca),
            "--inject",
        ],
    );
    let psql = Psql::new("127.0.0.1", tunnel.port(), "").with("user=anyone");
    assert_eq!(
        psql.with(&papers.words(Some("client")))
            .run("SELECT current_user"),
        "app\n"
    );
    assert_eq!(
        psql.with(&papers.words(None)).try_run("SELECT 1").code,
        Some(2)
    );
}

#[test]
fn listeners_certificate_is_read_again_after_sighup_and_a_broken_one_is_not_used() {
    let servers = TestServers::shared();
    let papers = Papers::new();
    let mut tunnel = papers.tunnel(&variables(&servers), &["--listen", "127.0.0.1:0"]);
    assert_eq!(served_name(&tunnel), "first");
    papers.present("second");
    tunnel.signal(Signal::HUP);
    tunnel.wait_for_log("new clients see the new ones");
    assert_eq!(served_name(&tunnel), "second");
    write_file(&papers.path("cert.pem"), "garbage");
    tunnel.signal(Signal::HUP);
    tunnel.wait_for_log("the previous ones stay in use");
    assert_eq!(served_name(&tunnel), "second");
}

#[test]
fn levels_say_which_versions_the_listener_speaks() {
    let servers = TestServers::shared();
    let papers = Papers::new();
    for (level, old_clients) in [
        ("", false),
        ("MODERN", false),
        ("INTERMEDIATE", true),
        ("OLD", true),
    ] {
        let variables = with(&variables(&servers), [("WA_WEB_SECURITY_LEVEL", level)]);
        let tunnel = papers.tunnel(&variables, &["--listen", "127.0.0.1:0"]);
        let psql = Psql::new(
            "127.0.0.1",
            tunnel.port(),
            servers.of(Engine::Postgres).password(),
        );
        let words = papers.words(None);
        assert_eq!(psql.with(&words).run("SELECT 1"), "1\n", "{level}");
        let old = psql
            .with(&format!("{words} ssl_max_protocol_version=TLSv1.2"))
            .try_run("SELECT 1");
        assert_eq!(old.code == Some(0), old_clients, "{level}: {old:?}");
    }
}

#[test]
fn direct_tls_is_taken_with_alpn_and_not_without() {
    let servers = TestServers::shared();
    let papers = Papers::new();
    let tunnel = papers.tunnel(&variables(&servers), &["--listen", "127.0.0.1:0"]);
    let startup = b"user\0app\0database\0appdb\0\0";
    let mut stream = shake(&tunnel, Some(b"\x0apostgresql"), false).unwrap();
    let length = u32::try_from(startup.len() + 8).unwrap().to_be_bytes();
    stream
        .write_all(&[&length[..], &[0, 3, 0, 0], startup].concat())
        .unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[0], b'R', "{answer:?}");
    let mut without = shake(&tunnel, None, false).unwrap();
    let heard = without.read(&mut [0; 16]);
    assert!(matches!(heard, Ok(0) | Err(_)), "{heard:?}");
}

fn served_name(tunnel: &Tunnel) -> String {
    let stream = shake(tunnel, None, true).unwrap();
    let certificate = stream.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap();
    String::from_utf8(name.data().as_slice().to_vec()).unwrap()
}

/// A handshake of our own with the tunnel's listener, after asking for TLS where that is wished.
fn shake(tunnel: &Tunnel, alpn: Option<&[u8]>, ask: bool) -> std::io::Result<SslStream<TcpStream>> {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    if let Some(alpn) = alpn {
        builder.set_alpn_protos(alpn).unwrap();
    }
    let mut stream = TcpStream::connect(("127.0.0.1", tunnel.port()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if ask {
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        assert_eq!(&answer, b"S");
    }
    builder
        .build()
        .connect("127.0.0.1", stream)
        .map_err(std::io::Error::other)
}
