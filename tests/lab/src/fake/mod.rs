//! Fake servers that attack or fail a client, on loopback, one thread per connection.
//!
//! [`FakePostgres`] and [`FakeMySql`] play a script to every client and record each byte it sends;
//! [`SilentListener`], [`Unreachable`] and [`UnixTrap`] say nothing; [`Proxy`] stands before a real
//! server as a network that fails.

mod fault;
mod link;
mod listen;
mod mysql;
mod persona;
mod postgres;
mod proxy;
mod seen;
mod server;
mod stop;

pub use fault::{Fault, Stage};
pub use listen::{SilentListener, UnixTrap, Unreachable};
pub use mysql::{
    CACHING_SHA2, FakeMySql, GreetingFault, MySqlFlood, MySqlScript, NATIVE, mysql_auth_switch,
    mysql_error, mysql_frame, mysql_greeting, mysql_ok, mysql_packet,
};
pub use persona::{Cell, FAKE_PASSWORD, Persona, Reply};
pub use postgres::{
    FakePostgres, PostgresFlood, PostgresScript, ScramFault, postgres_authentication,
    postgres_error, postgres_frame, postgres_message, postgres_notice, postgres_old_error,
    postgres_parameter, postgres_ready,
};
pub use proxy::Proxy;
pub use seen::{Event, Handshake, Seen};
pub use server::{FakeServer, TlsIdentity};
