//! The errors of `mysql_async` in the contract's words.

use std::net::SocketAddr;

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::code::{ErrorCode, Stage};
use crate::connect::described::Described;
use crate::failure::{Failure, hearsay, printable};
use crate::settings::{PasswordSource, Verification};
use crate::tls::{TlsPolicy, native};
use crate::wire::{cause, dial};

/// What was being talked to.
pub(super) enum Reached<'a> {
    Socket,
    Address {
        address: SocketAddr,
        policy: &'a TlsPolicy,
        name: &'a str,
    },
}

/// An error before the session was ready. `password`: where the password came from.
pub(super) fn of_login(error: &Error, reached: Reached<'_>, password: &PasswordSource) -> Failure {
    let password = password.variable();
    let failure = match (error, reached) {
        (Error::Server(answer), Reached::Socket) => {
            of_answer(answer, true, &printable(&answer.message), password)
        }
        (Error::Server(answer), Reached::Address { policy, .. }) => {
            let after_tls = came_after_tls(answer);
            let trusted = after_tls && policy.verification() != Verification::Off;
            let text = if trusted {
                printable(&answer.message)
            } else {
                hearsay(&answer.message)
            };
            of_answer(answer, after_tls, &text, password)
        }
        (Error::Io(IoError::Tls(tls)), Reached::Address { policy, name, .. }) => {
            native_failure(tls, policy, name)
        }
        (Error::Io(IoError::Io(io)), Reached::Address { address, .. }) if !is_mid_protocol(io) => {
            dial::refused_by(address, io)
        }
        (Error::Driver(driver), _) => of_driver(driver),
        _ => broke_off(error),
    };
    let closed = matches!(error, Error::Driver(DriverError::ConnectionClosed));
    failure.caused_by(Described::of(error, closed))
}

/// Stands for a panic of the driver.
pub(super) fn driver_gave_up() -> Error {
    Error::Other("the driver cannot go on with what the server asks for".into())
}

/// An error of one of our own queries.
pub(crate) fn of_query(error: &Error) -> Failure {
    match error {
        Error::Server(answer) => Failure::new(
            Stage::Session,
            ErrorCode::ServerError,
            format!(
                "the server at WA_DB_HOSTNAME reports an error: {} ({})",
                printable(&answer.message),
                answer.code
            ),
            "the message is the server's own; its log may say more",
        ),
        Error::Driver(DriverError::LocalInfile(_)) => file_demanded(),
        other => Failure::new(
            Stage::Session,
            ErrorCode::ProtocolError,
            format!(
                "the server at WA_DB_HOSTNAME broke off a query: {}",
                printable(&other.to_string())
            ),
            "look into the server's log for its reason",
        ),
    }
}

fn native_failure(error: &mysql_async::TlsError, policy: &TlsPolicy, name: &str) -> Failure {
    match error {
        mysql_async::TlsError::TlsError(error) => native::failure(error, policy, name),
        // The variant belongs to blocking handshakes, which the driver does not make.
        mysql_async::TlsError::TlsHandshakeError(_) => crate::tls::verdict::broken_handshake(None),
    }
}

/// Numbers: "Server Error Message Reference" of MySQL's manual.
fn of_answer(answer: &ServerError, after_tls: bool, text: &str, password: &str) -> Failure {
    let number = answer.code;
    if !after_tls {
        return turned_away(number, text);
    }
    match number {
        1049 => Failure::new(
            Stage::Session,
            ErrorCode::DatabaseMissing,
            format!("the database of WA_DB_NAME (with WA_DB_NAME_PREFIX) does not exist: {text}"),
            "create the database or correct WA_DB_NAME and WA_DB_NAME_PREFIX",
        ),
        1044 => Failure::new(
            Stage::Authenticate,
            ErrorCode::AuthenticationFailed,
            format!("WA_DB_USERNAME may not use the database of WA_DB_NAME: {text}"),
            "grant the account its rights on that database, or correct WA_DB_NAME and WA_DB_NAME_PREFIX",
        ),
        1045 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => Failure::new(
            Stage::Authenticate,
            ErrorCode::AuthenticationFailed,
            format!("the server refuses the login of WA_DB_USERNAME: {text}"),
            format!(
                "check WA_DB_USERNAME and {password}, that the account may come from this host, and that WA_DB_SSL_CERT is what it REQUIREs"
            ),
        ),
        1251 | 1275 | 1524 => Failure::new(
            Stage::Authenticate,
            ErrorCode::AuthenticationMethodRefused,
            format!(
                "the server asks for a login method that is not supported for WA_DB_USERNAME: {text}"
            ),
            "let the account use caching_sha2_password, ed25519 or mysql_native_password",
        ),
        1040 | 1129 | 1130 | 1203 => turned_away(number, text),
        _ => Failure::new(
            Stage::Authenticate,
            ErrorCode::ServerError,
            format!("the server at WA_DB_HOSTNAME reports error {number}: {text}"),
            "the message is the server's own; its log may say more",
        ),
    }
}

