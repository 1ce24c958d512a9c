//! Shows `wa-db check` against a real PostgreSQL, MariaDB and MySQL: passing for both roles, then
//! failing for the right reason. Ends with a table, and with 1 if anything is other than announced.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "what this program prints is its purpose, and without a wa-db there is nothing to show"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use serde_json::Value;
use time::OffsetDateTime;
use wa_db_lab::pki::{Ca, Leaf, Validity};
use wa_db_lab::run::{Finished, finish};
use wa_db_lab::server::{Engine, Server, ServerOptions};

/// The exit code of a failed `tls` stage.
const TLS: i32 = 13;

fn main() -> ExitCode {
    let start = Instant::now();
    let demo = Demo::prepare();
    let mut rows = Vec::new();
    for server in &demo.servers {
        for act in demo.acts(server) {
            let outcome = demo.play(server, &act);
            if let Err(reason) = &outcome {
                println!("  UNEXPECTED: {reason}");
            }
            println!();
            rows.push(Row::new(server, &act, outcome));
        }
    }
    print_table(&rows);
    let failed = rows.iter().filter(|row| row.outcome.is_err()).count();
    let seconds = start.elapsed().as_secs_f64();
    if failed == 0 {
        println!("\nAll as expected, in {seconds:.0} s.");
        return ExitCode::SUCCESS;
    }
    println!("\n{failed} of {} not as expected.", rows.len());
    ExitCode::FAILURE
}

/// One run of `wa-db check` and what it has to come to.
struct Act {
    title: &'static str,
    role: &'static str,
    changes: Vec<(&'static str, String)>,
    presents_expired: bool,
    /// The error code of the `tls` stage; none if the check has to pass.
    error: Option<&'static str>,
}

/// What an act came to: the table's line about it.
struct Row {
    server: String,
    case: &'static str,
    role: &'static str,
    outcome: Result<Outcome, String>,
}

/// What the check itself reported.
struct Outcome {
    exit_code: i32,
    error: Option<String>,
}

impl Row {
    fn new(server: &Server, act: &Act, outcome: Result<Outcome, String>) -> Self {
        Self {
            server: name(server),
            case: act.title,
            role: act.role,
            outcome,
        }
    }
}

fn print_table(rows: &[Row]) {
    let line = |cells: [&str; 5]| {
        let [server, case, role, code, error] = cells;
        println!("{server:18}  {case:22}  {role:6}  {code:9}  {error}");
    };
    line(["server", "case", "role", "exit code", "error code"]);
    for row in rows {
        let (code, error) = match &row.outcome {
            Ok(outcome) => (
                outcome.exit_code.to_string(),
                outcome.error.as_deref().unwrap_or("-"),
            ),
            Err(reason) => ("UNEXPECTED".to_owned(), reason.as_str()),
        };
        line([&row.server, row.case, row.role, &code, error]);
    }
}

struct Demo {
    program: PathBuf,
    ca: Ca,
    servers: [Server; 3],
}

impl Demo {
    fn prepare() -> Self {
        let program = program();
        let start = Instant::now();
        let ca = Ca::root("wa-db demo root");
        let servers = Server::start_all(&ServerOptions::tls(&ca.issue(&leaf())));
        println!(
            "Started {} in {:.1} s, with a certificate for localhost and db.lab.\n",
            servers.each_ref().map(name).join(", "),
            start.elapsed().as_secs_f64()
        );
        Self {
            program,
            ca,
            servers,
        }
    }

    /// Both roles where all is well; one is enough to see a failure.
    fn acts(&self, server: &Server) -> [Act; 4] {
        // An impostor of the same name: only the key tells it from the CA that counts.
        let other = server.file("other-ca.pem", self.ca.impostor().cert_pem());
        let act = |title, changes, error| Act {
            title,
            role: "webapp",
            changes,
            presents_expired: false,
            error,
        };
        [
            Act {
                role: "both",
                ..act("right host, right CA", vec![], None)
            },
            act(
                "wrong host name",
                vec![("WA_DB_HOSTNAME", "127.0.0.1".to_owned())],
                Some("hostname_mismatch"),
            ),
            act(
                "untrusted CA",
                vec![("WA_DB_SSL_CA", other.display().to_string())],
                Some("certificate_untrusted"),
            ),
            Act {
                presents_expired: true,
                ..act("expired certificate", vec![], Some("certificate_expired"))
            },
        ]
    }

