//! A verified way to the database for programs in any language: local clients speak the engine's own
//! protocol in plaintext, and each of their sessions is carried over one TLS connection that obeys the
//! whole policy of the settings.
//!
//! A session goes through three steps. It is admitted (who it is, how many there are already); its
//! engine's front reads what the client says first, dials the server and relays the login; from then on
//! the pump only moves bytes. There is no plaintext to the server, and no client without a word of its
//! own ever causes a connection to it.

mod accept;
mod admin;
mod admission;
mod client;
mod context;
mod health;
mod limits;
mod listen;
mod meters;
mod mysql;
mod options;
mod outcome;
mod plan;
mod postgres;
mod pump;
mod run;
mod session;
mod unix_socket;
mod upstream;
mod wanted;
mod workers;

pub use self::options::{ListenAddress, Options};
pub use self::run::run;