/// What the server says in place of a greeting, or what cannot be told apart from that: nobody
/// vouches for it, so no number is taken for what it says, and the next server is tried.
fn turned_away(number: u16, text: &str) -> Failure {
    let hint = if GENERAL_STATE.contains(&number) {
        "if this is true, the account of WA_DB_USERNAME is locked, its password is over (ALTER USER) or its login plugin is missing; the server's log tells"
    } else {
        "1040 is \"too many connections\", 1129 a host blocked after many broken attempts (FLUSH HOSTS), 1130 a host without any account"
    };
    Failure::new(
        Stage::Connect,
        ErrorCode::ServerError,
        format!(
            "the server at WA_DB_HOSTNAME turned the connection away with error {number} ({text})"
        ),
        hint,
    )
}

/// Errors of the login that carry the general SQLSTATE also after TLS: an account that is locked or
/// whose password is over, a plugin that is missing.
const GENERAL_STATE: [u16; 7] = [1275, 1524, 1820, 1862, 3118, 3955, 4151];

/// Whether an error came after TLS. Before the login the server's errors carry no SQLSTATE, and
/// the driver fills in the general one; an error after it that carries the same is treated with
/// the same doubt.
fn came_after_tls(answer: &ServerError) -> bool {
    answer.state != "HY000"
}

fn of_driver(error: &DriverError) -> Failure {
    match error {
        DriverError::NoClientSslFlagFromServer => Failure::new(
            Stage::Tls,
            ErrorCode::TlsRefused,
            "the server at WA_DB_HOSTNAME does not offer TLS in its greeting; nothing further was sent",
            "switch TLS on at the server (ssl_cert and ssl_key); there is no variable for plaintext",
        ),
        DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled => {
            Failure::new(
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                "the server asked for WA_DB_PASSWORD by a method that gives it away (mysql_clear_password or mysql_old_password): nothing was sent",
                "let the account use caching_sha2_password, ed25519 or mysql_native_password",
            )
        }
        DriverError::UnknownAuthPlugin { name } => Failure::new(
            Stage::Authenticate,
            ErrorCode::AuthenticationMethodRefused,
            format!(
                "the server asks for a login method for WA_DB_USERNAME that is not supported ({})",
                hearsay(name)
            ),
            "let the account use caching_sha2_password, ed25519 or mysql_native_password",
        ),
        DriverError::LocalInfile(_) => file_demanded(),
        other => broke_off(&other),
    }
}

fn file_demanded() -> Failure {
    Failure::new(
        Stage::Session,
        ErrorCode::ProtocolError,
        "the server at WA_DB_HOSTNAME asked for a local file (LOAD DATA LOCAL): nothing was sent",
        "no server does this unasked: check what answers at WA_DB_HOSTNAME",
    )
}

pub(super) fn broke_off(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Stage::Authenticate,
        ErrorCode::ProtocolError,
        format!(
            "the server at WA_DB_HOSTNAME broke off or left the protocol during the login: {}",
            printable(&error.to_string())
        ),
        "check that WA_DB_ENGINE fits, and look into the server's log",
    )
}

/// Whether the connection had been made when this error came.
fn is_mid_protocol(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other};
    cause::is_hangup(error.kind()) || matches!(error.kind(), InvalidData | InvalidInput | Other)
}
