//! The question "do you speak TLS?" in both protocols.
//!
//! When it is answered with yes, the next byte on the stream must be TLS.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;

use std::io;

use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;

fn refused(problem: &str) -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsRefused,
        format!("the server at WA_DB_HOSTNAME {problem}; nothing further was sent"),
        "switch TLS on at the server (PostgreSQL: ssl = on; MySQL and MariaDB: ssl_cert and ssl_key); there is no variable for plaintext",
    )
}

fn not_the_protocol(stage: Stage, problem: &str) -> Failure {
    Failure::new(
        stage,
        ErrorCode::ProtocolError,
        format!("the server at WA_DB_HOSTNAME and WA_DB_PORT {problem}"),
        "check that WA_DB_ENGINE fits and that WA_DB_PORT leads to the database itself, not to a proxy or a web server",
    )
}

fn broken(stage: Stage, error: io::Error) -> Failure {
    Failure::new(
        stage,
        ErrorCode::ProtocolError,
        "the server at WA_DB_HOSTNAME and WA_DB_PORT closed the connection before TLS",
        "check that WA_DB_ENGINE fits and that the server has started, and look into its log",
    )
    .caused_by(error)
}
