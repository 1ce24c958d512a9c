//! What goes wrong in each stage, and how a test brings it about.

pub(super) mod authenticate;
pub(super) mod connect;
pub(super) mod resolve;
pub(super) mod session;
pub(super) mod settings;
pub(super) mod tls;
