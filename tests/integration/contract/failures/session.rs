//! Sessions and pools.

use std::io::Read;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wa_db_lab::fake::{
    Cell, FAKE_PASSWORD, FakeMySql, Fault, MySqlScript, Persona, PostgresScript, Reply, Stage,
};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::super::codes::Case;
use super::super::lab::{Fake, Files, identity, trusted, trusting};
use crate::support::{Outcome, Variables, check, wa_db, with};

pub(in super::super) const CASES: [Case; 16] = [
    ("database_missing", 15, || no_database(Engine::Postgres)),
    ("database_missing", 15, || no_database(Engine::MariaDb)),
    ("database_missing", 15, || no_database(Engine::MySql)),
    ("not_encrypted", 15, plain_behind_tls),
    ("read_only", 15, || wrong_kind(Engine::Postgres)),
    ("read_only", 15, || wrong_kind(Engine::MariaDb)),
    ("read_only", 15, || wrong_kind(Engine::MySql)),
    ("not_encrypted", 15, plain_mysql_behind_tls),
    ("server_error", 14, too_many_connections),
    ("server_error", 12, || no_place_left(Engine::MariaDb)),
    ("server_error", 12, || no_place_left(Engine::MySql)),
    ("protocol_error", 14, noise_in_the_login),
    ("timeout", 15, silent_at_the_first_query),
    ("pool_timeout", 16, || too_few_places(Engine::Postgres)),
    ("pool_timeout", 16, || too_few_places(Engine::MariaDb)),
    ("pool_timeout", 16, || too_few_places(Engine::MySql)),
];

fn no_database(engine: Engine) -> Outcome {
    let servers = TestServers::shared();
    // A server tells of a missing database only those who may see it, so MySQL's account may.
    if engine != Engine::Postgres {
        let grant = "GRANT ALL ON `no_such_database`.* TO 'app'@'%'";
        servers.of(engine).sql(grant);
    }
    let variables = trusted(&servers, engine);
    check(
        "webapp",
        &with(&variables, [("WA_DB_NAME", "no_such_database")]),
    )
}

fn plain_behind_tls() -> Outcome {
    let facts = [
        ("version", Cell::from("15.18")),
        ("read_only", "false".into()),
        ("encrypted", "false".into()),
    ];
    let persona = Persona {
        replies: vec![
            Reply::row("pg_stat_ssl", facts),
            Reply::row("pg_is_in_recovery", [("read_only", "false".into())]),
        ],
        ..Persona::default()
    };
    let fake = Fake::presenting(&TestServers::leaf(), persona, PostgresScript::Honest);
    let outcome = check("webapp", &fake.variables);
    assert_eq!(outcome.target()["server"]["encrypted"], false);
    outcome
}

fn wrong_kind(engine: Engine) -> Outcome {
    let servers = TestServers::shared();
    let variables = trusted(&servers, engine);
    check("webapp", &with(&variables, [("WA_DB_TARGET", "read-only")]))
}

fn too_many_connections() -> Outcome {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()));
    let server = Server::start(Engine::Postgres, options);
    server.sql("ALTER ROLE app CONNECTION LIMIT 0");
    check("webapp", &trusting(&server, &ca))
}

/// MySQL and MariaDB say so in place of their greeting.
fn no_place_left(engine: Engine) -> Outcome {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()))
        // MariaDB takes no fewer than ten.
        .setting("max_connections", &PLACES.to_string())
        // A client that says nothing keeps its place for as long as that.
        .setting("connect_timeout", "300");
    let server = Server::start(engine, options);
    let variables = trusting(&server, &ca);
    let held = every_place(&server);
    let outcome = check("webapp", &variables);
    drop(held);
    outcome
}

const PLACES: usize = 10;

/// Takes every place that the server has, which keeps one more for its administrator and gives it
/// to whoever has not said who he is.
///
/// A session of the server's own start may end later than its client and then leaves a place:
/// only once all of them are ours does none come free.
fn every_place(server: &Server) -> Vec<TcpStream> {
    const GREETING: u8 = 10;
    const ERROR: u8 = 0xff;
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut held = Vec::new();
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        let limit = Some(Duration::from_secs(30));
        stream.set_read_timeout(limit).expect("a socket");
        // A packet's header, and the first byte of what it says.
        let mut word = [0; 5];
        stream.read_exact(&mut word).expect("a word of the server");
        match word[4] {
            GREETING => held.push(stream),
            ERROR if held.len() == PLACES + 1 => return held,
            ERROR => sleep(Duration::from_millis(20)),
            other => panic!("{:?} begins with {other}", server.engine()),
        }
        let places = held.len();
        assert!(places <= PLACES + 1, "{places} places of {PLACES}");
        assert!(Instant::now() < deadline, "{places} places held");
    }
}

fn plain_mysql_behind_tls() -> Outcome {
    let mut persona = Persona::healthy_mysql();
    let plain = [("Variable_name", "Ssl_cipher".into()), ("Value", "".into())];
    persona.replies.insert(0, Reply::row("ssl_cipher", plain));
    let ca = Ca::root("root of the fakes");
    let issued = ca.issue(&TestServers::leaf());
    let fake = FakeMySql::start_as(persona, MySqlScript::Honest, Some(identity(&issued)))
        .expect("a port is free");
    let files = Files::new();
    let pairs = [
        ("WA_DB_ENGINE", "MYSQL"),
        ("WA_DB_HOSTNAME", "127.0.0.1"),
        ("WA_DB_PORT", &*fake.port().to_string()),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_PASSWORD", FAKE_PASSWORD),
        ("WA_DB_SSL_CA", &files.public("ca.pem", ca.cert_pem())),
    ];
    check("webapp", &with(&Variables::new(), pairs))
}

fn noise_in_the_login() -> Outcome {
    let fake = Fake::start(PostgresScript::Break {
        at: Stage::Login,
        fault: Fault::Random { seed: 7 },
    });
    check("webapp", &fake.variables)
}

fn silent_at_the_first_query() -> Outcome {
    let fake = Fake::start(PostgresScript::Break {
        at: Stage::Ready,
        fault: Fault::Silence,
    });
    let outcome = check(
        "webapp",
        &with(&fake.variables, [("WA_DB_READ_TIMEOUT", "1")]),
    );
    // Five seconds are the default.
    assert!(outcome.took.as_millis() >= 1000, "{outcome:?}");
    assert!(outcome.took.as_millis() < 5000, "{outcome:?}");
    outcome
}

fn too_few_places(engine: Engine) -> Outcome {
    let servers = TestServers::shared();
    let small = [
        ("WA_DB_POOL_MAX_SIZE", "2"),
        ("WA_DB_POOL_WAIT_TIMEOUT", "300ms"),
    ];
    let variables = with(&trusted(&servers, engine), small);
    let check = ["check", "--role", "webapp", "--format", "json"];
    let outcome = wa_db(&[&check[..], &["--connections", "3"]].concat(), &variables);
    // Five seconds are the default.
    assert!(outcome.took.as_millis() >= 300, "{outcome:?}");
    assert!(outcome.took.as_millis() < 5000, "{outcome:?}");
    outcome
}
