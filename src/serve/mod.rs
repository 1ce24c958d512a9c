//! What every listener of ours needs, whatever it serves: who may be let near it, TLS with files that are
//! read again, HTTP for operators, the metrics that are told there, and the signals that end it.
//!
//! It knows nothing of what is behind it: the tunnel and the monitor bring that along.

mod collector;
mod complaints;
mod described;
mod exposure;
mod http;
mod listener_tls;
mod signals;

pub(crate) use self::collector::{Collector, EXPOSITION};
pub(crate) use self::complaints::Complaints;
pub(crate) use self::exposure::{exposed, is_local};
pub(crate) use self::http::HttpListener;
pub use self::listener_tls::TlsFiles;
pub(crate) use self::listener_tls::{ListenerTls, Profile};
pub(crate) use self::signals::{Signals, Wish};
