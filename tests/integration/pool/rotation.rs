//! F15: files that are replaced while a pool is in use.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use wa_db::code::ErrorCode;
use wa_db::pool::{Client, Pool};
use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::{Engine, Server, TestServers};

use super::fixture::{ask, settings};

/// Points `link` at another file in one step, as Kubernetes does with its volumes.
fn swap(link: &Path, target: &Path) {
    let next = link.with_extension("next");
    symlink(target, &next).unwrap();
    fs::rename(&next, link).unwrap();
}

fn private(path: &Path, content: &str) {
    wa_db_lab::pki::write_private(path, content);
}

fn set_password(server: &Server, password: &str) {
    let account = match server.engine() {
        Engine::Postgres => "ALTER ROLE app PASSWORD",
        Engine::MariaDb => "ALTER USER app@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD",
        Engine::MySql => "ALTER USER app@'%' IDENTIFIED BY",
    };
    let value = match server.engine() {
        Engine::MariaDb => format!("('{password}')"),
        _ => format!("'{password}'"),
    };
    server.sql(&format!("{account} {value}"));
}

async fn works(client: &mut Client) -> bool {
    ask(client, "SELECT 1").await.as_deref() == Ok("1")
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_password_file_that_is_swapped_counts_for_the_next_connection() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        let directory = tempfile::tempdir().unwrap();
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        let link = directory.path().join("password");
        private(&old, server.password());
        private(&new, "the-next-password");
        symlink(&old, &link).unwrap();
        let file = link.display().to_string();
        let more = [
            ("WA_DB_PASSWORD", ""),
            ("WA_DB_PASSWORD_FILE", file.as_str()),
        ];
        let pool = Pool::connect(&settings(server, servers.ca_file(), &more))
            .await
            .unwrap();
        let mut first = pool.get().await.unwrap();

        set_password(server, "the-next-password");
        let refused = pool.get().await.err().and_then(|error| error.code());
        assert_eq!(
            refused,
            Some(ErrorCode::AuthenticationFailed),
            "{:?}",
            server.engine()
        );
        swap(&link, &new);
        let second = pool.get().await;
        // The account is the other tests' too.
        set_password(server, server.password());
        assert!(works(&mut second.unwrap()).await, "{:?}", server.engine());
        assert!(
            works(&mut first).await,
            "the old session lives on: {:?}",
            server.engine()
        );
        drop(first);
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_ca_file_that_is_swapped_counts_for_the_next_connection_and_a_broken_one_does_not() {
    let servers = TestServers::exclusive();
    let next_ca = Ca::root("the next root");
    for server in servers.all() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("ca.pem");
        let (new, broken) = (
            directory.path().join("new"),
            directory.path().join("broken"),
        );
        fs::write(&new, next_ca.cert_pem()).unwrap();
        fs::write(&broken, "no certificate").unwrap();
        symlink(servers.ca_file(), &link).unwrap();
        let pool = Pool::connect(&settings(server, &link, &[])).await.unwrap();
        let mut first = pool.get().await.unwrap();

        // A broken file keeps the last good one in force.
        swap(&link, &broken);
        let mut second = pool.get().await.unwrap();
        assert!(works(&mut second).await);

        server.present(&next_ca.issue(&TestServers::leaf()));
        let refused = pool.get().await.err().and_then(|error| error.code());
        assert_eq!(
            refused,
            Some(ErrorCode::CertificateUntrusted),
            "{:?}",
            server.engine()
        );
        swap(&link, &new);
        let mut third = pool.get().await.unwrap();
        for client in [&mut first, &mut second, &mut third] {
            assert!(works(client).await, "{:?}", server.engine());
        }
        drop((first, second, third));
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_client_certificate_that_is_renewed_counts_for_the_next_connection() {
    let ca = Ca::root("lab root");
    let certificate = ca.issue(&TestServers::leaf());
    let options = wa_db_lab::server::ServerOptions::tls(&certificate)
        .client_ca(&ca)
        .hba("hostssl all app all cert");
    let server = Server::start(Engine::Postgres, options);
    let ca_file = server.file("ca.pem", ca.cert_pem());
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (
        directory.path().join("client.pem"),
        directory.path().join("client.key"),
    );
    let install = |leaf: &Leaf| {
        let issued = ca.issue(leaf);
        for (path, content) in [(&key, issued.key_pem()), (&cert, issued.chain_pem())] {
            let next = path.with_extension("next");
            private(&next, &content);
            fs::rename(&next, path).unwrap();
        }
    };
    install(&Leaf::client().cn("somebody else"));
    let (cert_path, key_path) = (cert.display().to_string(), key.display().to_string());
    let more = [
        ("WA_DB_SSL_CERT", cert_path.as_str()),
        ("WA_DB_SSL_KEY", key_path.as_str()),
    ];
    let pool = Pool::connect_lazy(&settings(&server, &ca_file, &more)).unwrap();
    let refused = pool.get().await.err().and_then(|error| error.code());
    assert_eq!(refused, Some(ErrorCode::AuthenticationFailed));

    install(&Leaf::client().cn("app"));
    let mut client = pool.get().await.unwrap();
    assert!(works(&mut client).await);
}
