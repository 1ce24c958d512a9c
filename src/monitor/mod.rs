//! Keeps checking and auditing every configured target, and shows what it finds: `wa-db monitor`.
//!
//! Each target (a role at a server of its list) is looked at through every stage of a connection, one look at
//! a time, with jitter and few connections; each look logs in and says goodbye. The newest of everything is on
//! one board, from which the page, `/status.json`, `/metrics` and the health paths are written.

mod auditor;
mod board;
mod describe;
#[cfg(test)]
mod fixtures;
mod headers;
mod history;
mod hosts;
mod judge;
mod meters;
mod options;
mod page;
mod run;
mod schedule;
mod snapshot;
mod sparkline;
mod subject;
mod web;

pub use self::options::Options;
pub use self::run::run;
