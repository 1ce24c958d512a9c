//! MySQL's packets from the greeting to the end of the login, read and written as bytes ("Client/Server
//! Protocol", "Connection Phase", of MySQL's and MariaDB's manuals).
//!
//! Nothing here decides anything: it says what a packet holds, and builds one. Every packet of this
//! phase fits into [`LARGEST`] bytes, so none of a peer's ever takes more memory than that.

mod answer;
mod capabilities;
mod channel;
mod fields;
mod greeting;
mod response;

pub(crate) use self::answer::{Answer, ED25519, ErrorPacket};
pub(crate) use self::capabilities::Capabilities;
pub(crate) use self::channel::{Broken, Channel};
pub(crate) use self::greeting::Greeting;
pub(crate) use self::response::{Hello, Response};

/// The longest packet that either side may send before the login is done. Real ones stay below 1 KiB;
/// a client's attributes may take 64 KiB by the server's rule (`performance_schema_session_connect_attrs_size`).
pub(crate) const LARGEST: usize = 128 * 1024;
