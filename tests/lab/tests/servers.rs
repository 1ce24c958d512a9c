//! Each real server starts, presents what it is told to, comes back, and leaves nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wa_db_lab::pki::{Ca, Issued, Leaf};
use wa_db_lab::server::{DATABASE, ED25519_USER, Engine, Server, ServerOptions, TestServers, USER};

fn certificate() -> Issued {
    Ca::root("lab root").issue(&TestServers::leaf())
}

#[test]
fn postgres_lives_a_whole_life() {
    whole_life(Engine::Postgres, ServerOptions::tls);
}

#[test]
fn newer_postgres_lives_a_whole_life() {
    whole_life(Engine::Postgres, |certificate| {
        ServerOptions::tls(certificate).newer_postgres()
    });
}

#[test]
fn mariadb_lives_a_whole_life() {
    whole_life(Engine::MariaDb, ServerOptions::tls);
}

#[test]
fn mysql_lives_a_whole_life() {
    whole_life(Engine::MySql, ServerOptions::tls);
}

fn whole_life(engine: Engine, options: impl Fn(&Issued) -> ServerOptions) {
    let (first, second) = (certificate(), certificate());
    let server = Server::start(engine, options(&first));
    assert_eq!(served(&server), [first.cert_der()], "as started");
    assert_eq!(server.sql("SELECT 1 + 1"), "2\n");

    server.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7);");
    server.present(&second);
    assert_eq!(served(&server), [second.cert_der()], "after present");

    let (port, before) = (server.port(), server.pid());
    server.stop();
    assert!(server.served_chain().is_err(), "stopped, it takes nobody");
    server.resume();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), before);
    assert_eq!(server.sql("SELECT n FROM kept"), "7\n");
    assert_eq!(served(&server), [second.cert_der()], "after a restart");
    assert!(!server.log().contains(server.password()));

    let (pid, directory) = (server.pid().unwrap(), server.socket_dir());
    assert!(directory.exists());
    drop(server);
    assert!(!runs(pid), "the process is gone");
    assert!(!directory.parent().unwrap().exists(), "so is its directory");
}

#[test]
fn account_logs_in_with_its_password_over_tls() {
    let servers = TestServers::shared();
    let ca = servers.ca_file();
    for server in servers.all() {
        let mut users = vec![USER];
        if server.engine() == Engine::MariaDb {
            users.push(ED25519_USER);
        }
        for user in users {
            assert_eq!(login(server, user, server.password(), ca), Ok("1\n".into()));
            assert!(login(server, user, "wrong", ca).is_err());
        }
    }
}

#[test]
fn three_servers_start_side_by_side_once_their_templates_exist() {
    drop(TestServers::shared());
    // It takes a tenth of that where nothing else runs; here other tests start servers too.
    let starts = (0..3).map(|_| {
        let start = Instant::now();
        let servers = TestServers::start();
        let took = start.elapsed();
        println!("{} servers started in {took:?}", servers.all().len());
        took
    });
    let in_time = |took| took < Duration::from_secs(15);
    assert!(starts.into_iter().any(in_time), "none of three starts");
}

#[test]
fn killed_backends_are_gone_and_the_server_is_not() {
    let servers = TestServers::exclusive();
    for server in servers.all() {
        let ca = servers.ca_file();
        let sleep_call = match server.engine() {
            Engine::Postgres => "SELECT pg_sleep(60)",
            _ => "SELECT SLEEP(60)",
        };
        let mut client = client(server, USER, server.password(), ca, sleep_call)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sessions = match server.engine() {
            Engine::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'",
            _ => "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'",
        };
        wait_until("the client sleeps", || server.sql(sessions) == "1\n");
        server.kill_backends();
        wait_until("the session ends", || server.sql(sessions) == "0\n");
        wait_until("the client notices", || {
            client.try_wait().unwrap().is_some()
        });
    }
}

