//! The pool's core on an engine without a server, under a paused clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod closing;
mod faults;
mod fixture;
mod lifetimes;
mod queue;
mod randomness;
mod recycling;
mod signals;
