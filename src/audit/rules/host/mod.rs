//! Rules about the machines, the server and what stands around the link.

pub(super) mod audit;
pub(super) mod machine;
pub(super) mod server;
pub(super) mod services;
