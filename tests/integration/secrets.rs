//! Canaries: no secret is ever shown.

mod canary;
mod command;
mod library;
mod server_logs;
