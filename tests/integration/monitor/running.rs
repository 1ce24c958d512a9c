//! A running monitor, and what it says.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use serde_json::Value;

pub(super) use crate::service::{Answer, PATIENCE};
use crate::service::{Service, wait_for};
use crate::support::Variables;

/// A monitor in a process of its own. Dropping it ends it.
pub(super) struct Monitor(Service);

impl Monitor {
    /// Starts `wa-db monitor` for one role in these variables alone, and waits until it serves.
    pub(super) fn start(role: &str, arguments: &[&str], variables: &Variables) -> Self {
        let mut words = vec!["monitor", "--role", role];
        if !arguments.contains(&"--admin") {
            words.extend(["--admin", "127.0.0.1:0"]);
        }
        words.extend(arguments);
        let serves = |log: &str| log.contains("the status page is at");
        Self(Service::start(&words, variables, serves))
    }

    /// Where it serves.
    pub(super) fn address(&self) -> SocketAddr {
        let log = self.log();
        let place = log.split_once("address=").map(|(_, rest)| rest);
        let place = place.and_then(|rest| rest.split_whitespace().next());
        place.unwrap_or_default().parse().unwrap()
    }

    pub(super) fn wait_for(&mut self, what: &str, done: impl FnMut(&mut Self) -> bool) {
        wait_for(self, what, done);
    }

    /// Waits until every target is in a state.
    pub(super) fn wait_until(&mut self, state: &str) -> Value {
        self.wait_for(state, |monitor| monitor.status()["state"] == state);
        self.status()
    }

    /// Waits until every target was audited once.
    pub(super) fn wait_for_audits(&mut self) {
        self.wait_for("an audit of each target", |monitor| {
            let status = monitor.status();
            let mut targets = status["targets"].as_array().unwrap().iter();
            targets.all(|target| target["audit"].is_object())
        });
    }

    /// What it answers to a path, asked for by `localhost`.
    pub(super) fn ask(&self, path: &str) -> Answer {
        self.ask_as(path, "localhost")
    }

    /// The same by another name.
    pub(super) fn ask_as(&self, path: &str, host: &str) -> Answer {
        let mut address = self.address();
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        Answer::of(address, path, host)
    }

    /// `/status.json`.
    pub(super) fn status(&self) -> Value {
        serde_json::from_str(&self.ask("/status.json").body).unwrap()
    }

    /// One value of its metrics: the first of the name whose line holds every label.
    pub(super) fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        self.ask("/metrics").metric(&format!("{name}{{"), labels)
    }
}

impl Deref for Monitor {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.0
    }
}

impl DerefMut for Monitor {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.0
    }
}
