//! The whole product against real servers and hostile ones. Test names carry the ids of the cases.
//!
//! One binary, so that the three servers are started once. A missing server fails; nothing skips.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod audit;
mod certificates;
mod certs;
mod client_identity;
mod clients;
mod contract;
mod hostile;
mod layering;
mod monitor;
mod pins;
mod policy;
mod pool;
mod relay;
mod reports;
mod resumption;
mod second_look;
mod secrets;
mod service;
mod support;
mod tls_front;
mod tunnel;
mod verdict;
