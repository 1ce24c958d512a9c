//! Both example services as processes, together, against each of the real servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod service;
mod stage;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::SystemTime;

use service::{Service, program, wait_until};
use stage::{Silent, Stage};
use wa_db_lab::server::Engine;

#[test]
fn services_on_postgres_deliver_survive_a_restart_and_end_cleanly() {
    deliver_survive_and_end(Engine::Postgres);
}

#[test]
fn services_on_mariadb_deliver_survive_a_restart_and_end_cleanly() {
    deliver_survive_and_end(Engine::MariaDb);
}

#[test]
fn services_on_mysql_deliver_survive_a_restart_and_end_cleanly() {
    deliver_survive_and_end(Engine::MySql);
}

fn deliver_survive_and_end(engine: Engine) {
    let stage = Stage::new(engine);
    stage.make_table_and_accounts();
    let webapp = stage.webapp("webapp");
    let heartbeat = stage.server.file("heartbeat", "");
    let mut variables = stage.variables("coreapp");
    variables.insert("HEARTBEAT".to_owned(), heartbeat.display().to_string());
    let coreapp = Service::start("coreapp", &variables);

    webapp.answers_in_time("/readyz", 200, "ready");
    webapp.write("<b>first</b>");
    webapp.answers_in_time("/", 200, "&lt;b&gt;first&lt;/b&gt;");
    webapp.answers_in_time(
        "/",
        200,
        "<td class=\"delivered\">delivered</td><td>&lt;b&gt;first",
    );

    stage.server.stop();
    webapp.answers_in_time("/readyz", 503, "connection_refused at stage connect");
    assert_eq!(webapp.get("/healthz").status, 200);
    let stopped = SystemTime::now();
    wait_until("the heartbeat goes on without a server", || {
        fs::metadata(&heartbeat).unwrap().modified().unwrap() > stopped
    });

    stage.server.resume();
    webapp.answers_in_time("/readyz", 200, "ready");
    webapp.write("second");
    webapp.answers_in_time("/", 200, "<td class=\"delivered\">delivered</td><td>second");

    // A client that keeps its connection, and one that never ends its request, hold nothing up.
    let mut kept = TcpStream::connect(webapp.address()).unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut unfinished = TcpStream::connect(webapp.address()).unwrap();
    unfinished
        .write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nbo")
        .unwrap();
    for service in [webapp, coreapp] {
        let output = service.end("TERM");
        assert!(output.contains("stopped"), "{output}");
        assert!(!output.contains(stage.server.password()), "{output}");
    }
}

#[test]
fn services_end_in_time_while_their_server_is_silent() {
    // A stopped PostgreSQL would go on with the sessions it has: those are other processes.
    let stage = Stage::new(Engine::MariaDb);
    stage.make_table_and_accounts();
    let webapp = stage.webapp("webapp");
    let coreapp = Service::start("coreapp", &stage.variables("coreapp"));
    webapp.answers_in_time("/readyz", 200, "ready");
    webapp.write("delivered before");
    webapp.answers_in_time("/", 200, "<td class=\"delivered\">delivered</td>");

    let silent = Silent::new(stage.server.pid().unwrap());
    webapp.answers_in_time("/readyz", 503, "timeout at stage session");
    let output = webapp.end("TERM") + &coreapp.end("TERM");
    drop(silent);
    assert!(output.contains("the last turn was cut off"), "{output}");
}

#[test]
fn missing_table_is_made_by_a_webapp_that_may() {
    for engine in Engine::ALL {
        let stage = Stage::new(engine);
        let webapp = stage.webapp("app");
        webapp.answers_in_time("/readyz", 200, "ready");
        webapp.write("into a new table");
        webapp.answers_in_time(
            "/",
            200,
            "<td class=\"waiting\">waiting</td><td>into a new table",
        );
        webapp.end("INT");
    }
}

#[test]
fn webapp_refuses_what_is_too_long_empty_or_from_elsewhere_and_guards_its_answers() {
    let stage = Stage::new(Engine::Postgres);
    let webapp = stage.webapp("app");
    webapp.answers_in_time("/readyz", 200, "ready");
    let long = format!("body={}", "x".repeat(501));
    let flood = format!("body={}", "x".repeat(9000));
    for (status, header, form) in [
        (303, "", "body=fine"),
        (303, "Sec-Fetch-Site: same-origin\r\n", "body=fine"),
        (403, "Sec-Fetch-Site: cross-site\r\n", "body=fine"),
        (422, "", "body="),
        (422, "", "body=+++"),
        (422, "", "body=two%0Alines"),
        (422, "", "body=zero%00byte"),
        (422, "", "other=fine"),
        (422, "", &long),
        (413, "", &flood),
    ] {
        assert_eq!(webapp.post(header, form).status, status, "{header}{form}");
    }
    let page = webapp.get("/");
    for header in [
        "content-security-policy: default-src 'none'; style-src 'self';",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(
            page.text.contains(header),
            "{header} missing: {}",
            page.text
        );
    }
    webapp.end("TERM");
}

#[test]
fn faulty_settings_end_both_services_with_1_and_name_every_variable() {
    for example in ["webapp", "coreapp"] {
        let variables = [("WA_DB_ENGINE", "ORACLE"), ("WA_DB_PASSWORD", "canary-77")];
        let output = Command::new(program(example))
            .env_clear()
            .envs(variables)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        for variable in ["WA_DB_ENGINE", "WA_DB_HOSTNAME", "WA_DB_USERNAME"] {
            assert!(said.contains(variable), "{variable} missing: {said}");
        }
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn env_file_is_read_as_the_command_reads_it_and_failures_carry_code_and_stage() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("db.env");
    // Nothing listens on port 1. A shell would end the line at the semicolon and expand the rest.
    let lines = "WA_DB_ENGINE=PGSQL\nWA_DB_HOSTNAME=127.0.0.1\nWA_DB_PORT=1\nWA_DB_USERNAME=app;$HOME`id`\n";
    fs::write(&file, lines).unwrap();
    let variables = [
        ("ENV_FILE", file.display().to_string()),
        ("HEARTBEAT", "/nonexistent/heartbeat".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let coreapp = Service::start("coreapp", &variables.into());
    wait_until("several turns have failed", || {
        coreapp.said().matches("trying again").count() > 2
    });
    let output = coreapp.end("TERM");
    assert!(
        output.contains("code=\"connection_refused\" stage=\"connect\""),
        "{output}"
    );
    assert_eq!(output.matches("HEARTBEAT").count(), 1, "{output}");
    assert!(output.contains("/nonexistent/heartbeat"), "{output}");
}

#[test]
fn unusable_address_ends_the_webapp_with_1_and_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for address in ["banana", &taken] {
        let output = Command::new(program("webapp"))
            .env_clear()
            .env("WA_DB_ENGINE", "PGSQL")
            .env("WA_DB_HOSTNAME", "127.0.0.1")
            .env("WA_DB_USERNAME", "app")
            .env("LISTEN", address)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("set LISTEN to HOST:PORT"), "{said}");
        assert!(said.contains(address), "{said}");
    }
}
