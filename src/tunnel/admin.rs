//! Health and metrics over HTTP, on loopback: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use crate::code::ErrorCode;
use crate::settings::Fault;

/// The bounds of the histograms' buckets, in seconds: from a resumed session on this machine to a
/// deadline that was raised.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Collects what the `metrics` facade is told. To be made before anything is counted.
pub(super) struct Collector(PrometheusHandle);

impl Collector {
    /// Has this process's metrics collected.
    ///
    /// # Errors
    /// Somebody else collects them already.
    pub(super) fn install() -> Result<Self, Fault> {
        let installed = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .and_then(PrometheusBuilder::install_recorder);
        installed
            .map(Self)
            .map_err(|error| fault(&error.to_string()))
    }
}

/// The listener for health and metrics.
pub(super) struct Admin {
    listener: TcpListener,
    collector: Collector,
}

#[derive(Clone)]
struct Told {
    health: Arc<Health>,
    metrics: PrometheusHandle,
}

impl Admin {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not allowed to this user.
    pub(super) async fn open(address: SocketAddr, collector: Collector) -> Result<Self, Fault> {
        let listener = TcpListener::bind(address).await;
        let listener = listener
            .map_err(|error| fault(&format!("{address} cannot be listened on: {error}")))?;
        Ok(Self {
            listener,
            collector,
        })
    }

    /// Where it really listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until the tunnel ends.
    pub(super) async fn serve(self, health: Arc<Health>, ending: CancellationToken) {
        let told = Told {
            health,
            metrics: self.collector.0,
        };
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(told);
        tokio::select! {
            () = ending.cancelled() => {}
            served = axum::serve(self.listener, router) => {
                if let Err(error) = served {
                    tracing::warn!(%error, "the admin listener has ended");
                }
            }
        }
    }
}

async fn ready(State(told): State<Told>) -> (StatusCode, String) {
    match told.health.why_not_ready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics(State(told): State<Told>) -> Response {
    told.metrics.run_upkeep();
    let text = told.metrics.render();
    ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response()
}

fn fault(problem: &str) -> Fault {
    Fault::new(
        ErrorCode::VariableInvalid,
        "--admin",
        format!("--admin: {problem}"),
        "end what listens there, or name another address, such as 127.0.0.1:9187",
    )
}
