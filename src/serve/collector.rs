//! Collects what the `metrics` facade is told, for whoever serves it: [`Collector`].

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::described;
use crate::code::ErrorCode;
use crate::settings::Fault;

/// The bounds of the histograms' buckets, in seconds: from a resumed session on this machine to a
/// deadline that was raised.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];
/// The content type of [`Collector::render`].
pub(crate) const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Collects what the `metrics` facade is told. To be made before anything is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Collector(PrometheusHandle);

impl Collector {
    /// Has this process's metrics collected, each with a word on what it means.
    ///
    /// # Errors
    /// Somebody else collects them already.
    pub(crate) fn install() -> Result<Self, Fault> {
        let installed = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .and_then(PrometheusBuilder::install_recorder);
        let handle = installed.map_err(|error| {
            Fault::new(
                ErrorCode::VariableInvalid,
                "--admin",
                format!("--admin: {error}"),
                "leave --admin out, and let whoever collects this process's metrics serve them",
            )
        })?;
        described::describe();
        Ok(Self(handle))
    }

    /// To be called from time to time, or samples pile up between scrapes.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Everything counted so far, as Prometheus reads it.
    pub(crate) fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}
