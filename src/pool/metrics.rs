//! What a pool tells the `metrics` facade. Every metric carries the labels `role` and `engine`.
//!
//! | name | kind | meaning |
//! |---|---|---|
//! | `wa_db_pool_connections_open` | gauge | connections the pool holds, idle or in use |
//! | `wa_db_pool_connections_idle` | gauge | those of them ready to be checked out |
//! | `wa_db_pool_connections_in_use` | gauge | those of them checked out |
//! | `wa_db_pool_waiters` | gauge | tasks that wait for a connection to become free |
//! | `wa_db_pool_wait_seconds` | histogram | wait of each checkout; 0 where a connection was free |
//! | `wa_db_connect_seconds` | histogram | time of one stage of a new connection; label `stage` |
//! | `wa_db_failures_total` | counter | failed connections and checkouts; label `code`, the contract's error code |
//! | `wa_db_certificate_expiry_seconds` | gauge | time left of a certificate, negative after its end; label `certificate`: `client`, `ca` for the first of the bundle to end, or `server` for the one that the server showed last (wire depth) |
//!
//! The handles are registered when the pool is built, so a recorder must be installed before that;
//! without one they do nothing. Only failures, and certificates where there are any, register theirs when
//! they are first seen, since a gauge that says 0 would be an alarm.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Gauge, Histogram, counter, gauge, histogram};

use crate::code::{ErrorCode, Stage};
use crate::settings::Role;
use crate::tls::{CertificateExpiries, seconds_left};

/// The handles of one pool.
pub(super) struct PoolMetrics {
    /// `wa_db_pool_connections_open`.
    pub(super) open: Gauge,
    /// `wa_db_pool_connections_idle`.
    pub(super) idle: Gauge,
    /// `wa_db_pool_connections_in_use`.
    pub(super) in_use: Gauge,
    /// `wa_db_pool_waiters`.
    pub(super) waiters: Gauge,
    /// `wa_db_pool_wait_seconds`.
    pub(super) wait: Histogram,
    client_certificate: OnceLock<Gauge>,
    ca_certificate: OnceLock<Gauge>,
    server_certificate: OnceLock<Gauge>,
    connect: [Histogram; Stage::ALL.len()],
    role: &'static str,
    engine: &'static str,
}

impl PoolMetrics {
    /// Registers the handles.
    pub(super) fn register(role: Role, engine: &'static str) -> Self {
        let role = role.as_str();
        Self {
            open: gauge!("wa_db_pool_connections_open", "role" => role, "engine" => engine),
            idle: gauge!("wa_db_pool_connections_idle", "role" => role, "engine" => engine),
            in_use: gauge!("wa_db_pool_connections_in_use", "role" => role, "engine" => engine),
            waiters: gauge!("wa_db_pool_waiters", "role" => role, "engine" => engine),
            wait: histogram!("wa_db_pool_wait_seconds", "role" => role, "engine" => engine),
            client_certificate: OnceLock::new(),
            ca_certificate: OnceLock::new(),
            server_certificate: OnceLock::new(),
            connect: Stage::ALL.map(|stage| {
                histogram!("wa_db_connect_seconds", "role" => role, "engine" => engine, "stage" => stage.as_str())
            }),
            role,
            engine,
        }
    }

    /// A new connection: how long each of its stages took.
    pub(super) fn connected(&self, stages: &[(Stage, Duration)]) {
        for (stage, took) in stages {
            for (known, histogram) in Stage::ALL.iter().zip(&self.connect) {
                if known == stage {
                    histogram.record(took.as_secs_f64());
                }
            }
        }
    }

    /// A connection or a checkout that failed.
    pub(super) fn failed(&self, code: ErrorCode) {
        counter!("wa_db_failures_total", "role" => self.role, "engine" => self.engine, "code" => code.as_str())
            .increment(1);
    }

    /// When the certificates end, of those that there are.
    pub(super) fn certificates_end(&self, expiries: CertificateExpiries) {
        for (name, end, known) in [
            ("client", expiries.client, &self.client_certificate),
            ("ca", expiries.ca, &self.ca_certificate),
            ("server", expiries.server, &self.server_certificate),
        ] {
            let Some(end) = end else { continue };
            known
                .get_or_init(|| {
                    gauge!(
                        "wa_db_certificate_expiry_seconds",
                        "role" => self.role, "engine" => self.engine, "certificate" => name
                    )
                })
                .set(seconds_left(end));
        }
    }
}
