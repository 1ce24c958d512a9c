//! Whatever the command prints: to stdout, to stderr, in any format, however much it logs.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wa_db_lab::fake::{
    FakeMySql, FakePostgres, Fault, MySqlScript, PostgresScript, ScramFault, Stage, TlsIdentity,
};
use wa_db_lab::pki::{Ca, Issued, Leaf, write_file, write_private};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::canary::Canaries;
use crate::support::{Variables, text, wa_db, with};

/// The commands that dial, in every form.
const DIALLING: [&[&str]; 3] = [
    &["check", "--format", "json"],
    &["check", "-v"],
    &["check", "-q", "--strict"],
];

/// The audit, in every form.
const AUDITING: [&[&str]; 3] = [
    &["audit", "-v"],
    &["audit", "--format", "json"],
    &["audit", "--format", "sarif"],
];

/// The commands that only read the settings, in every form.
const READING: [&[&str]; 3] = [&["explain"], &["explain", "--format", "json"], &["migrate"]];

/// With these the logging shows all it ever does.
const LOUD: [(&str, &str); 3] = [
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("SSLKEYLOGFILE", "/dev/stderr"),
];

/// A client identity with an encrypted key, a password file, and a legacy string, all with secrets.
pub(super) struct Planted {
    directory: tempfile::TempDir,
    client: Issued,
    pub(super) variables: Variables,
    canaries: Canaries,
}

pub(super) const KEY_PASSWORD: &str = "canary-keypass-71d0";
const SERVICES_SECRET: &str = "canary-services-0c77";
const OPTION_TAIL: &str = "canary-option-93ab";
const WRONG: &str = "canary-wrong-4e2f";

impl Planted {
    /// These variables, with more secrets. `password` is in them or in a file.
    pub(super) fn into(base: &Variables, password: &str) -> Self {
        Self::of(&Ca::root("clients"), base, password)
    }

    /// The same with a client certificate of this CA.
    pub(super) fn of(clients: &Ca, base: &Variables, password: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let client = clients.issue(&Leaf::client().cn("app"));
        let path = |name: &str| directory.path().join(name);
        write_file(&path("cert.pem"), client.chain_pem());
        write_private(
            &path("key.pem"),
            client.key().encrypted_pkcs8_pem(KEY_PASSWORD),
        );
        write_private(&path("key-password"), format!("{KEY_PASSWORD}\n"));
        write_private(&path("password"), format!("{password}\n"));
        let tail = format!("password={OPTION_TAIL};service={OPTION_TAIL};novelty={OPTION_TAIL}");
        let variables = with(
            base,
            [
                ("WA_DB_SSL_CERT", text(&path("cert.pem"))),
                ("WA_DB_SSL_KEY", text(&path("key.pem"))),
                ("WA_DB_SSL_KEY_PASSWORD_FILE", text(&path("key-password"))),
                ("WA_DB_CONNECTION_OPTION", &tail),
                ("WA_SECRET", SERVICES_SECRET),
            ],
        );
        let canaries = Canaries::default()
            .text("WA_DB_PASSWORD", password)
            .text("WA_SECRET", SERVICES_SECRET)
            .text("the wrong password", WRONG)
            .text("the key's password", KEY_PASSWORD)
            .text("WA_DB_CONNECTION_OPTION", OPTION_TAIL)
            .key(client.key());
        Self {
            directory,
            client,
            variables,
            canaries,
        }
    }

    /// The same with more that must not be shown.
    pub(super) fn hiding(mut self, name: &'static str, secret: &str) -> Self {
        self.canaries = self.canaries.text(name, secret);
        self
    }

    pub(super) fn file(&self, name: &str) -> String {
        text(&self.directory.path().join(name)).to_owned()
    }

    /// A file of this content, for nobody else to read.
    pub(super) fn private(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let file = self.file(name);
        write_private(file.as_ref(), content);
        file
    }

    /// Runs the commands that dial; `code` is that of the check.
    pub(super) fn dial(&self, what: &str, code: i32, changes: &[(&str, &str)]) {
        for arguments in DIALLING {
            let ended = self.run(what, arguments, changes);
            // Under `--strict` the warnings of the planted string fail a check that passed.
            let strict = arguments.contains(&"--strict") && code == 0;
            assert_eq!(
                ended,
                if strict { 17 } else { code },
                "{what}: {arguments:?}"
            );
        }
        self.audit(what, code, changes);
    }

    /// Runs the audit; it finds something wherever the check passes.
    fn audit(&self, what: &str, code: i32, changes: &[(&str, &str)]) {
        let code = if code == 0 { 18 } else { code };
        for arguments in AUDITING {
            let ended = self.run(what, arguments, changes);
            assert_eq!(ended, code, "{what}: {arguments:?}");
        }
    }

