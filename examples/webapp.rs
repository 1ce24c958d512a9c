//! A small web service on a verified database connection.
//!
//! ```text
//! ENV_FILE=db.env cargo run --example webapp
//! ```
//!
//! It takes the `WA_DB_*` variables of its environment, and those of the file `$ENV_FILE`, if that is set. It
//! listens on `$LISTEN`, or else on 127.0.0.1:8080.
//!
//! `/` shows the latest messages and takes a new one, `/healthz` says that the process is alive, `/readyz`
//! that it reaches its table, or where that fails. It starts whether or not the database is there. The
//! table is made at the first use if it is missing; where it exists, no right to make tables is needed.

mod common;
#[path = "webapp/page.rs"]
mod page;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use common::{DbError, Stop, within};
use page::Message;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use wa_db::mysql_async::prelude::Queryable;
use wa_db::{Pool, Role};

/// The answer to one request, the reading of it included.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// Whoever asks for readiness has a deadline of their own, and wants the reason before it.
const READY_DEADLINE: Duration = Duration::from_secs(3);
/// A form's size, percent signs and all.
const FORM_LIMIT: usize = 8 * 1024;
/// A message's length in characters.
const MESSAGE_LIMIT: usize = 500;
/// Messages on the page.
const SHOWN: usize = 20;

#[tokio::main]
async fn main() -> ExitCode {
    common::run(Role::Webapp, serve).await
}

async fn serve(pool: Pool, stop: Stop) -> io::Result<()> {
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = listen_on(&address).await?;
    tracing::info!("listening on {}", listener.local_addr()?);
    let draining = stop.clone();
    let server = axum::serve(listener, routes(Messages::new(pool)))
        .with_graceful_shutdown(async move { draining.asked().await });
    tokio::select! {
        ended = server => ended,
        () = stop.overdue() => {
            tracing::warn!("some requests were cut off");
            Ok(())
        }
    }
}

/// What is wrong with an address is said together with the address and where it can be changed.
async fn listen_on(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let told = format!("cannot listen on {address:?}: {error}; set LISTEN to HOST:PORT");
        io::Error::new(error.kind(), told)
    })
}

fn routes(messages: Messages) -> Router {
    Router::new()
        .route("/", get(show).post(write))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/style.css", get(style))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn(guard))
        .with_state(Arc::new(messages))
}

async fn show(State(messages): State<Arc<Messages>>) -> Result<Html<String>, Unavailable> {
    Ok(Html(page::render(&messages.latest().await?, MESSAGE_LIMIT)))
}

#[derive(Deserialize)]
struct NewMessage {
    body: String,
}

async fn write(
    State(messages): State<Arc<Messages>>,
    Form(message): Form<NewMessage>,
) -> Result<Response, Unavailable> {
    let body = message.body.trim();
    if body.is_empty() || body.chars().count() > MESSAGE_LIMIT || body.contains(char::is_control) {
        let rule = format!("a message has 1 to {MESSAGE_LIMIT} characters on one line\n");
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, rule).into_response());
    }
    messages.add(body).await?;
    Ok(Redirect::to("/").into_response())
}

async fn ready(State(messages): State<Arc<Messages>>) -> Result<&'static str, Unavailable> {
    within(READY_DEADLINE, messages.latest()).await?;
    Ok("ready\n")
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css")], page::STYLE)
}

/// An answer for strangers: the reason's code and stage. The rest goes to the log.
struct Unavailable(DbError);

impl From<DbError> for Unavailable {
    fn from(error: DbError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let label = error.label();
        tracing::warn!(
            code = label.code(),
            stage = label.stage(),
            error = &error as &dyn std::error::Error,
            hint = error.hint(),
            "not available"
        );
        (StatusCode::SERVICE_UNAVAILABLE, format!("{label}\n")).into_response()
    }
}

/// What holds for every request: it has a deadline, comes from our own page if it changes anything, and
/// browsers are told to run nothing in the answer and to keep none of it.
async fn guard(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site");
    let foreign = site.is_some_and(|site| site != "same-origin" && site != "none");
    let mut response = if foreign && request.method() != Method::GET {
        StatusCode::FORBIDDEN.into_response()
    } else {
        tokio::time::timeout(REQUEST_DEADLINE, next.run(request))
            .await
            .unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
    };
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The table `messages`.
struct Messages {
    pool: Pool,
    /// Set once the table is known to exist.
    table: OnceCell<()>,
}

impl Messages {
    fn new(pool: Pool) -> Self {
        Self {
            pool,
            table: OnceCell::new(),
        }
    }

    /// The latest messages, newest first.
    async fn latest(&self) -> Result<Vec<Message>, DbError> {
        self.table.get_or_try_init(|| self.make_table()).await?;
        match &self.pool {
            Pool::Postgres(pool) => {
                let query = format!(
                    "SELECT body, to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), \
                     delivered_at IS NOT NULL FROM messages ORDER BY id DESC LIMIT {SHOWN}"
                );
                let rows = pool.get().await?.query(&query, &[]).await?;
                rows.iter()
                    .map(|row| {
                        Ok(Message {
                            body: row.try_get(0)?,
                            written_at: row.try_get(1)?,
                            delivered: row.try_get(2)?,
                        })
                    })
                    .collect()
            }
            Pool::MySql(pool) => {
                let query = format!(
                    "SELECT body, CAST(written_at AS CHAR), delivered_at IS NOT NULL \
                     FROM messages ORDER BY id DESC LIMIT {SHOWN}"
                );
                let message = |(body, written_at, delivered)| Message {
                    body,
                    written_at,
                    delivered,
                };
                Ok(pool.get().await?.query_map(query, message).await?)
            }
        }
    }

    /// Writes one.
    async fn add(&self, body: &str) -> Result<(), DbError> {
        self.table.get_or_try_init(|| self.make_table()).await?;
        match &self.pool {
            Pool::Postgres(pool) => {
                let insert = "INSERT INTO messages (body) VALUES ($1)";
                pool.get().await?.execute(insert, &[&body]).await?;
            }
            Pool::MySql(pool) => {
                let insert = "INSERT INTO messages (body) VALUES (?)";
                pool.get().await?.exec_drop(insert, (body,)).await?;
            }
        }
        Ok(())
    }

    /// Makes the table where it is missing. It is looked for first, because PostgreSQL asks for the
    /// right to make one even when there is nothing to make.
    async fn make_table(&self) -> Result<(), DbError> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let client = pool.get().await?;
                let found = client.query_one("SELECT to_regclass('messages') IS NOT NULL", &[]);
                if !found.await?.try_get(0)? {
                    client.batch_execute(POSTGRES_TABLE).await?;
                }
            }
            Pool::MySql(pool) => {
                let mut client = pool.get().await?;
                let found: Option<String> =
                    client.query_first("SHOW TABLES LIKE 'messages'").await?;
                if found.is_none() {
                    client.query_drop(MYSQL_TABLE).await?;
                }
            }
        }
        Ok(())
    }
}

const POSTGRES_TABLE: &str = "CREATE TABLE IF NOT EXISTS messages (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body VARCHAR(500) NOT NULL,
    written_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    delivered_at TIMESTAMPTZ)";

const MYSQL_TABLE: &str = "CREATE TABLE IF NOT EXISTS messages (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    body VARCHAR(500) NOT NULL,
    written_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP),
    delivered_at DATETIME NULL) CHARACTER SET utf8mb4";
