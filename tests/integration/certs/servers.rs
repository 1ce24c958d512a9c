//! Certificates of `wa-db certs` at work: on real servers, in clients, and renewed under both.

use std::fs;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use openssl::x509::X509;
use wa_db::pool::Pool;
use wa_db::settings::Role;
use wa_db_lab::pki::Ca;
use wa_db_lab::run::finish;
use wa_db_lab::server::{DATABASE, Engine, Server, ServerOptions, TestServers, USER};

use super::place::Place;
use crate::support::{Variables, text, wa_db, with};
use crate::verdict::{PASSES, both, on_each, runtime, settings, tls, trusting};

/// Issues a certificate straight to where a server reads it. The files there belong to the server's own
/// user, and stay its.
fn issue_to(server: &Server, place: &Place, words: &[&str]) {
    let base = server.certificate_file().with_extension("");
    assert_eq!(server.key_file(), base.with_extension("key"));
    let names = [
        "--name",
        "db.lab",
        "127.0.0.1",
        "--out",
        text(&base),
        "--force",
    ];
    place.make("issue server", &[&names, words].concat());
}

fn wait_for(server: &Server) {
    let pem = fs::read(server.certificate_file()).unwrap();
    server.wait_until_it_presents(&X509::from_pem(&pem).unwrap().to_der().unwrap());
}

/// A CA that was made here, and servers that present its certificates and demand one of the account.
struct Stand {
    place: Place,
    servers: [Server; 3],
}

static STAND: OnceLock<Mutex<Stand>> = OnceLock::new();

impl Stand {
    /// The one of this process, for one test at a time: each puts new certificates on the servers.
    fn shared() -> MutexGuard<'static, Self> {
        let stand = STAND.get_or_init(|| Mutex::new(Self::start()));
        let stand = stand.lock().unwrap_or_else(PoisonError::into_inner);
        on_each(&stand.servers, |server| {
            if server.engine() != Engine::Postgres {
                server.sql(&format!("ALTER USER {USER}@'%' REQUIRE X509"));
            }
        });
        stand
    }

    fn start() -> Self {
        let place = Place::with_ca(&["--permit-dns", "lab", "--permit-ip", "127.0.0.0/8"]);
        let ca = fs::read_to_string(place.path("ca.pem")).unwrap();
        // What they start with is replaced before anybody connects.
        let first = Ca::root("before").issue(&TestServers::leaf());
        let options = ServerOptions::tls(&first).client_ca_pem(ca).hba(&format!(
            "hostssl {DATABASE} {USER} all scram-sha-256 clientcert=verify-full"
        ));
        let servers = Server::start_all(&options);
        on_each(&servers, |server| {
            issue_to(server, &place, &[]);
            server.restart();
            wait_for(server);
        });
        Self { place, servers }
    }
}

/// The lines for an env-file that `issue client` prints, as variables.
fn pasted(base: &Variables, printed: &str) -> Variables {
    let lines = printed.lines().filter(|line| line.starts_with("WA_DB_"));
    let pairs = lines.filter_map(|line| line.split_once('='));
    let mut variables = base.clone();
    variables.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}

fn printed<'a>(printed: &'a str, start: &str) -> &'a str {
    let mut lines = printed.lines();
    lines
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("{start}: {printed}"))
}

#[test]
fn servers_and_accounts_take_what_was_issued_and_the_lines_that_are_printed() {
    let stand = Stand::shared();
    let Stand { place, servers } = &*stand;
    let issued = place
        .make("issue client", &["--name", USER, "--force"])
        .stdout;
    let alter = printed(&issued, "ALTER USER").to_owned();
    let hba = printed(&issued, "hostssl ");
    assert_eq!(
        hba,
        format!("hostssl all {USER} all scram-sha-256 clientcert=verify-full")
    );
    place.make("issue client", &["--name", "other"]);
    let ca = place.path("ca.pem");
    on_each(servers, |server| {
        if server.engine() != Engine::Postgres {
            server.sql(&alter);
        }
        let what = format!("{:?}", server.engine());
        let named = with(&server.env(), [("WA_DB_SSL_SERVER_NAME", "db.lab")]);
        for (how, variables) in [("address", server.env()), ("name", named)] {
            both(
                &format!("{what} by {how}"),
                &pasted(&variables, &issued),
                PASSES,
            );
        }
        let misnamed = with(
            &pasted(&server.env(), &issued),
            [("WA_DB_SSL_SERVER_NAME", "other.lab")],
        );
        both(&what, &misnamed, tls("hostname_mismatch"));
        let other = with(
            &trusting(server, &ca),
            [
                ("WA_DB_SSL_CERT", text(&place.path("other.pem"))),
                ("WA_DB_SSL_KEY", text(&place.path("other.key"))),
            ],
        );
        both(
            &format!("{what}, another account's"),
            &other,
            (14, "authentication_failed"),
        );
        let nobody = trusting(server, &ca);
        let refused = match server.engine() {
            Engine::Postgres => tls("client_certificate_required"),
            _ => (14, "authentication_failed"),
        };
        both(&format!("{what}, none"), &nobody, refused);
    });
}

#[test]
fn every_kind_of_key_works_on_every_server_and_in_every_client() {
    let stand = Stand::shared();
    let Stand { place, servers } = &*stand;
    for kind in ["ec-p384", "rsa-3072", "ed25519"] {
        let base = place.path(kind);
        let words = ["--name", USER, "--key-type", kind, "--out", text(&base)];
        let issued = place.make("issue client", &words).stdout;
        on_each(servers, |server| {
            issue_to(server, place, &["--key-type", kind]);
            server.reload_tls();
            wait_for(server);
            let variables = pasted(&server.env(), &issued);
            both(
                &format!("{kind} on {:?}", server.engine()),
                &variables,
                PASSES,
            );
        });
    }
}

