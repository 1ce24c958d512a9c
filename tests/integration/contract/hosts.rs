//! Host lists, targets and roles.

use serde_json::Value;
use wa_db_lab::fake::SilentListener;
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::lab::{trusted, trusting};
use crate::support::{Outcome, check, closed_port, wa_db, with};

#[test]
fn one_target_per_role_and_host_in_order() {
    let servers = TestServers::shared();
    for engine in [Engine::Postgres, Engine::MySql] {
        let port = servers.of(engine).port();
        let hosts = format!("127.0.0.1:{port},localhost");
        let list = [("WA_DB_HOSTNAME", &*hosts)];
        let variables = with(&trusted(&servers, engine), list);
        let outcome = wa_db(&["check", "--role", "both", "--format", "json"], &variables);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        let (first, second) = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
        let expected = [
            ("webapp", &*first),
            ("webapp", &second),
            ("coreapp", &first),
            ("coreapp", &second),
        ];
        assert_eq!(
            targets(&outcome),
            expected.map(|(role, host)| format!("{role} {host} true"))
        );
    }
}

#[test]
fn host_that_refuses_fails_its_own_target_and_the_check() {
    let servers = TestServers::shared();
    let (closed, port) = (closed_port(), servers.of(Engine::MariaDb).port());
    let hosts = format!("127.0.0.1,127.0.0.1:{port}");
    let list = [("WA_DB_HOSTNAME", &*hosts), ("WA_DB_PORT", &*closed)];
    let variables = with(&trusted(&servers, Engine::MariaDb), list);
    let outcome = check("webapp", &variables);
    assert_eq!(outcome.code, 12, "{outcome:#?}");
    let expected = [
        format!("webapp 127.0.0.1:{closed} false"),
        format!("webapp 127.0.0.1:{port} true"),
    ];
    assert_eq!(targets(&outcome), expected);
}

#[test]
fn exit_code_is_that_of_the_lowest_failing_stage_whatever_the_order() {
    let servers = TestServers::shared();
    let closed = closed_port();
    let port = servers.of(Engine::Postgres).port();
    // The first host fails late, at the login; the second early, at the connection.
    let hosts = format!("127.0.0.1:{port},127.0.0.1:{closed}");
    let list = [("WA_DB_HOSTNAME", &*hosts), ("WA_DB_PASSWORD", "wrong")];
    let variables = with(&trusted(&servers, Engine::Postgres), list);
    let outcome = check("webapp", &variables);
    assert_eq!(outcome.code, 12, "{outcome:#?}");
}

#[test]
fn ports_may_be_a_list_as_long_as_the_hosts() {
    let servers = TestServers::shared();
    let port = servers.of(Engine::MySql).port();
    let ports = format!("{port},{port}");
    for (hosts, count) in [("127.0.0.1,[::1]", 2), ("127.0.0.1, ::1", 2)] {
        let list = [("WA_DB_HOSTNAME", hosts), ("WA_DB_PORT", &ports)];
        let variables = with(&trusted(&servers, Engine::MySql), list);
        let outcome = check("webapp", &variables);
        assert_eq!(outcome.code, 0, "{hosts}: {outcome:#?}");
        assert_eq!(targets(&outcome).len(), count);
    }
    let list = [("WA_DB_HOSTNAME", "a,b,c"), ("WA_DB_PORT", &ports)];
    let outcome = check("webapp", &with(&trusted(&servers, Engine::MySql), list));
    assert_eq!(outcome.verdict(), (10, "variable_invalid".to_owned()));
}

#[test]
fn target_passes_over_a_standby_of_postgres() {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()));
    let (primary, standby) = std::thread::scope(|scope| {
        let first = scope.spawn(|| Server::start(Engine::Postgres, options.clone()));
        let second = Server::start(Engine::Postgres, options.clone());
        (first.join().unwrap(), second)
    });
    standby.become_standby();
    // One account for both.
    primary.sql(&format!("ALTER ROLE app PASSWORD '{}'", standby.password()));
    let variables = trusting(&standby, &ca);
    judge_targets(&variables, standby.port(), primary.port());
}