#[test]
fn killed_test_process_leaves_no_server_and_no_directory() {
    const NAME: &str = "killed_test_process_leaves_no_server_and_no_directory";
    if std::env::var_os("WA_DB_LAB_VICTIM").is_some() {
        return be_the_victim();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env("WA_DB_LAB_VICTIM", "yes")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let told: Vec<_> = lines
        .map_while(Result::ok)
        .filter_map(|line| Some(line.strip_prefix("lab-server ")?.to_owned()))
        .take(3)
        .collect();
    assert_eq!(told.len(), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in told {
        let (pid, directory) = line.split_once(' ').unwrap();
        let pid = pid.parse().unwrap();
        wait_until(&format!("{line} is gone"), || {
            !runs(pid) && !Path::new(directory).exists()
        });
    }
}

/// The same test in the process that is to be killed: start, tell, and never come to an end.
fn be_the_victim() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let directory = server.socket_dir();
        let directory = directory.parent().unwrap().display();
        println!("lab-server {} {directory}", server.pid().unwrap());
    }
    sleep(Duration::from_secs(120));
}

#[test]
fn postgres_demands_a_client_certificate_and_refuses_a_revoked_one() {
    let ca = Ca::root("lab root");
    let (good, revoked) = (
        ca.issue(&Leaf::client().cn(USER)),
        ca.issue(&Leaf::client().cn(USER)),
    );
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()))
        .client_ca(&ca)
        .client_crl_pem(ca.crl_pem(&[&revoked]))
        .hba("hostssl all all 127.0.0.1/32 cert");
    let server = Server::start(Engine::Postgres, options);
    let root = server.file("ca.pem", ca.cert_pem());
    let with = |identity: &Issued| {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = (directory.path().join("c"), directory.path().join("k"));
        identity.write_chain(&chain);
        identity.write_key(&key);
        let mut client = client(&server, USER, "", &root, "SELECT 1");
        client.env("PGSSLCERT", chain).env("PGSSLKEY", key);
        output(&mut client)
    };
    assert_eq!(with(&good), Ok("1\n".into()));
    let refused = with(&revoked).unwrap_err();
    assert!(refused.contains("certificate revoked"), "{refused}");
    let without = login(&server, USER, server.password(), &root).unwrap_err();
    assert!(without.contains("valid client certificate"), "{without}");
}

#[test]
fn mysql_accounts_may_require_a_certificate_of_a_given_subject() {
    let ca = Ca::root("lab root");
    for engine in [Engine::MariaDb, Engine::MySql] {
        let options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).client_ca(&ca);
        let server = Server::start(engine, options);
        let root = server.file("ca.pem", ca.cert_pem());
        let right = ca.issue(&Leaf::client().ou("lab").cn("app"));
        let wrong = ca.issue(&Leaf::client().ou("lab").cn("other"));
        server.sql(&format!(
            "ALTER USER {USER}@'%' REQUIRE SUBJECT '{}' AND ISSUER '{}'",
            right.subject_line(),
            right.issuer_line()
        ));
        for (identity, allowed) in [(right, true), (wrong, false)] {
            let chain = server.file("client.pem", identity.chain_pem());
            let key = server.file("client.key", identity.key_pem());
            let mut client = client(&server, USER, server.password(), &root, "SELECT 1");
            client.arg(format!("--ssl-cert={}", chain.display()));
            client.arg(format!("--ssl-key={}", key.display()));
            assert_eq!(output(&mut client).is_ok(), allowed, "{engine:?}");
        }
    }
}

#[test]
fn mysql_left_alone_presents_a_certificate_of_its_own_ca() {
    let server = Server::start(Engine::MySql, ServerOptions::makes_its_own_certificates());
    let served = openssl::x509::X509::from_der(&served(&server)[0]).unwrap();
    let subject = served.subject_name().entries().next().unwrap();
    let subject = subject.data().to_string().unwrap();
    assert_eq!(subject, server.own_certificate_name());
    assert!(served.subject_alt_names().is_none());
    let ca = std::fs::read(server.own_ca_file()).unwrap();
    let ca = openssl::x509::X509::from_pem(&ca).unwrap();
    assert!(served.verify(&ca.public_key().unwrap()).unwrap());
}

#[test]
fn servers_present_what_no_sane_policy_allows() {
    let ca = Ca::root("lab root");
    let servers = TestServers::exclusive();
    let weak = wa_db_lab::pki::KeyKind::Rsa1024;
    for server in servers.all() {
        for leaf in [
            TestServers::leaf().expired(),
            TestServers::leaf().signed_with_sha1(),
            TestServers::leaf().key_kind(weak),
            TestServers::leaf().client_auth_only(),
        ] {
            server.present(&ca.issue(&leaf));
        }
    }
}

