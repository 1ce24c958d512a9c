//! MariaDB and MySQL: what they share, and where they differ.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::home::{Home, RunAs};
use super::options::Tls;
use super::programs::{client_program, mariadb, mysql_root, run};
use super::{DATABASE, ED25519_USER, Engine, ServerOptions, USER};

pub(super) const READY: &str = "ready for connections";

pub(super) fn server_program(engine: Engine) -> PathBuf {
    match engine {
        Engine::MySql => mysql_root().join("bin/mysqld"),
        _ => mariadb("mariadbd"),
    }
}

pub(super) fn initialise(engine: Engine, data: &Path, user: RunAs) -> Result<(), String> {
    // As for a server that runs: see `command`.
    let draft = data.parent().unwrap_or(data);
    if engine == Engine::MariaDb {
        let mut install = user.command(mariadb("mariadb-install-db"));
        install
            .current_dir("/")
            .env("TMPDIR", draft)
            .args(["--no-defaults", "--skip-test-db", "--skip-name-resolve"])
            .args(["--auth-root-authentication-method=normal"])
            .arg("--innodb-log-file-size=8M")
            .arg(format!("--datadir={}", data.display()));
        return run(&mut install, "").map(drop);
    }
    let mut initialise = user.command(server_program(engine));
    initialise
        .current_dir("/")
        .env("TMPDIR", draft)
        .args(["--no-defaults", "--initialize-insecure"])
        .arg("--innodb-redo-log-capacity=16M")
        .args(base_arguments(data));
    run(&mut initialise, "")?;
    // A server that makes its own certificates makes them anew, one that does not has none.
    for name in ["ca", "server-cert", "client-cert"] {
        let _ = fs::remove_file(data.join(format!("{name}.pem")));
    }
    for name in ["ca-key", "server-key", "client-key"] {
        let _ = fs::remove_file(data.join(format!("{name}.pem")));
    }
    Ok(())
}

pub(super) fn command(engine: Engine, home: &Home, options: &ServerOptions, port: u16) -> Command {
    let mut command = home.command(&server_program(engine));
    command.arg("--no-defaults");
    match engine {
        Engine::MySql => command.args(base_arguments(&home.data())).args([
            "--mysqlx=OFF",
            "--innodb-redo-log-capacity=16M",
            "--skip-log-bin",
            "--secure-file-priv=NULL",
        ]),
        _ => command
            .arg(format!("--datadir={}", home.data().display()))
            .args([
                "--innodb-log-file-size=8M",
                "--plugin-load-add=auth_ed25519",
            ]),
    };
    command
        .arg(format!("--port={port}"))
        .arg(format!("--bind-address={}", addresses()))
        .arg(format!("--socket={}", socket(home).display()))
        .arg(format!("--pid-file={}", home.run().join("pid").display()))
        // A MariaDB that starts deletes what looks like temporary tables, whosever they are.
        .arg(format!("--tmpdir={}", home.run().display()))
        .arg("--skip-name-resolve")
        .args(["--max-connections=300", "--max-connect-errors=4294967295"])
        .args(["--performance-schema=OFF", "--innodb-buffer-pool-size=32M"])
        .args([
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=OFF",
        ]);
    tls_arguments(engine, home, options, &mut command);
    if options.require_tls {
        command.arg("--require-secure-transport=ON");
    }
    for (name, value) in &options.settings {
        command.arg(format!("--{name}={value}"));
    }
    command
}

pub(super) fn socket(home: &Home) -> PathBuf {
    home.run().join("mysql.sock")
}

pub(super) fn client(engine: Engine, home: &Home, database: Option<&str>) -> Command {
    // The socket is local; no certificate a test presents may stand in our way.
    let plain = match engine {
        Engine::MySql => "--ssl-mode=DISABLED",
        _ => "--skip-ssl",
    };
    let mut client = Command::new(client_program(engine));
    client
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(["--no-defaults", "--batch", "--skip-column-names", "-uroot"])
        .arg(plain)
        .arg(format!("--socket={}", socket(home).display()))
        .args(database);
    client
}

pub(super) fn accounts(engine: Engine, password: &str) -> String {
    let mut sql = format!(
        "CREATE DATABASE {DATABASE};\n\
         CREATE USER {USER}@'%' IDENTIFIED BY '{password}';\n\
         GRANT ALL ON {DATABASE}.* TO {USER}@'%';\n"
    );
    if engine == Engine::MariaDb {
        // The anonymous user of localhost would be preferred to any named user of '%'.
        let _ = writeln!(
            sql,
            "DELETE FROM mysql.global_priv WHERE User = '';\n\
             FLUSH PRIVILEGES;\n\
             CREATE USER {ED25519_USER}@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{password}');\n\
             GRANT ALL ON {DATABASE}.* TO {ED25519_USER}@'%';"
        );
    }
    sql
}

pub(super) const BACKENDS: &str = "SELECT id FROM information_schema.processlist \
     WHERE id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler');";

fn base_arguments(data: &Path) -> [String; 3] {
    let base = mysql_root().join("usr");
    [
        format!("--datadir={}", data.display()),
        format!("--basedir={}", base.display()),
        format!("--lc-messages-dir={}/share/mysql", base.display()),
    ]
}

fn tls_arguments(engine: Engine, home: &Home, options: &ServerOptions, command: &mut Command) {
    match (&options.tls, engine) {
        (Tls::MakesItsOwn, Engine::MySql) => return,
        (Tls::MakesItsOwn, _) => panic!("only MySQL makes its own certificates"),
        // Without a certificate there is no TLS, once it is not to make one.
        (Tls::Off, Engine::MySql) => {
            command.arg("--auto-generate-certs=OFF");
            return;
        }
        (Tls::Off, _) => {
            command.arg("--skip-ssl");
            return;
        }
        (Tls::Presents(_), _) => {}
    }
    command
        .arg(format!("--ssl-cert={}", home.certificate().display()))
        .arg(format!("--ssl-key={}", home.key().display()));
    if options.client_ca.is_some() {
        command.arg(format!("--ssl-ca={}", home.client_ca().display()));
    }
    if options.client_crl.is_some() {
        command.arg(format!("--ssl-crl={}", home.client_crl().display()));
    }
    if options.min_protocol.is_some() || options.max_protocol.is_some() {
        command.arg(format!("--tls-version={}", protocols(engine, options)));
    }
    if let Some(ciphers) = &options.ciphers {
        command.arg(format!("--ssl-cipher={ciphers}"));
    }
}

/// Both name the protocols one by one rather than by a range, and know fewer than OpenSSL.
fn protocols(engine: Engine, options: &ServerOptions) -> String {
    let known: &[&str] = match engine {
        Engine::MySql => &["TLSv1.2", "TLSv1.3"],
        _ => &["TLSv1.1", "TLSv1.2", "TLSv1.3"],
    };
    let place = |name: &Option<String>, default: usize| {
        let Some(name) = name else { return default };
        let found = known.iter().position(|known| known == name);
        found.unwrap_or_else(|| panic!("{engine:?} speaks no {name}"))
    };
    let lowest = place(&options.min_protocol, 0);
    let highest = place(&options.max_protocol, known.len() - 1);
    known[lowest..=highest].join(",")
}

/// The servers stop at an address that cannot be bound, so `::1` is asked for only where
/// the machine has it.
fn addresses() -> &'static str {
    match TcpListener::bind("[::1]:0") {
        Ok(_) => "127.0.0.1,::1",
        Err(_) => "127.0.0.1",
    }
}