#[test]
fn target_passes_over_a_read_only_mysql() {
    let ca = Ca::root("root");
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()));
    for engine in [Engine::MariaDb, Engine::MySql] {
        let server = Server::start(engine, options.clone().setting("read_only", "ON"));
        let variables = trusting(&server, &ca);
        for (target, code, error) in [
            ("any", 0, ""),
            ("read-only", 0, ""),
            ("read-write", 15, "read_only"),
        ] {
            let outcome = check("webapp", &with(&variables, [("WA_DB_TARGET", target)]));
            assert_eq!(outcome.verdict(), (code, error.to_owned()), "{outcome:#?}");
            assert_eq!(outcome.target()["server"]["read_only"], true);
        }
    }
}

#[test]
fn account_of_postgres_that_may_not_write_counts_as_read_only() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let password = server.password();
    server.sql(&format!(
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD '{password}';
         ALTER ROLE reader SET default_transaction_read_only = on"
    ));
    let reader = [("WA_DB_USERNAME", "reader"), ("WA_DB_TARGET", "read-write")];
    let variables = with(&trusted(&servers, Engine::Postgres), reader);
    let outcome = check("webapp", &variables);
    assert_eq!(outcome.verdict(), (15, "read_only".into()), "{outcome:#?}");
    assert_eq!(outcome.target()["server"]["read_only"], true);
    let outcome = check("webapp", &with(&variables, [("WA_DB_TARGET", "read-only")]));
    assert_eq!(outcome.code, 0, "{outcome:#?}");
}

fn judge_targets(variables: &crate::support::Variables, standby: u16, primary: u16) {
    for (target, code, error) in [
        ("read-only", 0, ""),
        ("read-write", 15, "read_only"),
        ("any", 0, ""),
    ] {
        let outcome = check("webapp", &with(variables, [("WA_DB_TARGET", target)]));
        assert_eq!(
            outcome.verdict(),
            (code, error.to_owned()),
            "{target}: {outcome:#?}"
        );
        assert_eq!(outcome.target()["server"]["read_only"], true);
    }
    let hosts = format!("127.0.0.1:{standby},127.0.0.1:{primary}");
    for (target, skipped) in [("read-write", 0), ("read-only", 1)] {
        let list = [("WA_DB_HOSTNAME", &*hosts), ("WA_DB_TARGET", target)];
        let outcome = check("webapp", &with(variables, list));
        assert_eq!(outcome.code, 0, "{target}: {outcome:#?}");
        let report = outcome.json();
        for (index, told) in report["targets"].as_array().unwrap().iter().enumerate() {
            let pool = &told["stages"][6]["status"];
            assert_eq!(*pool == "skipped", index == skipped, "{target}: {told:#}");
        }
    }
}

#[test]
fn address_outside_the_allowed_networks_is_never_dialled() {
    let listener = SilentListener::start().unwrap();
    let servers = TestServers::shared();
    let port = listener.port().to_string();
    for (host, networks) in [
        ("127.0.0.1", "10.0.0.0/8"),
        ("localhost", "192.0.2.0/24,2001:db8::/32"),
        ("::ffff:127.0.0.1", "10.0.0.0/8"),
    ] {
        let list = [
            ("WA_DB_HOSTNAME", host),
            ("WA_DB_PORT", &*port),
            ("WA_DB_ALLOWED_NETWORKS", networks),
        ];
        let outcome = check("webapp", &with(&trusted(&servers, Engine::Postgres), list));
        assert_eq!(
            outcome.verdict(),
            (11, "address_not_allowed".to_owned()),
            "{outcome:#?}"
        );
    }
    assert_eq!(listener.connections(), 0);
    for engine in Engine::ALL {
        let allowed = [("WA_DB_ALLOWED_NETWORKS", "10.0.0.0/8, 127.0.0.0/8")];
        let outcome = check("webapp", &with(&trusted(&servers, engine), allowed));
        assert_eq!(outcome.code, 0, "{outcome:#?}");
    }
}

/// Role, endpoint and verdict of each target.
fn targets(outcome: &Outcome) -> Vec<String> {
    let report = outcome.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |target: &Value| {
        let (role, endpoint) = (text(&target["role"]), text(&target["endpoint"]));
        format!("{role} {endpoint} {}", target["ok"])
    };
    report["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}
