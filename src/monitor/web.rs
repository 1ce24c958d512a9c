//! What is served: the page and its two files, `/status.json`, `/metrics`, `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::board::Board;
use super::hosts::Hosts;
use super::{headers, judge, page};
use crate::serve::{Collector, EXPOSITION};

const STYLE: &str = include_str!("assets/status.css");
const SCRIPT: &str = include_str!("assets/status.js");

/// What the answers are made of.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) board: Arc<Board>,
    pub(super) metrics: Collector,
    /// The names by which it may be asked for; `None`: any.
    pub(super) hosts: Option<Arc<Hosts>>,
    pub(super) over_tls: bool,
}

/// Every path.
pub(super) fn router(page: Page) -> Router {
    Router::new()
        .route("/", get(status_page))
        .route(
            "/status.css",
            get(|| async { file("text/css; charset=utf-8", STYLE) }),
        )
        .route(
            "/status.js",
            get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }),
        )
        .route("/status.json", get(status_json))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is here\n") })
        .layer(middleware::from_fn_with_state(page.clone(), guard))
        .with_state(page)
}

/// Turns away who asks by a name that is not ours, and hardens every answer.
async fn guard(State(page): State<Page>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let may = page.hosts.as_ref().is_none_or(|hosts| hosts.allows(host));
    let mut response = if may {
        next.run(request).await
    } else {
        let told = "ask for this by localhost, 127.0.0.1, [::1] or the address of --admin\n";
        (StatusCode::MISDIRECTED_REQUEST, told).into_response()
    };
    headers::harden(response.headers_mut(), page.over_tls);
    response
}

async fn status_page(State(page): State<Page>) -> Html<String> {
    Html(page::render(&page.board.status()).into_string())
}

async fn status_json(State(page): State<Page>) -> Response {
    match serde_json::to_string_pretty(&page.board.status()) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => {
            tracing::error!(%error, "the status cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn metrics(State(page): State<Page>) -> Response {
    ([(header::CONTENT_TYPE, EXPOSITION)], page.metrics.render()).into_response()
}

async fn healthy(State(page): State<Page>) -> (StatusCode, String) {
    let overdue = page.board.overdue();
    if overdue.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let told = format!("not looked at for too long: {}\n", overdue.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, told)
}

async fn ready(State(page): State<Page>) -> (StatusCode, String) {
    match judge::why_not_ready(&page.board.status().targets) {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
