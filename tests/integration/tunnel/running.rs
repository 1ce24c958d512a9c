//! A running tunnel, and what it says.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

pub(super) use crate::service::{AT_ONCE, PATIENCE};
use crate::service::{Answer, Service, wait_for};
use crate::support::Variables;

/// A tunnel in a process of its own. Dropping it ends it.
pub(crate) struct Tunnel(Service);

impl Tunnel {
    /// Starts `wa-db tunnel --role webapp` in these variables alone, and waits until it listens.
    pub(crate) fn start(arguments: &[&str], variables: &Variables) -> Self {
        let places = arguments.iter().filter(|word| **word == "--listen").count();
        let admin = usize::from(arguments.contains(&"--admin"));
        let words = [&["tunnel", "--role", "webapp"], arguments].concat();
        let listens = |log: &str| {
            let said = |words: &str| log.lines().filter(|line| line.contains(words)).count();
            said("listening") >= places.max(1) && said("health and metrics") >= admin
        };
        Self(Service::start(&words, variables, listens))
    }

    /// The port that it listens on: the first, if there are several.
    pub(crate) fn port(&self) -> u16 {
        self.port_after("place=")
    }

    /// The port of health and metrics.
    pub(super) fn admin_port(&self) -> u16 {
        self.port_after("address=")
    }

    fn port_after(&self, word: &str) -> u16 {
        let log = self.log();
        let place = log
            .lines()
            .filter_map(|line| line.split_once(word))
            .filter_map(|(_, rest)| rest.split_whitespace().next())
            .find(|place| !place.starts_with("unix:"));
        let place = place.unwrap_or_else(|| panic!("no {word} in:\n{log}"));
        let (_, port) = place.rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    pub(super) fn wait_for(&mut self, what: &str, done: impl FnMut(&mut Self) -> bool) {
        wait_for(self, what, done);
    }

    /// What its admin listener answers to a path: the status and the body.
    pub(super) fn ask(&self, path: &str) -> (u16, String) {
        let answer = self.answer(path);
        (answer.status, answer.body)
    }

    /// One value of its metrics: the first whose line begins with the name and holds the label.
    pub(super) fn metric(&self, name: &str, label: &str) -> Option<f64> {
        self.answer("/metrics").metric(name, &[label])
    }

    fn answer(&self, path: &str) -> Answer {
        let address = SocketAddr::from(([127, 0, 0, 1], self.admin_port()));
        Answer::of(address, path, "tunnel")
    }
}

impl Deref for Tunnel {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.0
    }
}

impl DerefMut for Tunnel {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.0
    }
}
