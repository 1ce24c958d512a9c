//! Health and metrics over HTTP, on loopback: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use crate::serve::{Collector, EXPOSITION, HttpListener};
use crate::settings::Fault;

/// The listener for health and metrics.
pub(super) struct Admin {
    listener: HttpListener,
    collector: Collector,
}

#[derive(Clone)]
struct Told {
    health: Arc<Health>,
    metrics: Collector,
}

impl Admin {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not allowed to this user.
    pub(super) async fn open(address: SocketAddr, collector: Collector) -> Result<Self, Fault> {
        Ok(Self {
            listener: HttpListener::open("--admin", address).await?,
            collector,
        })
    }

    /// Where it really listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    /// Answers until the tunnel ends.
    pub(super) async fn serve(self, health: Arc<Health>, ending: CancellationToken) {
        let told = Told {
            health,
            metrics: self.collector,
        };
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(told);
        self.listener.serve(router, ending).await;
    }
}

async fn ready(State(told): State<Told>) -> (StatusCode, String) {
    match told.health.why_not_ready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics(State(told): State<Told>) -> Response {
    ([(header::CONTENT_TYPE, EXPOSITION)], told.metrics.render()).into_response()
}
