//! `wa-db tunnel`: programs in any language against real servers and hostile ones.

mod mysql;
mod running;
