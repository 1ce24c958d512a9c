//! TLS and certificates.

use wa_db_lab::fake::{Fault, Persona, PostgresScript, Stage};
use wa_db_lab::pki::{Ca, Leaf, self_signed};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::super::codes::Case;
use super::super::lab::{Fake, Files, trusted, trusting};
use crate::support::{Outcome, check, with};

pub(in super::super) const CASES: [Case; 11] = [
    ("tls_refused", 13, || {
        run(&Fake::start(PostgresScript::RefuseTls))
    }),
    ("tls_protocol", 13, || {
        run(&Fake::start(answers_like_a_web_server()))
    }),
    ("certificate_untrusted", 13, another_ca),
    ("certificate_self_signed", 13, signed_by_itself),
    ("certificate_expired", 13, || {
        presenting(&TestServers::leaf().expired())
    }),
    ("certificate_not_yet_valid", 13, || {
        presenting(&TestServers::leaf().not_yet_valid())
    }),
    ("certificate_purpose", 13, || {
        presenting(&TestServers::leaf().client_auth_only())
    }),
    ("hostname_mismatch", 13, another_name),
    ("client_certificate_required", 13, no_client_certificate),
    (
        "client_certificate_rejected",
        13,
        client_certificate_of_another_ca,
    ),
    ("timeout", 13, silent_in_the_handshake),
];

fn run(fake: &Fake) -> Outcome {
    check("webapp", &fake.variables)
}

fn presenting(leaf: &Leaf) -> Outcome {
    run(&Fake::presenting(
        leaf,
        Persona::healthy_postgres(),
        PostgresScript::Honest,
    ))
}

fn answers_like_a_web_server() -> PostgresScript {
    PostgresScript::Break {
        at: Stage::Answered,
        fault: Fault::HttpBanner,
    }
}

fn another_ca() -> Outcome {
    let servers = TestServers::shared();
    let files = Files::new();
    let impostor = files.public("ca.pem", servers.ca().impostor().cert_pem());
    let variables = servers.of(Engine::Postgres).env();
    check("webapp", &with(&variables, [("WA_DB_SSL_CA", &impostor)]))
}

fn signed_by_itself() -> Outcome {
    run(&Fake::with_identity(
        &Ca::root("another"),
        &self_signed(&TestServers::leaf()),
        Persona::healthy_postgres(),
        PostgresScript::Honest,
    ))
}

fn another_name() -> Outcome {
    let servers = TestServers::shared();
    let variables = trusted(&servers, Engine::MySql);
    check(
        "webapp",
        &with(&variables, [("WA_DB_SSL_SERVER_NAME", "other.lab")]),
    )
}

/// A PostgreSQL that lets nobody in without a certificate of this CA.
fn demanding(ca: &Ca) -> Server {
    let options = ServerOptions::tls(&ca.issue(&TestServers::leaf()))
        .client_ca(ca)
        .hba("hostssl all all 127.0.0.1/32 cert");
    Server::start(Engine::Postgres, options)
}

fn no_client_certificate() -> Outcome {
    let ca = Ca::root("root");
    check("webapp", &trusting(&demanding(&ca), &ca))
}

fn client_certificate_of_another_ca() -> Outcome {
    let ca = Ca::root("root");
    let server = demanding(&ca);
    let client = Ca::root("another").issue(&Leaf::client().cn("app"));
    let files = Files::new();
    let cert = files.public("cert.pem", client.chain_pem());
    let key = files.private("key.pem", client.key_pem());
    let identity = [("WA_DB_SSL_CERT", &*cert), ("WA_DB_SSL_KEY", &*key)];
    check("webapp", &with(&trusting(&server, &ca), identity))
}

fn silent_in_the_handshake() -> Outcome {
    let fake = Fake::start(PostgresScript::Break {
        at: Stage::Hello,
        fault: Fault::Silence,
    });
    let variables = with(&fake.variables, [("WA_DB_CONNECT_TIMEOUT", "1500ms")]);
    let outcome = check("webapp", &variables);
    assert!(outcome.took.as_millis() >= 1500, "{outcome:?}");
    // Ten seconds are the default.
    assert!(outcome.took.as_millis() < 8000, "{outcome:?}");
    outcome
}
