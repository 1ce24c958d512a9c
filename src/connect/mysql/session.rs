//! What a MySQL or MariaDB server says of the session.

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, from_row_opt};
#[cfg(feature = "cli")]
use mysql_async::{Error, Value};

use super::failure::of_query;
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

/// More rows than this answer none of our questions.
const ROWS: usize = 3;

#[cfg(feature = "cli")]
/// Asks the server about the session. `Ssl_cipher` is its own word on whether this session is
/// encrypted.
pub(crate) async fn facts(conn: &mut Conn) -> Result<SessionFacts, Failure> {
    let version: Vec<String> = rows(conn, "SELECT VERSION()").await?;
    let version = version.first().ok_or_else(unexpected)?;
    let cipher: Vec<(String, String)> = rows(conn, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").await?;
    let (_, cipher) = cipher.first().ok_or_else(unexpected)?;
    Ok(SessionFacts {
        version: product(version),
        read_only: is_read_only(conn).await?,
        encrypted: !cipher.is_empty(),
    })
}

#[cfg(feature = "cli")]
/// The rows of a question; `None` where the server refuses to answer and goes on.
pub(crate) async fn ask(conn: &mut Conn, question: &str) -> Result<Option<Vec<Row>>, Failure> {
    let failed = |error| match error {
        Error::Server(_) => Ok(None),
        error => Err(of_query(&error)),
    };
    let mut rows = match conn.query_iter(question).await {
        Ok(rows) => rows,
        Err(error) => return failed(error),
    };
    let mut answer = Answer::default();
    loop {
        let row = match rows.next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return failed(error),
        };
        // What is left is read and dropped with the next question.
        if !answer.take(row.unwrap_raw().into_iter().map(text)) {
            break;
        }
    }
    Ok(Some(answer.into_rows()))
}

#[cfg(feature = "cli")]
/// Questions are asked in the text protocol, which has texts and NULL alone.
fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    }
}

#[cfg(feature = "cli")]
/// Whether the server turns everyone away who comes over TCP without TLS. It looks only once the
/// login is proven, so that a stranger cannot tell. Servers that do not know the variable do not.
pub(crate) async fn requires_tls(conn: &mut Conn) -> Result<bool, Failure> {
    let question = "SHOW GLOBAL VARIABLES LIKE 'require_secure_transport'";
    let switches: Vec<(String, String)> = rows(conn, question).await?;
    Ok(switches.iter().any(|(_, value)| is_on(value)))
}

/// Refuses a server of another kind than the one asked for.
pub(crate) async fn check_target(
    conn: &mut Conn,
    target: TargetSession,
    endpoint: &Endpoint,
) -> Result<(), Failure> {
    let read_only = is_read_only(conn).await?;
    crate::connect::target::judge(target, read_only, endpoint)
}

/// Any of the three switches makes a server refuse an ordinary account's writes. MariaDB has no
/// `super_read_only`, so they are asked for by name.
async fn is_read_only(conn: &mut Conn) -> Result<bool, Failure> {
    let switches: Vec<(String, String)> = rows(
        conn,
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only')",
    )
    .await?;
    if switches.is_empty() {
        return Err(unexpected());
    }
    Ok(!switches.iter().all(|(_, value)| is_off(value)))
}

#[cfg(feature = "cli")]
fn is_on(value: &str) -> bool {
    value.eq_ignore_ascii_case("ON") || value == "1"
}

/// `read_only` of MariaDB has more than one kind of on, from 12.0: whatever is not off counts.
fn is_off(value: &str) -> bool {
    value.eq_ignore_ascii_case("OFF") || value == "0"
}

/// The rows of a query that has a few at most. The driver would collect as many as come, and panic
/// at one of another shape than the one asked for; here either is the failure of a server that is
/// none.
async fn rows<T: FromRow + Send>(conn: &mut Conn, query: &str) -> Result<Vec<T>, Failure> {
    let failed = |error| of_query(&error);
    let mut answer = conn.query_iter(query).await.map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(row) = answer.next().await.map_err(failed)? {
        if rows.len() == ROWS {
            return Err(unexpected());
        }
        rows.push(from_row_opt(row).map_err(|_| unexpected())?);
    }
    Ok(rows)
}

#[cfg(feature = "cli")]
/// `8.0.36` or `10.11.6-MariaDB-0+deb12u1` with the product's name in front.
fn product(version: &str) -> String {
    let version = printable(version);
    let product = if version.contains("MariaDB") {
        "MariaDB"
    } else {
        "MySQL"
    };
    format!("{product} {version}")
}

fn unexpected() -> Failure {
    Failure::new(
        Stage::Session,
        ErrorCode::ProtocolError,
        "the server at WA_DB_HOSTNAME answered a question about the session with something else",
        "check what answers at WA_DB_HOSTNAME; proxies must pass such queries on",
    )
}
