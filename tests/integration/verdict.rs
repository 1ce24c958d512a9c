//! One verdict by three ways: `wa-db check`, whose TLS stage is our own dialer's; the library at the
//! direct depth, whose TLS is the driver's; and the library at the wire depth, whose TLS is the
//! dialer's again, below the driver.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::scope;

use serde_json::Value;
use wa_db::connect::{ConnectError, MySqlConnector, PostgresConnector};
use wa_db::endpoint::Engine;
use wa_db::settings::{Environment, Role, Settings, SettingsError};
use wa_db_lab::server::Server;

use crate::support::{Variables, check, text, with};

/// An exit code and the error code behind it.
pub(crate) type Verdict = (i32, &'static str);

/// Every stage passes.
pub(crate) const PASSES: Verdict = (0, "");

/// The TLS stage fails with this error code.
pub(crate) const fn tls(code: &'static str) -> Verdict {
    (13, code)
}

/// What keeps any command from a server: a variable, and how that ends.
pub(crate) const NOT_REACHED: [((&str, &str), i32, &str); 4] = [
    (("WA_DB_ENGINE", "ORACLE"), 10, "variable_invalid"),
    (("WA_DB_SSL_CA", "/no/such/file"), 10, "file_missing"),
    (
        ("WA_DB_ALLOWED_NETWORKS", "192.0.2.0/24"),
        11,
        "address_not_allowed",
    ),
    (("WA_DB_PORT", "1"), 12, "connection_refused"),
];

/// The variables that reach a server and trust this CA file.
pub(crate) fn trusting(server: &Server, ca: &Path) -> Variables {
    with(&server.env(), [("WA_DB_SSL_CA", text(ca))])
}

/// The variables with one that changes nothing of the verdict and asks for the wire depth, unless it
/// is set already.
pub(crate) fn at_wire_depth(variables: &Variables) -> Variables {
    let mut deeper = with(variables, [("WA_DB_SECURITY_LEVEL", "OLD")]);
    deeper.extend(variables.clone());
    deeper
}

/// Goes all ways to the verdict for webapp; what `check` reports of the target.
#[track_caller]
pub(crate) fn both(what: &str, variables: &Variables, expected: Verdict) -> Value {
    both_as(Role::Webapp, what, variables, expected)
}

/// The same for either role.
#[track_caller]
pub(crate) fn both_as(role: Role, what: &str, variables: &Variables, expected: Verdict) -> Value {
    let expected = (expected.0, expected.1.to_owned());
    let outcome = check(role.as_str(), variables);
    assert_eq!(outcome.verdict(), expected, "{what}, by check: {outcome:?}");
    let (verdict, said) = by_library(role, variables);
    assert_eq!(verdict, expected, "{what}, by the library: {said}");
    let (verdict, said) = by_library(role, &at_wire_depth(variables));
    assert_eq!(verdict, expected, "{what}, at the wire depth: {said}");
    outcome.target()
}

/// The same for each server of several, side by side.
pub(crate) fn on_each(servers: &[Server], work: impl Fn(&Server) + Sync) {
    let work = &work;
    scope(|scope| {
        let running: Vec<_> = servers
            .iter()
            .map(|server| scope.spawn(move || work(server)))
            .collect();
        for thread in running {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// The verdict of one connection through the library, in the words of `check`, and its error.
pub(crate) fn by_library(role: Role, variables: &Variables) -> ((i32, String), String) {
    let settings = match settings(role, variables) {
        Ok(settings) => settings,
        Err(error) => {
            let code = error
                .faults()
                .first()
                .map_or("", |fault| fault.code.as_str());
            return ((10, code.to_owned()), error.to_string());
        }
    };
    match runtime().block_on(connect(&settings)) {
        Ok(()) => ((0, String::new()), String::new()),
        Err(error) => {
            let exit = i32::from(error.stage().exit_code());
            ((exit, error.code().as_str().to_owned()), error.to_string())
        }
    }
}

/// The settings that these variables make, without a look at the process.
pub(crate) fn settings(role: Role, variables: &Variables) -> Result<Settings, SettingsError> {
    let pairs: BTreeMap<String, String> = variables.clone();
    Settings::from_environment(role, &Environment::from_pairs(pairs))
}

/// A runtime for one test.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// Makes one connection through the library and says goodbye.
pub(crate) async fn connect(settings: &Settings) -> Result<(), ConnectError> {
    match settings.engine() {
        Engine::Postgres => PostgresConnector::new(settings)?.connect().await.map(drop),
        Engine::MySql => {
            let connection = MySqlConnector::new(settings)?.connect().await?;
            let goodbye = connection.conn.disconnect().await;
            goodbye.expect("the server takes the goodbye");
            Ok(())
        }
    }
}
