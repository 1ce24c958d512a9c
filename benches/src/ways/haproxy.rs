//! `HAProxy` in TCP mode, which only copies: the client does its own TLS through it. What it costs is what any
//! program in between costs, before it has done anything.

use std::process::Command;

use tempfile::TempDir;

use super::{Running, free_port};
use crate::bed::{HOST, Target};

pub(crate) struct HaProxy {
    /// The server as it is reached through it.
    pub(crate) target: Target,
    _process: Running,
    _directory: TempDir,
}

impl HaProxy {
    pub(crate) fn start(target: &Target) -> Self {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("haproxy.cfg");
        let configuration = format!(
            "global\n  maxconn 1000\n\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  \
             timeout server 1h\n\nlisten database\n  bind 127.0.0.1:{port}\n  server one {HOST}:{}\n",
            target.port
        );
        std::fs::write(&file, configuration).expect("the directory can be written");
        let mut command = Command::new("haproxy");
        command.arg("-f").arg(&file);
        let process = Running::start(&mut command, port);
        Self {
            target: Target {
                port,
                ..target.clone()
            },
            _process: process,
            _directory: directory,
        }
    }
}