    /// Runs the commands that read.
    pub(super) fn read(&self, what: &str, changes: &[(&str, &str)]) {
        for arguments in READING {
            self.run(what, arguments, changes);
        }
    }

    /// Runs one command as loud as it gets, and returns its exit code.
    fn run(&self, what: &str, arguments: &[&str], changes: &[(&str, &str)]) -> i32 {
        let mut variables = with(&self.variables, LOUD);
        for (name, value) in changes {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        let outcome = wa_db(arguments, &variables);
        assert_ne!(outcome.code, 1, "{what}: {outcome:#?}");
        for (stream, text) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            let place = format!("{what}, {arguments:?}, {stream}");
            self.canaries.absent_from(&place, text.as_bytes());
        }
        outcome.code
    }
}

#[test]
fn no_secret_is_printed_of_a_real_server_whether_it_lets_us_in_or_not() {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).client_ca(&ca);
    for server in &Server::start_all(&options) {
        let trusted = server.file("trusted.pem", ca.cert_pem());
        let base = with(&server.env(), [("WA_DB_SSL_CA", text(&trusted))]);
        let planted = Planted::of(&ca, &base, server.password());
        planted.dial("success", 0, &[]);
        planted.read("success", &[]);
        let file = planted.file("password");
        let from_file = [("WA_DB_PASSWORD", ""), ("WA_DB_PASSWORD_FILE", &*file)];
        planted.dial("password file", 0, &from_file);
        planted.read("password file", &from_file);
        planted.dial("wrong password", 14, &[("WA_DB_PASSWORD", WRONG)]);
        planted.dial("wrong name", 13, &[("WA_DB_SSL_SERVER_NAME", "other.lab")]);
    }
}

#[test]
fn no_secret_is_printed_of_faulty_settings() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let planted = Planted::into(&server.env(), server.password());
    let open = planted.file("open.pem");
    write_file(open.as_ref(), planted.client.key_pem());
    let (cert, key) = (planted.file("cert.pem"), planted.file("key.pem"));
    let wrong_words = planted.file("wrong-words");
    write_private(wrong_words.as_ref(), WRONG);
    let clear = planted.file("clear.pem");
    write_private(clear.as_ref(), planted.client.key_pem());
    let broken = planted.file("broken.pem");
    let half = planted.client.key_pem();
    write_private(broken.as_ref(), &half[..half.len() / 2]);
    let in_one_line = clear_text(&half);
    let in_the_string = format!("SSL_CERT={cert};SSL_KEY={in_one_line}");
    let (password, option) = (
        planted.file("password"),
        format!("sslmode={OPTION_TAIL};password={OPTION_TAIL}"),
    );
    for (what, changes) in [
        ("both passwords", &[("WA_DB_PASSWORD_FILE", &*password)][..]),
        ("key open to all", &[("WA_DB_SSL_KEY", &open)]),
        (
            "wrong key password",
            &[("WA_DB_SSL_KEY_PASSWORD_FILE", &wrong_words)],
        ),
        ("no key password", &[("WA_DB_SSL_KEY_PASSWORD_FILE", "")]),
        (
            "swapped files",
            &[("WA_DB_SSL_CERT", &clear), ("WA_DB_SSL_KEY", &cert)],
        ),
        ("a key as CA", &[("WA_DB_SSL_CA", &clear)]),
        ("a password as CA", &[("WA_DB_SSL_CA", &password)]),
        (
            "a password as certificate",
            &[("WA_DB_SSL_CERT", &password)],
        ),
        ("a password as key", &[("WA_DB_SSL_KEY", &password)]),
        ("half a key", &[("WA_DB_SSL_KEY", &broken)]),
        (
            "a key as password",
            &[
                ("WA_DB_PASSWORD", ""),
                ("WA_DB_PASSWORD_FILE", &key),
                ("WA_DB_PORT", "x"),
            ],
        ),
        ("a key as its path", &[("WA_DB_SSL_KEY", &half)]),
        (
            "a key in one line as its path",
            &[("WA_DB_SSL_KEY", &in_one_line)],
        ),
        ("a key as the path of the CA", &[("WA_DB_SSL_CA", &half)]),
        ("a key in the string", &[("WA_DB_CONNECTION_OPTION", &half)]),
        (
            "a key in the string as its path",
            &[
                ("WA_DB_SSL_CERT", ""),
                ("WA_DB_SSL_KEY", ""),
                ("WA_DB_CONNECTION_OPTION", &in_the_string),
            ],
        ),
        (
            "a password as the path of its file",
            &[("WA_DB_PASSWORD", ""), ("WA_DB_PASSWORD_FILE", WRONG)],
        ),
        (
            "a key's password as the path of its file",
            &[("WA_DB_SSL_KEY_PASSWORD_FILE", WRONG)],
        ),
        (
            "a password as the path of a key",
            &[("WA_DB_SSL_KEY", WRONG)],
        ),
        (
            "a string without meaning",
            &[("WA_DB_CONNECTION_OPTION", &option)],
        ),
    ] {
        // The coreapp alone reads the legacy string, and both run here: either way it is 10.
        planted.dial(what, 10, changes);
        planted.read(what, changes);
    }
}

