//! One target, looked at once: for whoever looks again and again, [`probe`].

use std::time::Duration;

use tokio::time::timeout;

use super::pins::PinState;
use super::recorder::{Deadline, Recorder};
use super::report::{StageReport, TargetReport};
use super::target::{Examined, Target, is_choosy};
use crate::code::Stage;
use crate::connect::staged;
use crate::endpoint::Endpoint;
use crate::settings::{Environment, Role};
use crate::tls::CertificateExpiries;

/// How long a probe may take, and what sets that.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// First stage to last.
    pub length: Duration,
    /// What a person changes for another length: a flag or a variable.
    pub set_by: &'static str,
}

/// What one look at a target found.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its stages.
    pub report: TargetReport,
    /// When the certificates in our own files end, where those could be read.
    pub expiries: CertificateExpiries,
    /// What the pins say.
    pub pins: PinState,
}

/// Looks at one server of a role's list, through every stage, with as few connections as show them all:
/// two with `PostgreSQL`, one with MySQL, over TLS. Each logs in and says goodbye, so that a server counts
/// none of them as aborted. Variables and files are read anew.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub async fn probe(
    environment: &Environment,
    role: Role,
    endpoint: &Endpoint,
    limit: Limit,
) -> Probe {
    let started = tokio::time::Instant::now();
    let (settings, policy) = match staged::load(role, environment) {
        Ok(loaded) => loaded,
        Err(error) => {
            let elapsed = started.elapsed();
            return Probe {
                report: TargetReport::of_settings_error(role, &error, elapsed),
                expiries: CertificateExpiries::default(),
                pins: PinState::Unknown,
            };
        }
    };
    let loaded = StageReport::ok(Stage::Settings, started.elapsed(), "")
        .with_warnings(settings.warnings())
        .with_warnings(policy.warnings());
    let target = Target {
        settings: &settings.with_endpoint(endpoint.clone()),
        endpoint,
        policy: &policy,
        connections: 1,
        examined: Examined::LoggedIn,
        others_may_serve: is_choosy(&settings) && settings.endpoints().len() > 1,
    };
    let recorder = Recorder::new(&|_| ());
    recorder.push(loaded);
    if timeout(limit.length, target.run(&recorder)).await.is_err() {
        recorder.out_of_time(&Deadline::after(limit.length, limit.set_by));
    }
    let report = recorder.finish(target.settings, endpoint);
    Probe {
        pins: PinState::of(settings.tls(), &report),
        expiries: policy.expiries(),
        report,
    }
}
