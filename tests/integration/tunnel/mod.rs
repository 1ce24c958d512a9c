//! `wa-db tunnel`: programs in any language against real servers and hostile ones.

mod admin;
mod cuts;
mod direct_tls;
mod door;
mod ending;
mod ends;
mod hostile;
mod inject;
mod listeners;
mod memory;
mod mysql;
mod postgres;
mod psql;
mod reports;
pub(crate) mod running;
mod silent;
mod start;
mod targets;
