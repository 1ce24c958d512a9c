//! `wa-db certs`, held against what the `openssl` program says of the same files, and against real
//! servers.

mod checked;
mod files;
mod made;
mod place;
mod renewed;
mod servers;
mod shown;
