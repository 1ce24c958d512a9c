//! What a tunnel tells the `metrics` facade: [`Meters`]. Every metric carries the labels `role` and
//! `engine`.
//!
//! | name | kind | meaning |
//! |---|---|---|
//! | `wa_db_tunnel_sessions` | gauge | sessions carried now, their logins included |
//! | `wa_db_tunnel_sessions_total` | counter | clients that were let in |
//! | `wa_db_tunnel_refused_total` | counter | clients that were not; label `reason` |
//! | `wa_db_tunnel_bytes_total` | counter | bytes carried; label `direction`: `to_server`, `to_client` |
//! | `wa_db_connect_seconds` | histogram | time of one stage of a new connection; label `stage` |
//! | `wa_db_failures_total` | counter | connections to the server that failed; label `code` |
//! | `wa_db_certificate_expiry_seconds` | gauge | time left of a certificate, negative after its end; label `certificate`: `client`, `ca`, `listener` for those in our own files, `server` for the one that the server showed last |
//! | `wa_db_reloads_total` | counter | files that changed and were read again; labels `files`: `policy`, `listener`, and `result`: `loaded`, `failed`; without `role` and `engine` |

use std::time::{Duration, SystemTime};

use metrics::{Counter, Gauge, counter, gauge, histogram};

use crate::code::{ErrorCode, Stage};
use crate::settings::Settings;
use crate::tls::{CertificateExpiries, seconds_left};

/// The handles of one tunnel. A recorder must be installed before they are made.
pub(super) struct Meters {
    pub(super) sessions: Gauge,
    pub(super) admitted: Counter,
    pub(super) to_server: Counter,
    pub(super) to_client: Counter,
    role: &'static str,
    engine: &'static str,
}

impl Meters {
    pub(super) fn register(settings: &Settings) -> Self {
        let (role, engine) = (settings.role().as_str(), settings.engine().as_str());
        let bytes = |direction: &'static str| counter!("wa_db_tunnel_bytes_total", "role" => role, "engine" => engine, "direction" => direction);
        Self {
            sessions: gauge!("wa_db_tunnel_sessions", "role" => role, "engine" => engine),
            admitted: counter!("wa_db_tunnel_sessions_total", "role" => role, "engine" => engine),
            to_server: bytes("to_server"),
            to_client: bytes("to_client"),
            role,
            engine,
        }
    }

    /// A client that was not let in.
    pub(super) fn refused(&self, reason: &'static str) {
        counter!("wa_db_tunnel_refused_total", "role" => self.role, "engine" => self.engine, "reason" => reason)
            .increment(1);
    }

    /// How long one stage of a connection to the server took.
    pub(super) fn took(&self, stage: Stage, time: Duration) {
        histogram!("wa_db_connect_seconds", "role" => self.role, "engine" => self.engine, "stage" => stage.as_str())
            .record(time.as_secs_f64());
    }

    /// A connection to the server that failed.
    pub(super) fn failed(&self, code: ErrorCode) {
        counter!("wa_db_failures_total", "role" => self.role, "engine" => self.engine, "code" => code.as_str())
            .increment(1);
    }

    /// When the certificates of the policy end.
    pub(super) fn certificates_end(&self, expiries: CertificateExpiries) {
        self.certificate_ends("client", expiries.client);
        self.certificate_ends("ca", expiries.ca);
    }

    /// When one certificate ends, if there is one.
    pub(super) fn certificate_ends(&self, name: &'static str, end: Option<SystemTime>) {
        let Some(end) = end else { return };
        gauge!("wa_db_certificate_expiry_seconds", "role" => self.role, "engine" => self.engine, "certificate" => name)
            .set(seconds_left(end));
    }
}
