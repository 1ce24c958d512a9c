//! Programs in other languages reach each engine through a tunnel, as `tests/clients` says.

mod program;
mod session;

use std::fmt::Write as _;
use std::path::Path;
use std::thread;

use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use crate::support::{text, with};
use crate::tunnel::running::Tunnel;
use program::Program;
use session::{Door, Place, Run, Session};

/// One round of all programs: each does its steps, the server restarts, each finds it again.
fn all_reach(engine: Engine, programs: &[Program]) {
    let ca = Ca::root("lab root");
    let mut options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).require_tls();
    if engine != Engine::Postgres {
        options = options.setting("local-infile", "ON");
    }
    let server = Server::start(engine, options);
    let ca_file = server.file("ca.pem", ca.cert_pem());
    let rows = (1..=1000).fold(String::new(), |mut rows, row| {
        let _ = writeln!(rows, "{row}\tword {row}");
        rows
    });
    let rows = server.file("rows.tsv", rows);
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(SOCKET);
    let places = ["127.0.0.1:0", &format!("unix:{}", text(&socket))];
    let arguments = places.map(|place| ["--listen", place]).concat();
    let trusting = with(&server.env(), [("WA_DB_SSL_CA", text(&ca_file))]);
    let tunnel = Tunnel::start(&arguments, &trusting);
    let door = Door {
        port: tunnel.port(),
        socket,
    };
    let sessions: Vec<_> = programs
        .iter()
        .flat_map(|program| Place::BOTH.map(|place| (*program, place)))
        .map(|(program, place)| Session {
            program,
            place,
            account: account(&server, program, place),
        })
        .collect();

    let failures = run(&server, &door, &rows, &sessions);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The tunnel's socket: a name that suits libpq as well as any other client.
const SOCKET: &str = ".s.PGSQL.5432";

/// An account of a session's own: MySQL remembers nobody's password before the first login, so each
/// program meets the long form of `caching_sha2_password`.
fn account(server: &Server, program: Program, place: Place) -> String {
    let name = format!("{program:?}_{place:?}").to_lowercase();
    let password = server.password();
    server.sql(&match server.engine() {
        Engine::Postgres => format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{password}'; GRANT CREATE ON SCHEMA public TO {name}"
        ),
        _ => format!(
            "CREATE USER {name}@'%' IDENTIFIED BY '{password}'; GRANT ALL ON appdb.* TO {name}@'%'"
        ),
    });
    name
}

/// What the programs that failed said.
fn run(server: &Server, door: &Door, rows: &Path, sessions: &[Session]) -> Vec<String> {
    let running = sessions
        .iter()
        .map(|session| session.start(server, door, rows))
        .collect();
    let held = side_by_side(running, Run::reaches_its_hold);
    server.restart();
    let ended = side_by_side(held, |held| held.and_then(Run::ends_well));
    ended.into_iter().filter_map(Result::err).collect()
}

/// Does the same with each, all at once.
fn side_by_side<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let start = |item| scope.spawn(move || work(item));
        let threads: Vec<_> = items.into_iter().map(start).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, R>| thread.join().unwrap();
        threads.into_iter().map(join).collect()
    })
}

#[test]
fn programs_reach_postgres_through_the_tunnel() {
    all_reach(
        Engine::Postgres,
        &[Program::Psql, Program::Pdo, Program::Qt, Program::Psycopg],
    );
}

#[test]
fn programs_reach_mariadb_through_the_tunnel() {
    all_reach(
        Engine::MariaDb,
        &[
            Program::MariaDb,
            Program::Pdo,
            Program::Qt,
            Program::PyMySql,
        ],
    );
}

#[test]
fn m19_programs_reach_mysql_through_the_tunnel_though_it_remembers_no_password() {
    all_reach(
        Engine::MySql,
        &[
            Program::MySql,
            Program::MariaDb,
            Program::Pdo,
            Program::Qt,
            Program::PyMySql,
        ],
    );
}
