//! What a PostgreSQL server says of the session.

use std::path::{Path, PathBuf};

use tokio_postgres::SimpleQueryMessage;
#[cfg(feature = "cli")]
use tokio_postgres::error::{DbError, Severity};

use super::failure::of_query;
use super::login::LoggedIn;
use crate::code::{ErrorCode, Stage};
#[cfg(feature = "cli")]
use crate::connect::answer::{Answer, Row};
#[cfg(feature = "cli")]
use crate::connect::facts::SessionFacts;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
#[cfg(feature = "cli")]
use crate::failure::printable;
use crate::settings::TargetSession;

#[cfg(feature = "cli")]
/// Version, role and encryption in one round trip. `pg_stat_ssl` is the server's own word on
/// whether this session is encrypted.
const FACTS: &str = "SELECT current_setting('server_version'), \
     (pg_is_in_recovery() OR current_setting('transaction_read_only')::bool)::text, \
     coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)::text";

#[cfg(feature = "cli")]
/// Asks the server about the session.
pub(crate) async fn facts(session: &LoggedIn) -> Result<SessionFacts, Failure> {
    let row = first_row(session, FACTS).await?;
    let [version, read_only, encrypted] = <[String; 3]>::try_from(row).map_err(|_| unexpected())?;
    Ok(SessionFacts {
        version: format!("PostgreSQL {}", printable(&version)),
        read_only: read_only == "true",
        encrypted: encrypted == "true",
    })
}

#[cfg(feature = "cli")]
/// The rows of a question; `None` where the server refuses to answer and goes on.
pub(crate) async fn ask(session: &LoggedIn, question: &str) -> Result<Option<Vec<Row>>, Failure> {
    let messages = match session.client.simple_query(question).await {
        Ok(messages) => messages,
        Err(error) => {
            let severity = error.as_db_error().and_then(DbError::parsed_severity);
            return match severity {
                Some(Severity::Error) => Ok(None),
                _ => Err(of_query(&error, session.trusted)),
            };
        }
    };
    let mut answer = Answer::default();
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            let column = |index| row.try_get(index).ok().flatten().map(str::to_owned);
            if !answer.take((0..row.len()).map(column)) {
                break;
            }
        }
    }
    Ok(Some(answer.into_rows()))
}

/// Refuses a server of another kind than the one asked for. `Any` asks nothing.
pub(crate) async fn check_target(
    session: &LoggedIn,
    target: TargetSession,
    endpoint: &Endpoint,
) -> Result<(), Failure> {
    if target == TargetSession::Any {
        return Ok(());
    }
    let row = first_row(
        session,
        "SELECT (pg_is_in_recovery() OR current_setting('transaction_read_only')::bool)::text",
    )
    .await?;
    let read_only = row.first().ok_or_else(unexpected)? == "true";
    crate::connect::target::judge(target, read_only, endpoint)
}

/// The socket file in the directory that the host names.
pub(crate) fn socket_file(directory: &Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}

async fn first_row(session: &LoggedIn, query: &str) -> Result<Vec<String>, Failure> {
    let messages = session
        .client
        .simple_query(query)
        .await
        .map_err(|error| of_query(&error, session.trusted))?;
    messages
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .and_then(|row| {
            (0..row.len())
                .map(|column| Some(row.try_get(column).ok()?.unwrap_or_default().to_owned()))
                .collect()
        })
        .ok_or_else(unexpected)
}

fn unexpected() -> Failure {
    Failure::new(
        Stage::Session,
        ErrorCode::ProtocolError,
        "the server at WA_DB_HOSTNAME answered a question about the session with something else",
        "check what answers at WA_DB_HOSTNAME; poolers must pass such queries on",
    )
}