/// A PEM file as people put it into a variable: with the escapes of its line ends.
fn clear_text(pem: &str) -> String {
    pem.replace('\n', "\\n")
}

#[test]
fn no_secret_is_printed_of_servers_that_lie_or_fail() {
    let ca = Ca::root("root");
    let issued = ca.issue(&TestServers::leaf());
    let identity = || {
        Some(TlsIdentity {
            cert_chain_pem: issued.chain_pem(),
            key_pem: issued.key_pem(),
        })
    };
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    write_file(&ca_file, ca.cert_pem());
    let secret = "canary-password-d41d8c";
    let planted = |engine: &str, port: u16| {
        let port = port.to_string();
        let pairs = [
            ("WA_DB_ENGINE", engine),
            ("WA_DB_HOSTNAME", "127.0.0.1"),
            ("WA_DB_PORT", &*port),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_PASSWORD", secret),
            ("WA_DB_SSL_CA", text(&ca_file)),
            ("WA_DB_CONNECT_TIMEOUT", "6s"),
        ];
        Planted::into(&with(&Variables::new(), pairs), secret)
    };
    for script in [
        PostgresScript::RefuseTls,
        PostgresScript::AskMd5Password,
        PostgresScript::Scram(ScramFault::WrongProof),
        PostgresScript::Scram(ScramFault::ErrorProof("other-error".into())),
        PostgresScript::Break {
            at: Stage::Login,
            fault: Fault::Random { seed: 3 },
        },
        PostgresScript::Break {
            at: Stage::LoggedIn,
            fault: Fault::Reset,
        },
    ] {
        let fake = FakePostgres::start(script.clone(), identity()).unwrap();
        // What each of them is called is for other tests to say.
        let planted = planted("PGSQL", fake.port());
        let code = wa_db(&["check"], &planted.variables).code;
        planted.dial(&format!("{script:?}"), code, &[]);
    }
    for script in [
        MySqlScript::RefuseTls,
        MySqlScript::SwitchTo("mysql_clear_password".into()),
        MySqlScript::FullAuthentication,
        MySqlScript::Break {
            at: Stage::Login,
            fault: Fault::Random { seed: 3 },
        },
    ] {
        let fake = FakeMySql::start(script.clone(), identity()).unwrap();
        let planted = planted("MYSQL", fake.port());
        let code = wa_db(&["check"], &planted.variables).code;
        planted.dial(&format!("{script:?}"), code, &[]);
    }
}

#[test]
fn no_secret_stands_on_the_command_line_of_the_process_or_in_a_child_of_it() {
    let fake = FakePostgres::start(
        PostgresScript::Break {
            at: Stage::Accepted,
            fault: Fault::Silence,
        },
        None,
    )
    .unwrap();
    let port = fake.port().to_string();
    let pairs = [
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &*port),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_CONNECT_TIMEOUT", "20s"),
        ("WA_DB_PASSWORD", "canary-password-d41d8c"),
    ];
    let planted = Planted::into(&with(&Variables::new(), pairs), "canary-password-d41d8c");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wa-db"))
        .args(["check", "--role", "webapp"])
        .env_clear()
        .envs(&planted.variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while fake.connections() == 0 && Instant::now() < deadline {
        sleep(Duration::from_millis(5));
    }
    let proc = format!("/proc/{}", child.id());
    let line = fs::read(format!("{proc}/cmdline")).unwrap();
    let name = fs::read(format!("{proc}/comm")).unwrap();
    let children = fs::read_to_string(format!("{proc}/task/{}/children", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(fake.connections() > 0, "it never came so far");
    assert!(line.starts_with(env!("CARGO_BIN_EXE_wa-db").as_bytes()));
    planted.canaries.absent_from("/proc/PID/cmdline", &line);
    planted.canaries.absent_from("/proc/PID/comm", &name);
    assert_eq!(
        children.unwrap_or_default().trim(),
        "",
        "nobody else is told"
    );
}
