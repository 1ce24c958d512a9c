//! `wa-db tunnel`.

use std::process::Command;

use super::{Running, free_port};
use crate::bed::Target;
use crate::programs::wa_db;

/// A tunnel with its defaults but for the number of sessions.
pub(crate) struct Tunnel {
    pub(crate) port: u16,
    pub(crate) process: Running,
}

impl Tunnel {
    pub(crate) fn start(target: &Target, sessions: usize) -> Self {
        let port = free_port();
        let mut command = Command::new(wa_db());
        command
            .env_clear()
            .envs(target.variables(1))
            .args(["tunnel", "--role", "webapp"])
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"))
            .arg("--max-connections")
            .arg(sessions.to_string());
        let process = Running::start(&mut command, port);
        Self { port, process }
    }
}
