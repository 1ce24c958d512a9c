//! F15: files that are replaced while a pool is in use.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use wa_db::code::ErrorCode;
use wa_db::pool::{Client, Pool};
use wa_db_lab::age::{Form, Identity, encrypt};
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

/// A lazy pool at each depth.
fn at_both_depths(server: &Server, ca_file: &Path, more: &[(&str, &str)]) -> [Pool; 2] {
    [&[][..], &[("WA_DB_SECURITY_LEVEL", "OLD")]].map(|depth| {
        let settings = settings(server, ca_file, &[more, depth].concat());
        Pool::connect_lazy(&settings).unwrap()
    })
}

async fn get_each(pools: &[Pool; 2]) -> Vec<Client> {
    let mut clients = Vec::new();
    for pool in pools {
        clients.push(pool.get().await.unwrap());
    }
    clients
}

async fn assert_each_refused(pools: &[Pool; 2], code: ErrorCode, engine: Engine) {
    for pool in pools {
        let refused = pool.get().await.err().and_then(|error| error.code());
        assert_eq!(refused, Some(code), "{engine:?}");
    }
}

async fn assert_each_works(clients: &mut [Client], engine: Engine) {
    for client in clients {
        assert!(works(client).await, "{engine:?}");
    }
}

async fn close_each(pools: [Pool; 2]) {
    for pool in pools {
        pool.close(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_password_file_that_is_swapped_counts_for_the_next_connection_and_a_broken_one_does_not()
 {
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
        let pools = at_both_depths(server, servers.ca_file(), &more);
        let mut first = get_each(&pools).await;

        set_password(server, "the-next-password");
        assert_each_refused(&pools, ErrorCode::AuthenticationFailed, server.engine()).await;
        swap(&link, &new);
        let mut second = Vec::new();
        for pool in &pools {
            second.push(pool.get().await);
        }
        // The account is the other tests' too.
        set_password(server, server.password());
        let mut second: Vec<_> = second.into_iter().map(Result::unwrap).collect();
        assert_each_works(&mut second, server.engine()).await;
        // The old sessions live on.
        assert_each_works(&mut first, server.engine()).await;

        // A file that cannot be used keeps the last password in force: empty, then missing.
        swap(&link, &old);
        second.extend(get_each(&pools).await);
        private(&old, "");
        second.extend(get_each(&pools).await);
        fs::remove_file(&old).unwrap();
        second.extend(get_each(&pools).await);
        assert_each_works(&mut second, server.engine()).await;
        drop((first, second));
        close_each(pools).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_an_encrypted_password_and_its_identity_that_are_replaced_count_for_the_next_connection()
 {
    let servers = TestServers::exclusive();
    let [old, new] = [(); 2].map(|()| Identity::generate());
    for server in servers.all() {
        let directory = tempfile::tempdir().unwrap();
        let (file, identity) = (
            directory.path().join("password"),
            directory.path().join("identity"),
        );
        private(&file, server.password());
        private(&identity, old.file());
        let (file_path, identity_path) =
            (file.display().to_string(), identity.display().to_string());
        let more = [
            ("WA_DB_PASSWORD", ""),
            ("WA_DB_PASSWORD_FILE", file_path.as_str()),
            ("WA_DB_IDENTITY_FILE", identity_path.as_str()),
        ];
        let pools = at_both_depths(server, servers.ca_file(), &more);
        let seal = |form, identity, password: &str| {
            wa_db_lab::pki::write_file(&file, encrypt(form, &[identity], password));
        };
        let mut clients = get_each(&pools).await;
        // The secret in the clear gives way to the same one encrypted, and that to the next.
        seal(Form::Binary, &old, server.password());
        clients.extend(get_each(&pools).await);
        // What no identity opens keeps the last password in force.
        seal(Form::Armored, &new, "the-next-password");
        clients.extend(get_each(&pools).await);
        set_password(server, "the-next-password");
        assert_each_refused(&pools, ErrorCode::AuthenticationFailed, server.engine()).await;
        // A server is not asked twice with what is out of date.
        assert_each_refused(&pools, ErrorCode::KeyMismatch, server.engine()).await;
        private(&identity, new.file());
        let mut last = Vec::new();
        for pool in &pools {
            last.push(pool.get().await);
        }
        // The account is the other tests' too.
        set_password(server, server.password());
        clients.extend(last.into_iter().map(Result::unwrap));
        assert_each_works(&mut clients, server.engine()).await;
        drop(clients);
        close_each(pools).await;
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
        let pools = at_both_depths(server, &link, &[]);
        let mut clients = get_each(&pools).await;

        // A broken file keeps the last good one in force.
        swap(&link, &broken);
        clients.extend(get_each(&pools).await);
        assert_each_works(&mut clients, server.engine()).await;

        server.present(&next_ca.issue(&TestServers::leaf()));
        assert_each_refused(&pools, ErrorCode::CertificateUntrusted, server.engine()).await;
        swap(&link, &new);
        clients.extend(get_each(&pools).await);
        assert_each_works(&mut clients, server.engine()).await;
        drop(clients);
        close_each(pools).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_client_certificate_that_is_renewed_counts_for_the_next_connection_and_a_broken_one_does_not()
 {
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
    let pools = at_both_depths(&server, &ca_file, &more);
    assert_each_refused(&pools, ErrorCode::AuthenticationFailed, server.engine()).await;

    install(&Leaf::client().cn("app"));
    let mut clients = get_each(&pools).await;
    assert_each_works(&mut clients, server.engine()).await;

    // What cannot be used keeps the last good pair in force, be it the certificate or the key.
    let good = fs::read_to_string(&cert).unwrap();
    private(&cert, "no certificate");
    clients.extend(get_each(&pools).await);
    private(&cert, &good);
    clients.extend(get_each(&pools).await);
    private(&key, &ca.issue(&Leaf::client().cn("app")).key_pem());
    clients.extend(get_each(&pools).await);
    fs::remove_file(&key).unwrap();
    clients.extend(get_each(&pools).await);
    assert_each_works(&mut clients, server.engine()).await;
}
