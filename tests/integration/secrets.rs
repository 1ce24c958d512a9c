//! Canaries: no secret is ever shown.

mod canary;
mod certs;
mod command;
mod encrypted;
mod library;
mod server_logs;
