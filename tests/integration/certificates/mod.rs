//! Rows P and M: what a server's certificate may look like.

mod ca_files;
mod engines;
mod names;
mod protocol;
mod shown;
pub(crate) mod trust;
