//! Shows that every fake does what it says, mostly by talking to it over raw sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod drivers;
mod listen;
mod mysql;
mod postgres;
mod postgres_scram;
mod proxy;
mod stages;
