//! `--inject`: the tunnel logs in, and programs need not hold the password.

use wa_db_lab::fake::{PostgresScript, ScramFault};
use wa_db_lab::pki::Ca;
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::psql::Psql;
use super::running::Tunnel;
use crate::hostile::stand::{Stand, each, unverified};
use crate::support::{Variables, text, with};

/// An injecting tunnel on a socket in this directory, and a client that knows no password.
fn injecting(directory: &std::path::Path, variables: &Variables) -> (Tunnel, Psql) {
    let place = format!("unix:{}/.s.PGSQL.5432", text(directory));
    let tunnel = Tunnel::start(&["--listen", &place, "--inject"], variables);
    (
        tunnel,
        Psql::new(text(directory), 5432, "").with("user=somebody"),
    )
}

#[test]
fn client_with_any_name_and_password_is_logged_in_with_the_account_of_the_settings() {
    let servers = TestServers::shared();
    let server = servers.of(Engine::Postgres);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    wa_db_lab::pki::write_private(&file, format!("{}\n", server.password()));
    let variables = with(
        &server.env(),
        [
            ("WA_DB_SSL_CA", text(servers.ca_file())),
            ("WA_DB_PASSWORD", ""),
            ("WA_DB_PASSWORD_FILE", text(&file)),
            // Kept by the tunnel itself, whose TLS connection it is.
            ("WA_DB_CHANNEL_BINDING", "require"),
            // With these the logging shows all it ever does.
            ("RUST_LOG", "trace"),
            ("SSLKEYLOGFILE", "/dev/stderr"),
        ],
    );
    let (tunnel, psql) = injecting(directory.path(), &variables);
    assert_eq!(
        psql.run("SELECT current_user, current_database()"),
        "app|appdb\n"
    );
    let mut wrong = psql.with("user=other");
    wrong.password = "whatever".to_owned();
    assert_eq!(wrong.run("SELECT current_user"), "app\n");
    let missing = psql.with("dbname=no_such_thing").try_run("SELECT 1");
    assert!(
        missing.stderr.contains("\"no_such_thing\" does not exist"),
        "{missing:?}"
    );
    // The file is read for each session.
    wa_db_lab::pki::write_private(&file, "canary-rotated-31d7\n");
    let refused = psql.try_run("SELECT 1");
    assert!(
        refused.stderr.contains("password authentication failed"),
        "{refused:?}"
    );
    wa_db_lab::pki::write_private(&file, server.password());
    assert_eq!(psql.run("SELECT 1"), "1\n");
    let log = tunnel.log();
    assert!(
        !log.contains("canary") && !log.contains(server.password()),
        "{log}"
    );
}

#[test]
fn older_methods_are_answered_where_the_server_is_verified() {
    let ca = Ca::root("root of the methods");
    let server = Server::start(
        Engine::Postgres,
        ServerOptions::tls(&ca.issue(&TestServers::leaf()))
            .hba("hostssl all by_md5 all md5")
            .hba("hostssl all in_clear all password")
            .hba("hostssl all trusted all trust"),
    );
    server.sql(
        "SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'secret'; \
                CREATE ROLE in_clear LOGIN PASSWORD 'secret'; CREATE ROLE trusted LOGIN",
    );
    let file = server.file("ca.pem", ca.cert_pem());
    for user in ["by_md5", "in_clear", "trusted"] {
        let directory = tempfile::tempdir().unwrap();
        let variables = with(
            &server.env(),
            [
                ("WA_DB_SSL_CA", text(&file)),
                ("WA_DB_USERNAME", user),
                ("WA_DB_PASSWORD", "secret"),
            ],
        );
        let (_tunnel, psql) = injecting(directory.path(), &variables);
        assert_eq!(psql.run("SELECT current_user"), format!("{user}\n"));
    }
}

#[test]
fn a07_a08_a09_a10_server_that_cheats_gets_no_secret_and_no_session() {
    let stand = Stand::new();
    let scram = |fault| PostgresScript::Scram(fault);
    each(
        [
            (
                PostgresScript::AskClearPassword,
                true,
                "authentication_method_refused",
            ),
            (
                PostgresScript::AskMd5Password,
                true,
                "authentication_method_refused",
            ),
            (
                scram(ScramFault::PlusStripped),
                false,
                "channel_binding_unavailable",
            ),
            (
                scram(ScramFault::UnknownMechanism),
                true,
                "authentication_method_refused",
            ),
            (
                scram(ScramFault::Iterations(1)),
                true,
                "authentication_method_refused",
            ),
            (
                scram(ScramFault::Iterations(1 << 31)),
                true,
                "authentication_method_refused",
            ),
            (scram(ScramFault::ForeignNonce), true, "protocol_error"),
            (
                scram(ScramFault::OkAfterFirst),
                true,
                "authentication_failed",
            ),
            (
                scram(ScramFault::OkWithoutProof),
                true,
                "authentication_failed",
            ),
            (scram(ScramFault::WrongProof), true, "authentication_failed"),
            (
                scram(ScramFault::ErrorProof("other-error".to_owned())),
                true,
                "authentication_failed",
            ),
        ],
        |(script, off, code)| {
            let fake = stand.start(script.clone());
            let variables = if off {
                unverified(&stand.trusting(&fake))
            } else {
                with(
                    &stand.trusting(&fake),
                    [("WA_DB_CHANNEL_BINDING", "require")],
                )
            };
            let directory = tempfile::tempdir().unwrap();
            let (_tunnel, psql) = injecting(directory.path(), &variables);
            let refused = psql.try_run("SELECT 1");
            let words = format!("wa-db tunnel: {code}: ");
            assert!(refused.stderr.contains(&words), "{script:?}: {refused:?}");
            assert!(
                !fake.received_contains(wa_db_lab::fake::FAKE_PASSWORD.as_bytes()),
                "{script:?}: the password arrived"
            );
        },
    );
}
