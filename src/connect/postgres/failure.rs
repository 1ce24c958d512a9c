//! tokio-postgres' errors in the contract's words.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use super::refused::Refused;
use crate::code::{ErrorCode, Stage};
use crate::connect::described::Described;
use crate::failure::{Failure, hearsay, printable};
use crate::settings::PasswordSource;
use crate::wire::cause;

/// An error before the session was ready. `trusted`: whether the server is verified, or local; the
/// words of any other are hearsay. `over_tls`: whether there is a channel to bind the login to.
/// `password`: where the password came from.
pub(super) fn of_login(
    error: &Error,
    trusted: bool,
    over_tls: bool,
    password: &PasswordSource,
) -> Failure {
    if let Some(refused) = cause::find::<Refused>(error) {
        return refused.failure();
    }
    if let Some(answer) = error.as_db_error() {
        return of_answer(answer, trusted, Stage::Authenticate, password.variable())
            .caused_by(Described::of(error, error.is_closed()));
    }
    let text = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    let failure = match text.as_str() {
        "password missing" => Failure::new(
            Stage::Authenticate,
            ErrorCode::AuthenticationFailed,
            "the server asks for a password and neither WA_DB_PASSWORD nor WA_DB_PASSWORD_FILE is set",
            "set WA_DB_PASSWORD_FILE to a file with the account's password",
        ),
        // Of a server that does not offer it the guard has said so before: here the driver found
        // nothing to bind to.
        "server did not use channel binding" if over_tls => Refused::NoBindingHash.failure(),
        "server did not use channel binding" => Refused::NoChannelBinding.failure(),
        text if text.contains("unsupported authentication method")
            || text.contains("unsupported SASL mechanism") =>
        {
            Failure::new(
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                "the server asks for a login method that is not supported for WA_DB_USERNAME (GSS, SSPI or unknown)",
                "let the server use scram-sha-256 for this account in pg_hba.conf",
            )
        }
        text if text.contains("SCRAM")
            || text.contains("invalid server signature")
            || text.contains("verif") =>
        {
            Refused::NoProof.failure()
        }
        _ => Failure::new(
            Stage::Authenticate,
            ErrorCode::ProtocolError,
            format!(
                "the server at WA_DB_HOSTNAME broke off or left the protocol during the login: {}",
                printable(&describe(error))
            ),
            "check that WA_DB_ENGINE fits, and look into the server's log",
        ),
    };
    failure.caused_by(Described::of(error, error.is_closed()))
}

/// An error of one of our own queries.
pub(super) fn of_query(error: &Error, trusted: bool) -> Failure {
    if let Some(refused) = cause::find::<Refused>(error) {
        let failure = refused.failure();
        return Failure::new(
            Stage::Session,
            failure.code(),
            failure.message(),
            failure.hint(),
        );
    }
    match error.as_db_error() {
        Some(answer) => of_answer(answer, trusted, Stage::Session, "WA_DB_PASSWORD")
            .caused_by(Described::of(error, error.is_closed())),
        None => Failure::new(
            Stage::Session,
            ErrorCode::ProtocolError,
            format!(
                "the server at WA_DB_HOSTNAME broke off a query: {}",
                printable(&describe(error))
            ),
            "look into the server's log for its reason",
        )
        .caused_by(Described::of(error, error.is_closed())),
    }
}

/// What the server itself says is wrong. SQLSTATEs: appendix A of PostgreSQL's manual.
fn of_answer(answer: &DbError, trusted: bool, stage: Stage, password: &str) -> Failure {
    let text = if trusted {
        printable(answer.message())
    } else {
        hearsay(answer.message())
    };
    let state = answer.code();
    let new = |stage, code, message: String, hint: &str| Failure::new(stage, code, message, hint);
    if is_certificate_demand(answer) {
        return new(
            Stage::Tls,
            ErrorCode::ClientCertificateRequired,
            format!(
                "the server demands a client certificate and WA_DB_SSL_CERT is not set: {text}"
            ),
            "set WA_DB_SSL_CERT and WA_DB_SSL_KEY to a client certificate of the CA that the server trusts for clients",
        );
    }
    match *state {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => new(
            Stage::Authenticate,
            ErrorCode::AuthenticationFailed,
            format!("the server refuses the login of WA_DB_USERNAME: {text}"),
            &format!(
                "check WA_DB_USERNAME and {password}; a line of pg_hba.conf must allow account, database, address and client certificate"
            ),
        ),
        SqlState::INVALID_CATALOG_NAME => new(
            Stage::Session,
            ErrorCode::DatabaseMissing,
            format!("the database of WA_DB_NAME (with WA_DB_NAME_PREFIX) does not exist: {text}"),
            "create the database or correct WA_DB_NAME and WA_DB_NAME_PREFIX",
        ),
        _ => new(
            stage,
            ErrorCode::ServerError,
            format!(
                "the server at WA_DB_HOSTNAME reports an error: {text} (SQLSTATE {})",
                printable(state.code())
            ),
            "the message is the server's own; its log may say more",
        ),
    }
}

/// `pg_hba.conf` demands a certificate and none was sent: the server says so only after TLS.
fn is_certificate_demand(answer: &DbError) -> bool {
    *answer.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        && answer
            .message()
            .contains("requires a valid client certificate")
}

fn describe(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
