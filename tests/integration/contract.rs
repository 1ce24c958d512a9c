//! Commands, JSON, exit codes and error codes as the contract has them.

mod addresses;
mod binding;
mod codes;
mod failures;
mod flags;
mod hosts;
mod json;
pub(crate) mod lab;
mod legacy;
mod negotiation;
mod shapes;
mod sockets;
mod variables;
mod waiting;