#[test]
fn postgres_standby_is_in_recovery_and_a_read_only_server_has_its_accounts() {
    let options = ServerOptions::tls(&certificate());
    let read_only = options.clone();
    let standby = Server::start(Engine::Postgres, options);
    standby.become_standby();
    assert_eq!(standby.sql("SELECT pg_is_in_recovery()"), "t\n");
    let read_only = read_only.setting("default_transaction_read_only", "on");
    let server = Server::start(Engine::Postgres, read_only);
    assert!(server.try_sql("CREATE TABLE refused (n int)").is_err());
    let roles = "SELECT count(*) FROM pg_roles WHERE rolname = 'app'";
    assert_eq!(server.sql(roles), "1\n");
}

#[test]
fn servers_listen_on_both_loopback_addresses_where_the_machine_has_them() {
    let addresses: Vec<_> = ["127.0.0.1", "::1"]
        .into_iter()
        .filter(|address| std::net::TcpListener::bind((*address, 0)).is_ok())
        .collect();
    for server in TestServers::shared().all() {
        for address in &addresses {
            let connected = std::net::TcpStream::connect((*address, server.port()));
            assert!(connected.is_ok(), "{:?} on {address}", server.engine());
        }
    }
}

#[test]
fn servers_stop_at_the_protocol_they_are_told() {
    for (engine, protocol) in [
        (Engine::Postgres, "TLSv1.1"),
        (Engine::MariaDb, "TLSv1.1"),
        (Engine::MySql, "TLSv1.2"),
    ] {
        let options = ServerOptions::tls(&certificate()).max_protocol(protocol);
        let server = Server::start(engine, options);
        assert!(server.served_chain().is_ok(), "{engine:?}");
        let spoken = server.negotiated_protocol().unwrap();
        assert_eq!(spoken, protocol, "{engine:?}");
    }
}

#[test]
fn server_without_tls_speaks_none_and_one_that_requires_it_takes_nothing_else() {
    for engine in Engine::ALL {
        let plain = Server::start(engine, ServerOptions::tls_off());
        assert!(plain.served_chain().is_err(), "{engine:?}");
        drop(plain);
        let options = ServerOptions::tls(&certificate()).require_tls();
        let strict = Server::start(engine, options);
        let mut client = plain_client(&strict);
        assert!(output(&mut client).is_err(), "{engine:?}");
    }
}

fn served(server: &Server) -> Vec<Vec<u8>> {
    server.served_chain().unwrap()
}

fn runs(pid: u32) -> bool {
    Path::new("/proc")
        .join(pid.to_string())
        .join("exe")
        .exists()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(20));
    }
}

fn login(server: &Server, user: &str, password: &str, ca: &Path) -> Result<String, String> {
    output(&mut client(server, user, password, ca, "SELECT 1"))
}

fn output(client: &mut Command) -> Result<String, String> {
    let output = client.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// The engine's own client with its strictest verification.
fn client(server: &Server, user: &str, password: &str, ca: &Path, sql: &str) -> Command {
    let port = server.port().to_string();
    let ca = ca.display();
    if server.engine() == Engine::Postgres {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-c", sql])
            .arg(format!(
                "host=127.0.0.1 port={port} user={user} dbname={DATABASE} \
                 sslmode=verify-full sslrootcert={ca}"
            ))
            .env("PGPASSWORD", password);
        return psql;
    }
    let mut mariadb = Command::new("mariadb");
    mariadb
        .args(["--no-defaults", "-BN", "-h127.0.0.1", "--protocol=TCP"])
        .args(["-u", user, "-P", &port, "-e", sql, DATABASE])
        .arg(format!("--ssl-ca={ca}"))
        .arg("--ssl-verify-server-cert")
        .env("MYSQL_PWD", password);
    mariadb
}

fn plain_client(server: &Server) -> Command {
    let port = server.port().to_string();
    if server.engine() == Engine::Postgres {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-c", "SELECT 1"])
            .arg(format!(
                "host=127.0.0.1 port={port} user={USER} dbname={DATABASE} sslmode=disable"
            ))
            .env("PGPASSWORD", server.password());
        return psql;
    }
    let mut mariadb = Command::new("mariadb");
    mariadb
        .args([
            "--no-defaults",
            "--skip-ssl",
            "-h127.0.0.1",
            "--protocol=TCP",
        ])
        .args(["-u", USER, "-P", &port, "-e", "SELECT 1", DATABASE])
        .env("MYSQL_PWD", server.password());
    mariadb
}
