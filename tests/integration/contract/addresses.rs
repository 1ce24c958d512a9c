//! A name with several addresses: what the library says of each.

use std::fs;
use std::process::Command;
use std::time::Duration;

use wa_db::settings::Role;
use wa_db_lab::run::finish;
use wa_db_lab::server::{Server, TestServers};

use crate::support::{Variables, text, with};
use crate::verdict::{at_wire_depth, connect, on_each, runtime, settings, trusting};

/// Tells the test that it runs where the name has its addresses, and where to write what it saw.
const CHILD: &str = "CONNECT_BY_A_NAME_WITH_TWO_ADDRESSES";
const NAME: &str =
    "contract::addresses::every_address_of_a_name_is_an_attempt_and_the_furthest_decides";
/// The server's certificate knows nothing of this name, and nobody listens at the second address.
const HOSTS: &str = "127.0.0.1 two.lab\n127.0.0.2 two.lab\n";

#[test]
fn every_address_of_a_name_is_an_attempt_and_the_furthest_decides() {
    if let Some(answer) = std::env::var_os(CHILD) {
        fs::write(answer, attempts(&std::env::vars().collect())).unwrap();
        return;
    }
    let servers = TestServers::shared();
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    fs::write(&hosts, HOSTS).unwrap();
    on_each(servers.all(), |server| {
        let answer = directory.path().join(format!("{:?}", server.engine()));
        let named = with(
            &trusting(server, servers.ca_file()),
            [("WA_DB_HOSTNAME", "two.lab")],
        );
        for variables in [&named, &at_wire_depth(&named)] {
            // A mount namespace of its own, where /etc/hosts is another file.
            let mut child = Command::new("unshare");
            child
                .args(["--map-root-user", "--mount", "sh", "-c"])
                .arg(r#"mount --bind "$1" /etc/hosts && exec "$2" --exact "$3""#)
                .args(["sh", text(&hosts)])
                .arg(std::env::current_exe().unwrap())
                .arg(NAME)
                .envs(variables)
                .env(CHILD, &answer);
            let finished = finish(&mut child, "", Duration::from_secs(60)).unwrap();
            let said = fs::read_to_string(&answer).unwrap_or_else(|_| panic!("{finished:?}"));
            assert_eq!(said, expected(server));
            fs::remove_file(&answer).unwrap();
        }
    });
}

fn expected(server: &Server) -> String {
    let port = server.port();
    [
        "hostname_mismatch".to_owned(),
        format!("two.lab:{port} at 127.0.0.1:{port}: hostname_mismatch"),
        format!("two.lab:{port} at 127.0.0.2:{port}: connection_refused"),
    ]
    .join("\n")
}

/// What one connection comes to, and what each address said. (Which of two fails first is a matter of
/// their speed where they race.)
fn attempts(variables: &Variables) -> String {
    let variables = variables
        .iter()
        .filter(|(name, _)| name.starts_with("WA_DB_"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let settings = settings(Role::Webapp, &variables).unwrap();
    let error = runtime().block_on(connect(&settings)).unwrap_err();
    let mut lines = vec![error.code().to_string()];
    for attempt in error.attempts() {
        let (endpoint, address) = (attempt.endpoint.as_ref(), attempt.address);
        let code = attempt.failure.code();
        let (endpoint, address) = (endpoint.unwrap(), address.unwrap());
        lines.push(format!("{endpoint} at {address}: {code}"));
    }
    lines[1..].sort();
    lines.join("\n")
}
