//! Certificates, encrypted secrets, real database servers and hostile fakes for the tests of wa-db.
//!
//! Everything here serves a test that has no use for an error it cannot act on: what the
//! lab cannot do, it says in a panic that names the missing program or the failed step.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a lab that cannot do what a test asks fails that test, there and then"
)]

pub mod age;
pub mod fake;
pub mod pki;
pub mod run;
pub mod server;
