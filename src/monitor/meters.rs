//! What a monitor tells the `metrics` facade: [`Meters`]. Every metric carries the labels `role`, `engine` and
//! `endpoint`.
//!
//! | name | kind | meaning |
//! |---|---|---|
//! | `wa_db_monitor_up` | gauge | 1 where every stage of the newest look passed, else 0 |
//! | `wa_db_monitor_stage_up` | gauge | 1 for a stage that passed or was not needed, 0 for one that failed or was not reached; label `stage` |
//! | `wa_db_monitor_stage_failed` | gauge | 1 for the stage at which the newest look ended without success, 0 for the others; label `stage` |
//! | `wa_db_monitor_stage_seconds` | histogram | time of a stage that was run; label `stage` |
//! | `wa_db_monitor_probes_total` | counter | looks; label `outcome`: `ok`, `failed` |
//! | `wa_db_monitor_last_probe_timestamp_seconds` | gauge | when the newest look ended, in Unix time |
//! | `wa_db_monitor_last_audit_timestamp_seconds` | gauge | the same of the newest audit |
//! | `wa_db_monitor_certificate_expiry_seconds` | gauge | time left of a certificate, negative after its end; label `certificate`: `server`, `client`, `ca` |
//! | `wa_db_monitor_verified` | gauge | 1 where the server of the newest look was verified in full |
//! | `wa_db_monitor_would_fail` | gauge | 1 where verification is off and would have failed |
//! | `wa_db_monitor_pins` | gauge | 1 for the state that the pins are in; label `state` |
//! | `wa_db_monitor_findings` | gauge | findings of the newest audit that are not suppressed; labels `rule` and `severity` |

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{counter, gauge, histogram};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::board::Target;
use super::snapshot::Finding;
use crate::audit::Severity;
use crate::check::{PinState, Probe, StageReport, Status, TargetReport};
use crate::tls::seconds_left;

/// The labels of one target, and which findings it had.
pub(super) struct Meters {
    role: &'static str,
    engine: &'static str,
    endpoint: String,
    /// Those that are told: one that is gone must be told to be gone.
    findings: BTreeSet<(Severity, String)>,
}

impl Meters {
    /// The meters of a target. A recorder must be installed before.
    pub(super) fn new(target: &Target) -> Self {
        Self {
            role: target.role.as_str(),
            engine: target.engine.as_str(),
            endpoint: target.endpoint.to_string(),
            findings: BTreeSet::new(),
        }
    }

    /// A look at the target.
    pub(super) fn looked(&self, probe: &Probe) {
        let report = &probe.report;
        let (role, engine, endpoint) = (self.role, self.engine, &self.endpoint);
        let outcome = if report.ok() { "ok" } else { "failed" };
        counter!("wa_db_monitor_probes_total", "role" => role, "engine" => engine, "endpoint" => endpoint.clone(), "outcome" => outcome)
            .increment(1);
        gauge!("wa_db_monitor_up", "role" => role, "engine" => engine, "endpoint" => endpoint.clone())
            .set(one_if(report.ok()));
        gauge!("wa_db_monitor_last_probe_timestamp_seconds", "role" => role, "engine" => engine, "endpoint" => endpoint.clone())
            .set(now());
        for stage in report.stages() {
            self.stage(stage);
        }
        let tls = report.tls();
        let would_fail = tls.is_some_and(|tls| tls.would_fail.is_some());
        gauge!("wa_db_monitor_would_fail", "role" => role, "engine" => engine, "endpoint" => endpoint.clone())
            .set(one_if(would_fail));
        gauge!("wa_db_monitor_verified", "role" => role, "engine" => engine, "endpoint" => endpoint.clone())
            .set(one_if(tls.is_some_and(|tls| tls.verified)));
        for state in PinState::ALL {
            gauge!("wa_db_monitor_pins", "role" => role, "engine" => engine, "endpoint" => endpoint.clone(), "state" => state.as_str())
                .set(one_if(state == probe.pins));
        }
        self.certificate_ends("server", server_end(report));
        self.certificate_ends("client", probe.expiries.client);
        self.certificate_ends("ca", probe.expiries.ca);
    }

    /// An audit of the target.
    pub(super) fn audited(&mut self, findings: &[Finding]) {
        let (role, engine, endpoint) = (self.role, self.engine, &self.endpoint);
        gauge!("wa_db_monitor_last_audit_timestamp_seconds", "role" => role, "engine" => engine, "endpoint" => endpoint.clone())
            .set(now());
        let counted = findings
            .iter()
            .filter(|finding| finding.suppressed.is_none());
        let mut before = std::mem::take(&mut self.findings);
        for finding in counted {
            let key = (finding.severity, finding.id.clone());
            before.remove(&key);
            self.findings.insert(key);
        }
        for (severity, rule) in &self.findings {
            let same = findings.iter().filter(|finding| {
                finding.suppressed.is_none() && finding.severity == *severity && finding.id == *rule
            });
            self.finding(
                *severity,
                rule,
                u32::try_from(same.count()).unwrap_or(u32::MAX),
            );
        }
        for (severity, rule) in before {
            self.finding(severity, &rule, 0);
        }
    }

    fn finding(&self, severity: Severity, rule: &str, count: u32) {
        gauge!("wa_db_monitor_findings", "role" => self.role, "engine" => self.engine, "endpoint" => self.endpoint.clone(), "rule" => rule.to_owned(), "severity" => severity.as_str())
            .set(f64::from(count));
    }

    fn stage(&self, stage: &StageReport) {
        let name = stage.stage().as_str();
        let passed = match stage.status() {
            Status::Ok | Status::Warn => true,
            Status::Failed => false,
            Status::Skipped => !stage.is_missing(),
        };
        gauge!("wa_db_monitor_stage_up", "role" => self.role, "engine" => self.engine, "endpoint" => self.endpoint.clone(), "stage" => name)
            .set(one_if(passed));
        gauge!("wa_db_monitor_stage_failed", "role" => self.role, "engine" => self.engine, "endpoint" => self.endpoint.clone(), "stage" => name)
            .set(one_if(stage.status() == Status::Failed));
        if stage.status() != Status::Skipped {
            histogram!("wa_db_monitor_stage_seconds", "role" => self.role, "engine" => self.engine, "endpoint" => self.endpoint.clone(), "stage" => name)
                .record(stage.elapsed().get() / 1000.0);
        }
    }

    fn certificate_ends(&self, name: &'static str, end: Option<SystemTime>) {
        let Some(end) = end else { return };
        gauge!("wa_db_monitor_certificate_expiry_seconds", "role" => self.role, "engine" => self.engine, "endpoint" => self.endpoint.clone(), "certificate" => name)
            .set(seconds_left(end));
    }
}

/// When the certificate ends that the server showed.
fn server_end(report: &TargetReport) -> Option<SystemTime> {
    let certificate = report.tls()?.certificate.as_ref()?;
    OffsetDateTime::parse(&certificate.not_after, &Rfc3339)
        .ok()
        .map(SystemTime::from)
}

fn one_if(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
