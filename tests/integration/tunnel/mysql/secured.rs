//! Listeners that speak TLS.

use wa_db::mysql_async::prelude::Queryable;
use wa_db::mysql_async::{Conn, SslOpts};
use wa_db_lab::pki::{Ca, Leaf, write_file, write_private};
use wa_db_lab::server::{Engine, TestServers};

use super::super::running::Tunnel;
use super::programs::{Place, Program};
use super::stand::{ENGINES, app, clients_of, options, trusting};
use crate::support::{Variables, text};

/// A tunnel with a certificate of its own.
struct Papers {
    directory: tempfile::TempDir,
}

impl Papers {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = Ca::root("root of the tunnel");
        let listener = ca.issue(&Leaf::server().cn("tunnel.lab").ip("127.0.0.1"));
        let client = ca.issue(&Leaf::client().cn("program"));
        let path = |name: &str| directory.path().join(name);
        write_file(&path("ca.pem"), ca.cert_pem());
        for (name, issued) in [("listener", listener), ("client", client)] {
            write_file(&path(&format!("{name}.pem")), issued.chain_pem());
            write_private(&path(&format!("{name}.key")), issued.key_pem());
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        text(&self.directory.path().join(name)).to_owned()
    }

    fn tunnel(&self, more: &[&str], variables: &Variables) -> Tunnel {
        let [cert, key] = ["listener.pem", "listener.key"].map(|name| self.path(name));
        let own = [
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ];
        Tunnel::start(&[&own, more].concat(), variables)
    }

    /// The client with TLS, and its certificate if it is to show one.
    fn secured(&self, client: Engine, program: &Program, certificate: bool) -> Program {
        let ca = format!("--ssl-ca={}", self.path("ca.pem"));
        let verify: &[&str] = match client {
            Engine::MySql => &["--ssl-mode=VERIFY_CA", &ca],
            _ => &["--ssl", &ca, "--ssl-verify-server-cert"],
        };
        let program = program.with(verify);
        if !certificate {
            return program;
        }
        let cert = format!("--ssl-cert={}", self.path("client.pem"));
        let key = format!("--ssl-key={}", self.path("client.key"));
        program.with(&[&cert, &key])
    }
}

#[test]
fn clients_log_in_through_tls_with_an_empty_cache_and_again_and_without_tls_are_told_so() {
    let servers = TestServers::exclusive();
    let papers = Papers::new();
    for engine in ENGINES {
        let server = servers.of(engine);
        let tunnel = papers.tunnel(&[], &trusting(server, &servers));
        let place = Place::Tcp(tunnel.port());
        for client in clients_of(engine) {
            server.sql("FLUSH PRIVILEGES");
            let plain = app(*client, &place, server.password());
            let program = papers.secured(*client, &plain, false);
            for _ in 0..2 {
                assert_eq!(program.run("SELECT 1"), "1\n", "{engine:?} {client:?}");
            }
            let refused = plain.try_run("SELECT 1");
            assert!(
                refused.stderr.contains("this address speaks TLS only"),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_async_logs_in_through_tls() {
    let servers = TestServers::exclusive();
    let papers = Papers::new();
    for engine in ENGINES {
        let server = servers.of(engine);
        server.sql("FLUSH PRIVILEGES");
        let tunnel = papers.tunnel(&[], &trusting(server, &servers));
        let ca = std::path::PathBuf::from(papers.path("ca.pem"));
        let tls = SslOpts::default().with_root_certs(vec![ca.into()]);
        let options = options(&Place::Tcp(tunnel.port()), server.password()).ssl_opts(tls);
        let mut conn = Conn::new(options).await.unwrap();
        conn.query_drop("SELECT 1").await.unwrap();
        conn.disconnect().await.unwrap();
    }
}

#[test]
fn certificate_of_the_client_stands_for_the_password_where_the_tunnel_logs_in() {
    let servers = TestServers::exclusive();
    let papers = Papers::new();
    let ca = papers.path("ca.pem");
    for engine in ENGINES {
        let server = servers.of(engine);
        server.sql("FLUSH PRIVILEGES");
        let inject = ["--inject", "--tls-client-ca", &ca];
        let tunnel = papers.tunnel(&inject, &trusting(server, &servers));
        let place = Place::Tcp(tunnel.port());
        for client in ENGINES {
            let plain = Program::new(client, &place, "somebody", "whatever");
            let stranger = papers.secured(client, &plain, false);
            assert_ne!(stranger.try_run("SELECT 1").code, Some(0));
            let program = papers.secured(client, &plain, true);
            let who = program.run("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)");
            assert_eq!(who, "app\n", "{engine:?} {client:?}");
        }
    }
}
