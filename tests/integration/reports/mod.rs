//! Reports of certificates that do not keep to the policy: to a file, and to a collector.

mod collector;
mod content;
mod delivery;
mod file;