#[test]
fn renewing_under_a_running_server_is_seen_after_a_reload_and_needs_no_new_ca() {
    let stand = Stand::shared();
    let Stand { place, servers } = &*stand;
    let issued = place
        .make("issue client", &["--name", USER, "--force"])
        .stdout;
    on_each(servers, |server| {
        let what = format!("{:?}", server.engine());
        let variables = pasted(&server.env(), &issued);
        for words in [&[][..], &["--new-key"]] {
            let before = server.served_chain().unwrap();
            let file = server.certificate_file();
            place.make("renew", &[words, &[text(&file)]].concat());
            assert_eq!(
                server.served_chain().unwrap(),
                before,
                "{what}: not before the reload"
            );
            server.reload_tls();
            wait_for(server);
            assert_ne!(server.served_chain().unwrap(), before, "{what}");
            both(&what, &variables, PASSES);
        }
    });
}

/// A client reads its pair again for each new connection. Between a new key and its certificate stands a
/// pair that does not fit: the last one that did is used.
#[test]
fn a_client_whose_pair_is_renewed_goes_on_at_every_step_of_it() {
    let stand = Stand::shared();
    let Stand { place, servers } = &*stand;
    let issued = place
        .make("issue client", &["--name", USER, "--force"])
        .stdout;
    let mut servers = servers.iter();
    let server = servers.find(|server| server.engine() == Engine::Postgres);
    let variables = pasted(&server.unwrap().env(), &issued);
    let (certificate, key) = (place.path("app.pem"), place.path("app.key"));
    let settings = settings(Role::Webapp, &variables).unwrap();
    runtime().block_on(async {
        let pool = Pool::connect_lazy(&settings).unwrap();
        // Each stays checked out, so that the next one is a new connection.
        let mut held = vec![pool.get().await.unwrap()];
        place.make("renew", &[text(&certificate)]);
        held.push(pool.get().await.unwrap());
        // Halfway: the certificate of before, the key of after.
        let before = fs::read(&certificate).unwrap();
        place.make("renew", &["--new-key", text(&certificate)]);
        let after = fs::read(&certificate).unwrap();
        fs::write(&certificate, &before).unwrap();
        assert!(!place.belong_together("app.pem", "app.key"));
        held.push(pool.get().await.unwrap());
        fs::write(&certificate, &after).unwrap();
        held.push(pool.get().await.unwrap());
        // The old pair is not what it used: nobody has that key any more.
        assert!(place.belong_together("app.pem", "app.key"));
        fs::remove_file(&key).unwrap();
        held.push(pool.get().await.unwrap());
        drop(held);
        pool.close(Duration::from_secs(5)).await.unwrap();
    });
}

/// The lines between a heading and the next one.
fn block<'a>(printed: &'a str, heading: &str) -> &'a str {
    let start = printed
        .find(heading)
        .unwrap_or_else(|| panic!("{heading}: {printed}"));
    printed[start..].split("\n\n").next().unwrap()
}

/// However odd the path is: quotes, escapes and comments are what each of the files has of its own.
#[test]
fn the_lines_for_configuration_files_mean_the_same_to_those_who_read_them() {
    let stand = Stand::shared();
    let place = Place::empty();
    let odd = place.path("a b#c'd\\e");
    let run = |words: &[&str]| {
        let arguments = [&["certs"], words, &["--dir", text(&odd)]].concat();
        let outcome = wa_db(&arguments, &Variables::new());
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.stdout
    };
    run(&["init"]);
    let printed = run(&["issue", "server", "--name", "db.lab"]);
    let path = |name: &str| text(&odd.join(name)).to_owned();
    let (certificate, key, ca) = (path("db.lab.pem"), path("db.lab.key"), path("ca.pem"));

    let mut servers = stand.servers.iter();
    let server = servers.find(|server| server.engine() == Engine::Postgres);
    let server = server.unwrap();
    let file = server.data_dir().join("postgresql.conf");
    let before = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        before.clone() + block(&printed, "# postgresql.conf") + "\n",
    )
    .unwrap();
    let read = server.sql(
        "SELECT name || '=' || setting FROM pg_file_settings WHERE name LIKE 'ssl%' ORDER BY name",
    );
    fs::write(&file, before).unwrap();
    let expected =
        format!("ssl=on\nssl_ca_file={ca}\nssl_cert_file={certificate}\nssl_key_file={key}\n");
    assert_eq!(read, expected);

    let file = place.path("my.cnf");
    fs::write(&file, block(&printed, "# my.cnf")).unwrap();
    let mut program = Command::new("my_print_defaults");
    program
        .arg(format!("--defaults-file={}", text(&file)))
        .arg("mysqld");
    let read = finish(&mut program, "", Duration::from_secs(30))
        .unwrap()
        .stdout;
    let expected = format!(
        "--ssl_cert={certificate}\n--ssl_key={key}\n--ssl_ca={ca}\n--require_secure_transport=ON\n"
    );
    assert_eq!(read, expected);

    let file = place.path("db.env");
    fs::write(&file, block(&printed, "# db.env")).unwrap();
    let arguments = ["explain", "--role", "webapp", "--env-file", text(&file)];
    let explained = wa_db(&arguments, &server.env());
    assert!(
        explained.stdout.contains(&format!(" {ca} ")),
        "{explained:?}"
    );
}
