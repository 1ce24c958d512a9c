//! `wa-db audit`: each rule where it applies and where it does not.

mod account;
mod accounts;
mod certificates;
mod cli;
mod evasions;
mod host;
mod link;
mod sarif;
mod support;
mod suppressions;