    /// Runs the check as text to be seen and as JSON to be judged.
    fn play(&self, server: &Server, act: &Act) -> Result<Outcome, String> {
        if act.presents_expired {
            server.present(&self.ca.issue(&leaf().validity(over_for_three_days())));
        }
        println!("== {}: {} ==", name(server), act.title);
        print!("$ ");
        for (variable, value) in &act.changes {
            print!("{variable}={value} ");
        }
        println!("wa-db check --role {}", act.role);
        let mut variables = server.env();
        let ca = server.file("ca.pem", self.ca.cert_pem());
        variables.insert("WA_DB_HOSTNAME".to_owned(), "localhost".to_owned());
        variables.insert("WA_DB_SSL_CA".to_owned(), ca.display().to_string());
        for (variable, value) in &act.changes {
            variables.insert((*variable).to_owned(), value.clone());
        }
        // What is seen goes straight to the terminal, if this is one: in its width and colours.
        let seen = self.check(&variables, act.role, "text").status();
        let seen = seen.map_err(|error| format!("cannot start wa-db: {error}"))?;
        let mut judge = self.check(&variables, act.role, "json");
        let judged = finish(&mut judge, "", Duration::from_secs(60))?;
        expect("exit code as text", &seen.code(), &judged.code)?;
        verdict(&judged, act)
    }

    /// Of our own environment only what says how to print reaches the check.
    fn check(&self, variables: &BTreeMap<String, String>, role: &str, format: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| says_how_to_print(name)))
            .env("PATH", "/usr/bin:/bin")
            .envs(variables)
            .args(["check", "--role", role, "--format", format]);
        command
    }
}

fn says_how_to_print(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("LC_") || ["LANG", "TERM", "NO_COLOR", "COLUMNS"].contains(&&*name)
}

/// Half a day from where a count of whole days would change.
fn over_for_three_days() -> Validity {
    let now = OffsetDateTime::now_utc();
    Validity {
        not_before: now - time::Duration::days(30),
        not_after: now - time::Duration::hours(3 * 24 + 12),
    }
}

/// No address among the names, so that the same server has a right and a wrong host.
fn leaf() -> Leaf {
    Leaf::server().cn("db.lab").dns("db.lab").dns("localhost")
}

fn name(server: &Server) -> String {
    let engine = match server.engine() {
        Engine::Postgres => "PostgreSQL",
        Engine::MariaDb => "MariaDB",
        Engine::MySql => "MySQL",
    };
    format!("{engine} {}", server.version())
}

/// `$WA_DB_BIN`, else the `wa-db` that was built beside this program.
fn program() -> PathBuf {
    let given = std::env::var_os("WA_DB_BIN").map(PathBuf::from);
    let own = std::env::current_exe().expect("a program knows where it is");
    let beside = || own.parent().unwrap_or(Path::new(".")).join("wa-db");
    let program = given.unwrap_or_else(beside);
    assert!(
        program.exists(),
        "{} is not built: run cargo build, or set WA_DB_BIN",
        program.display()
    );
    program
}

fn verdict(finished: &Finished, act: &Act) -> Result<Outcome, String> {
    let report: Value = serde_json::from_str(&finished.stdout)
        .map_err(|error| format!("no JSON ({error}): {}", finished.stdout))?;
    let code = if act.error.is_some() { TLS } else { 0 };
    expect("process's exit code", &finished.code, &Some(code))?;
    expect(
        "exit_code",
        &report["exit_code"].as_i64(),
        &Some(code.into()),
    )?;
    expect("ok", &report["ok"].as_bool(), &Some(act.error.is_none()))?;
    let targets = report["targets"].as_array().ok_or("no targets")?;
    let mut roles: Vec<_> = targets.iter().filter_map(|t| t["role"].as_str()).collect();
    roles.sort_unstable();
    let wanted = match act.role {
        "both" => vec!["coreapp", "webapp"],
        role => vec![role],
    };
    expect("roles", &roles, &wanted)?;
    for target in targets {
        let about = |what| format!("{what} of {}", target["role"]);
        expect(&about("tls error"), &tls_error(target), &act.error)?;
        if act.error.is_none() {
            let verified = target["tls"]["verified"].as_bool();
            expect(&about("tls.verified"), &verified, &Some(true))?;
            let encrypted = target["server"]["encrypted"].as_bool();
            expect(&about("server.encrypted"), &encrypted, &Some(true))?;
        }
    }
    Ok(Outcome {
        exit_code: code,
        error: targets.iter().find_map(tls_error).map(str::to_owned),
    })
}

fn tls_error(target: &Value) -> Option<&str> {
    let mut stages = target["stages"].as_array()?.iter();
    stages.find(|stage| stage["stage"] == "tls")?["error"]["code"].as_str()
}

fn expect<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what} is {found:?}, not {wanted:?}"))
}
