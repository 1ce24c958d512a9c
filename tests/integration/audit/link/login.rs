//! What a login can be turned into on the way.

use wa_db_lab::fake::{PostgresScript, ScramFault};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{DATABASE, Engine, Server, ServerOptions, TestServers, USER};

use crate::audit::support::audit;
use crate::contract::lab::Fake;
use crate::support::with;
use crate::verdict::{on_each, trusting};

#[test]
fn server_that_takes_logins_without_tls_is_found_until_it_takes_none() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let report = audit(&trusting(server, servers.ca_file()));
        assert_eq!(report.code, 18, "{:#}", report.json);
        let (severity, evidence) = report.finding("link-plaintext-logins");
        assert_eq!(severity, "high");
        assert!(evidence.contains("the server "), "{evidence}");
    }
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf())).require_tls();
    on_each(&Server::start_all(&options), |server| {
        let ca_file = server.file("ca.pem", ca.cert_pem());
        let report = audit(&trusting(server, &ca_file));
        report.lacks("link-plaintext-logins");
        let warnings = report.json["targets"][0]["warnings"].to_string();
        assert!(!warnings.contains("without TLS"), "{warnings}");
    });
}

#[test]
fn pg_hba_is_judged_by_what_it_does_not_by_its_words() {
    let ca = Ca::root("root");
    let certificate = ca.issue(&TestServers::leaf());
    let own = format!(
        "hostnossl {DATABASE} {USER} 127.0.0.1/32 scram-sha-256\nhostnossl all all 127.0.0.1/32 reject"
    );
    for (line, found) in [
        (&*own, true),
        ("hostnossl all all 127.0.0.1/32 reject", false),
        ("hostnossl all all 127.0.0.1/32 trust", true),
        ("hostnossl all all 127.0.0.1/32 password", true),
        ("hostnossl all all 127.0.0.1/32 md5", true),
    ] {
        let options = ServerOptions::tls(&certificate).hba(line);
        let server = Server::start(Engine::Postgres, options);
        let ca_file = server.file("ca.pem", ca.cert_pem());
        let report = audit(&trusting(&server, &ca_file));
        let seen = report.found("link-plaintext-logins");
        assert_eq!(seen.is_some(), found, "{line}: {:#}", report.json);
    }
}

#[test]
fn nothing_of_the_account_is_said_in_the_clear_and_the_login_does_not_break_off() {
    let ca = Ca::root("root");
    let certificate = ca.issue(&TestServers::leaf());
    for (engine, talkative) in [
        (Engine::Postgres, ("log_min_messages", "debug1")),
        (Engine::MariaDb, ("log-warnings", "9")),
        (Engine::MySql, ("log-error-verbosity", "3")),
    ] {
        let options = ServerOptions::tls(&certificate).setting(talkative.0, talkative.1);
        let server = Server::start(engine, options);
        let ca_file = server.file("ca.pem", ca.cert_pem());
        let before = server.log().len();
        let report = audit(&trusting(&server, &ca_file));
        report.finding("link-plaintext-logins");
        let log = server.log().split_off(before);
        let words = ["unauthenticated", "error reading communication packets"];
        let breaks = |line: &&str| words.iter().any(|word| line.contains(word));
        // Neither the connection that was examined nor the login without TLS.
        assert_eq!(log.lines().filter(breaks).count(), 0, "{engine:?}: {log}");
        for word in ["unexpected EOF", "incomplete startup", "violation"] {
            assert!(!log.contains(word), "{word}: {log}");
        }
        let stranger = |line: &&str| line.contains("'wa-db-audit-") && line.contains("denied");
        let strangers = log.lines().filter(stranger).count();
        assert_eq!(strangers, usize::from(engine != Engine::Postgres), "{log}");
        let in_the_clear =
            |line: &&str| line.contains("authorized") && !line.contains("SSL enabled");
        assert_eq!(log.lines().filter(in_the_clear).count(), 0, "{log}");
    }
}

#[test]
fn login_that_need_not_be_bound_to_the_channel_is_found() {
    let servers = TestServers::shared();
    let variables = trusting(servers.of(Engine::Postgres), servers.ca_file());
    let report = audit(&variables);
    let (severity, evidence) = report.finding("link-channel-binding");
    assert_eq!(severity, "low");
    assert!(evidence.starts_with("this login was bound"), "{evidence}");
    let bound = with(&variables, [("WA_DB_CHANNEL_BINDING", "require")]);
    audit(&bound).lacks("link-channel-binding");
    for engine in [Engine::MySql, Engine::MariaDb] {
        let variables = trusting(servers.of(engine), servers.ca_file());
        audit(&variables).lacks("link-channel-binding");
    }
}

#[test]
fn login_that_something_on_the_way_kept_from_being_bound_is_worse() {
    let stripped = Fake::start(PostgresScript::Scram(ScramFault::PlusStripped));
    let report = audit(&stripped.variables);
    let (severity, evidence) = report.finding("link-channel-binding");
    assert_eq!(severity, "medium");
    assert!(evidence.contains("not bound"), "{evidence}");
    // Without SCRAM there is nothing to bind.
    let clear = Fake::start(PostgresScript::AskClearPassword);
    audit(&clear.variables).lacks("link-channel-binding");
}
