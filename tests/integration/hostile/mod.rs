//! Rows A: servers that lie, flood or fall silent, and the drivers' own traps.
//!
//! Every case is met twice: by `wa-db check` as a process, whose own dialer looks first, and by the
//! library's connectors, where the drivers themselves face the server.

mod authentication;
mod before_tls;
mod floods;
mod malformed;
mod meet;
mod relay;
mod silence;
pub(crate) mod stand;
mod traps;
mod turnstile;
