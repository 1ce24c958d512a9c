//! What is held against a server beyond CA and name: revocation lists, pins, security levels.

mod levels;
mod pins;
mod revocation;
