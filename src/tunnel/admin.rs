//! Health and metrics over HTTP, on loopback: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::health::Health;
use crate::code::ErrorCode;
use crate::settings::Fault;

/// The bounds of the histograms' buckets, in seconds: from a resumed session on this machine to a
/// deadline that was raised.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];
/// How many connections are served at once.
const CONNECTIONS: usize = 32;
/// How long one connection may take, from its first byte to its last: it carries one request.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait after the system could not give a connection.
const PAUSE: Duration = Duration::from_millis(100);
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

    /// What has to be called from time to time, or samples pile up between scrapes.
    pub(super) fn upkeep(&self) -> impl Fn() + use<> {
        let metrics = self.collector.0.clone();
        move || metrics.run_upkeep()
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
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // Who comes when all are taken waits in the kernel's queue.
            let (place, stream) = tokio::select! {
                () = ending.cancelled() => return,
                next = next(&places, &self.listener) => next,
            };
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let answered = http1::Builder::new()
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                // Who is late, or breaks the protocol, is cut off.
                let _ = timeout(DEADLINE, answered).await;
                drop(place);
            });
        }
    }
}

/// The next connection, once there is a place for it.
async fn next(
    places: &Arc<Semaphore>,
    listener: &TcpListener,
) -> (Option<OwnedSemaphorePermit>, TcpStream) {
    // It is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (place, stream),
            Err(error) => {
                tracing::warn!(%error, "a connection for health and metrics could not be accepted");
                sleep(PAUSE).await;
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
